/// A time in which a count grows again and again, so that the log has its beginning and its end and not each event.
public struct CountEpisode: Sendable {
    public enum Change: Equatable, Sendable {
        case begins
        /// With how many events.
        case ends(UInt64)
    }

    /// Without another event for so many nanoseconds it is over.
    public static let calm: UInt64 = 30_000_000_000

    private var known: UInt64 = 0
    private var first: UInt64 = 0
    private var lastGrowth: UInt64 = 0
    private var isOn = false

    public init() {}

    /// - Parameters:
    ///   - count: of events until now.
    ///   - now: monotonic nanoseconds.
    public mutating func update(_ count: UInt64, _ now: UInt64) -> Change? {
        if count != known {
            let before = known
            (known, lastGrowth) = (count, now)
            if isOn { return nil }
            (first, isOn) = (before, true)
            return .begins
        }
        guard isOn, now >= lastGrowth + Self.calm else { return nil }
        isOn = false
        return .ends(count - first)
    }
}
