/// When a silent peer is asked whether it is still there, and when it is given up: a value without clock or network.
///
/// A peer is a connection, asked by HTTP/2 PING, or the server at the end of it, asked by a small request. Whatever arrives is a sign of
/// life, not only the answer to the question: who sends a long frame slowly is not dead.
struct SignsOfLife: Hashable, Sendable {
    enum Verdict: Hashable, Sendable {
        /// Nothing to do for so long, unless something happens.
        case waits(Duration)
        /// Ask now, then judge again.
        case asks
        /// Nothing arrived since the question, nor for so long before.
        case isDead(silence: Duration)
    }

    let limits: SilenceLimits
    /// All moments are of one clock of the caller's choice.
    private var lastSign: Duration
    private var asked: Duration?

    init(limits: SilenceLimits, now: Duration) {
        self.limits = limits
        lastSign = now
    }

    /// Something arrived.
    mutating func heard(now: Duration) { lastSign = now }

    /// - Parameter waitingSince: since when something is expected of the peer; silence before that says nothing.
    mutating func judge(now: Duration, waitingSince: Duration) -> Verdict {
        let since = max(lastSign, waitingSince)
        let silence = now - since
        guard silence >= limits.quiet else { return .waits(limits.quiet - silence) }
        // A question from before this silence was another's.
        guard let asked, asked > since else {
            self.asked = now
            return .asks
        }
        let waited = now - asked
        return waited < limits.answer ? .waits(limits.answer - waited) : .isDead(silence: silence)
    }
}

/// How long silence may last before a peer is asked for a sign of life, and how long its answer may take.
public struct SilenceLimits: Hashable, Sendable {
    public var quiet: Duration
    public var answer: Duration

    /// The defaults are client-go's for HTTP/2: a PING when nothing was read for 30 s, and 15 s for its answer
    /// (`readIdleTimeoutSeconds` and `pingTimeoutSeconds` in apimachinery's util/net/http.go). It is rare enough for servers that count
    /// PINGs as a flood: nginx and Envoy allow thousands, and those that follow gRPC (GOAWAY "too_many_pings") are asked less often, see
    /// ``ConnectionMonitor``.
    public init(quiet: Duration = .seconds(30), answer: Duration = .seconds(15)) {
        self.quiet = quiet
        self.answer = answer
    }
}
