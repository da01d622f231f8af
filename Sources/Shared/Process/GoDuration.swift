public import ArgumentParser
import MizzenSystem

/// A span of time in the notation of Go's `time.Duration`, which Corefiles, kube-state-metrics' and metrics-server's
/// flags, and metrics-server's answers use.
public struct GoDuration: Hashable, Sendable, CustomStringConvertible, ExpressibleByArgument {
    public var nanoseconds: Int64

    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
    public init(seconds: Int64) { self.nanoseconds = seconds * 1_000_000_000 }

    public var description: String { GoDurationText.format(nanoseconds) }
    public var duration: Duration { .nanoseconds(nanoseconds) }
    public var seconds: Double { Double(nanoseconds) / 1e9 }

    /// Nil for what Go refuses, numbers without a unit included.
    public init?(argument: String) {
        guard let nanoseconds = GoDurationText.parse(argument) else { return nil }
        self.init(nanoseconds: nanoseconds)
    }
}
