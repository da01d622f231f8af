// DeltaStream
