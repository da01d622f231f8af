/// How long to wait after failures: 0.8 s, doubled with each one, up to 30 s, with jitter so that watches which broke
/// together do not come back together; from the start again after two minutes without a failure (client-go's numbers).
struct Backoff: Hashable, Sendable {
    static let first: Duration = .milliseconds(800)
    /// Before jitter, which may double it.
    static let last: Duration = .seconds(13)
    static let healthyPeriod: Duration = .seconds(120)

    private var next = first
    private var lastFailure: Duration?

    /// - Parameters:
    ///   - now: of the reflector's clock.
    ///   - draw: random, 0 ..< 1.
    mutating func failed(now: Duration, draw: Double) -> Duration {
        if let lastFailure, now - lastFailure > Self.healthyPeriod { next = Self.first }
        let wait = next * (1 + draw)
        next = min(next * 2, Self.last)
        // The wait itself is no health.
        lastFailure = now + wait
        return wait
    }
}
