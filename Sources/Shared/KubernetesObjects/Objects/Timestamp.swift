/// A moment, as in `metav1.Time` and `metav1.MicroTime`: seconds since 1970-01-01 UTC and nanoseconds.
public struct Timestamp: Hashable, Sendable, Comparable {
    public var seconds: Int64
    /// 0 ..< 1,000,000,000.
    public var nanoseconds: Int32

    public init(seconds: Int64, nanoseconds: Int32 = 0) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    public init(nanosecondsSinceEpoch nanoseconds: Int64) {
        let billion: Int64 = 1_000_000_000
        let rest = nanoseconds % billion
        seconds = rest < 0 ? nanoseconds / billion - 1 : nanoseconds / billion
        self.nanoseconds = Int32(rest < 0 ? rest + billion : rest)
    }

    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }
}
