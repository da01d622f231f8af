/// One property that must hold for any bytes.
public struct FuzzTarget: Sendable {
    public let name: String
    /// Traps where the property does not hold.
    public let run: @Sendable (RawSpan) -> Void
}
