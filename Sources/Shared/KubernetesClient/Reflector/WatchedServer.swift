import KubernetesObjects
public import Logging
import Synchronization

/// What the reflectors of one API server have in common: the client, when the server last sent any of them anything, and what has been
/// reported. Any task may call it at any time.
///
/// An answer that is silent says nothing by itself: a server has nothing to say about a resource that does not change, and sends bookmarks
/// only as it likes. So when a watch has been silent for a while, and everything else that came from the server too, the server is
/// asked with a small request of its own. On HTTP/1.1 that is the only way to tell a quiet server from a hung one; on HTTP/2 a PING
/// has told before (``APIClient``), unless something in between answers PINGs in the server's place.
public final class WatchedServer: Sendable {
    enum Verdict: Hashable, Sendable {
        case waits(Duration)
        case isDead(evidence: String)
    }

    private struct State {
        var signs: SignsOfLife
        var journal = FaultJournal()
        var refusals = RefusalJournal()
        var returns = 0
        var question: Task<Void, Never>?
        var questions = 0
        /// What came instead of an answer.
        var refusal: String?
    }

    /// Each API server has it, allows it to everybody, and serves it however busy it is: the `exempt` level of API Priority and Fairness
    /// has it (kubernetes.io, "API Priority and Fairness", flow schema `probes`).
    static let questionPath = "/livez"

    let client: APIClient
    let clock: any ReflectorClock
    private let limits: SilenceLimits
    private let logger: Logger
    private let state: Mutex<State>

    /// - Parameter limits: the sum is how long after its last byte a server that is not there any more is noticed. The default leaves an
    ///   HTTP/2 connection's own check the time to be first.
    public init(
        _ client: APIClient, limits: SilenceLimits = SilenceLimits(quiet: .seconds(45), answer: .seconds(15)),
        clock: any ReflectorClock = SystemReflectorClock(), logger: Logger
    ) {
        self.client = client
        self.limits = limits
        self.clock = clock
        self.logger = logger
        state = Mutex(State(signs: SignsOfLife(limits: limits, now: clock.now())))
    }

    /// How long somebody may wait who is told of no beginning of a silence.
    var longestPause: Duration { limits.quiet }

    /// Whether an answer to the question is outstanding.
    var isAsking: Bool { state.withLock { $0.question != nil } }

    /// Bytes of an answer have arrived.
    func heard() {
        let now = clock.now()
        state.withLock { $0.signs.heard(now: now) }
    }

    /// Whether a server from which something has been expected since `waitingSince` is still there; asks it if need be.
    func judge(waitingSince: Duration) -> Verdict {
        let now = clock.now()
        return state.withLock { state in
            switch state.signs.judge(now: now, waitingSince: waitingSince) {
            case .waits(let duration): return .waits(duration)
            case .asks:
                state.question?.cancel()
                state.refusal = nil
                state.questions += 1
                let number = state.questions
                state.question = Task {
                    await self.ask()
                    self.state.withLock { state in
                        if state.questions == number { state.question = nil }
                    }
                }
                return .waits(limits.answer)
            case .isDead:
                let outcome = state.refusal ?? "no answer to GET \(Self.questionPath) for \(limits.answer) more"
                return .isDead(evidence: "nothing arrived for \(limits.quiet), and \(outcome)")
            }
        }
    }

    private func ask() async {
        do {
            let answer = try await client.send(APIRequest(path: Self.questionPath), timeout: max(limits.answer, .seconds(60)))
            switch answer.status {
            // A proxy's word that there is no server behind it.
            case 502, 503, 504: state.withLock { $0.refusal = "GET \(Self.questionPath) was answered with \(answer.status)" }
            // Whatever else is an answer, be it a refusal or an unwell server's.
            default: heard()
            }
        } catch {
            state.withLock { $0.refusal = "GET \(Self.questionPath) failed: \(error)" }
        }
    }

    /// How often a watch has found the server again after it was away, and no further back than before. Rises by one for each watch.
    public var returns: Int { state.withLock { $0.returns } }

    func cameBack() { state.withLock { $0.returns += 1 } }

    /// A request for `resource` was answered as it should be.
    func answered(_ resource: Resource) {
        let now = clock.now()
        state.withLock { state in
            state.signs.heard(now: now)
            state.journal.answered(now: now)
            state.refusals.answered(resource)
        }
    }

    /// Logs a fault, unless another reflector has just met the same.
    func report(_ fault: ReflectorFault, of resource: Resource, retryAfter: Duration) {
        let text = fault.explanation(resource)
        let now = clock.now()
        let isNews: Bool
        if case .status(let status) = fault {
            let verdict = state.withLock { $0.refusals.met(status.code, resource, now: now) }
            isNews = verdict == .reportsNow
            if verdict == .gathers { gatherRefusals(status) }
        } else {
            isNews = state.withLock { $0.journal.isNews(text, now: now) }
        }
        logger.log(
            level: isNews ? .warning : .debug,
            "the API server's objects cannot be listed or watched, trying again",
            metadata: ["resource": "\(resource)", "error": "\(text)", "retry_in": "\(retryAfter.tenths)"])
    }

    private func gatherRefusals(_ status: APIStatus) {
        Task {
            guard (try? await clock.sleep(for: RefusalJournal.gathering)) != nil else { return }
            let resources = state.withLock { $0.refusals.gathered(status.code) }
            guard !resources.isEmpty else { return }
            let names = resources.map(\.description).joined(separator: ",")
            let advice = ReflectorFault.advice(status, names) ?? "see the warning about the first of them"
            logger.warning(
                "the API server refuses more resources in the same way, trying again",
                metadata: ["resources": "\(names)", "count": "\(resources.count)", "status": "\(status.code)", "advice": "\(advice)"])
        }
    }
}

extension Duration {
    /// Seconds with one decimal: what a person wants to know of a back-off.
    fileprivate var tenths: String {
        let (seconds, attoseconds) = components
        return "\(seconds).\(attoseconds / 100_000_000_000_000_000)s"
    }
}
