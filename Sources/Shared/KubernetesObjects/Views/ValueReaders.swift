internal import CSchemas
internal import Glibc

// Messages that are one value. Safe, all of them: a pointer to such a message in a message of ours is NULL or valid.

/// The empty message is Kubernetes' zero time and reads as absent.
func timestamp(_ time: UnsafePointer<Meta__Time>?) -> Timestamp? {
    guard let time = unsafe time else { return nil }
    return unsafe timestamp(time.pointee.has_seconds, time.pointee.seconds, time.pointee.has_nanos, time.pointee.nanos)
}

func timestamp(_ time: UnsafePointer<Meta__MicroTime>?) -> Timestamp? {
    guard let time = unsafe time else { return nil }
    return unsafe timestamp(time.pointee.has_seconds, time.pointee.seconds, time.pointee.has_nanos, time.pointee.nanos)
}

private func timestamp(_ hasSeconds: Int32, _ seconds: Int64, _ hasNanos: Int32, _ nanos: Int32) -> Timestamp? {
    if hasSeconds == 0, hasNanos == 0 { return nil }
    let nanoseconds = hasNanos == 0 ? 0 : nanos
    guard (0..<1_000_000_000).contains(nanoseconds) else { return nil }
    return Timestamp(seconds: hasSeconds == 0 ? 0 : seconds, nanoseconds: nanoseconds)
}

/// - Parameter absent: what Kubernetes holds where there is no message.
func quantity(_ quantity: UnsafePointer<Meta__Quantity>?, absent: Quantity? = nil) -> Quantity? {
    guard let quantity = unsafe quantity else { return absent }
    guard let characters = unsafe quantity.pointee.string else { return .zero }
    // Safe: protobuf-c ends every string with NUL.
    return unsafe Quantity(utf8: UnsafeRawBufferPointer(start: characters, count: strlen(characters)))
}

func intOrString(_ value: UnsafePointer<Meta__IntOrString>?) -> IntOrString? {
    guard let value = unsafe value else { return nil }
    if unsafe value.pointee.type == 0 { return unsafe .int(value.pointee.intval) }
    guard let characters = unsafe value.pointee.strval else { return .string("") }
    return unsafe .string(String(cString: characters))
}
