import Synchronization

/// How long an answer may be silent, and what is made of it: a value without clock.
struct AnswerSilence: Hashable, Sendable {
    /// What the answer is at the moment.
    enum Phase: Hashable, Sendable {
        /// An answer that has not begun, or a list, be it in the form of initial events: the server has something to say, and answers or
        /// gives up within a minute.
        case due
        /// Changes, of which there may be none; the server was asked to end the watch at this moment.
        case watch(end: Duration)
    }

    enum Verdict: Hashable, Sendable {
        case waits(Duration)
        /// Longer than may be, and more than the limit.
        case isSilent(ReflectorFault)
        /// Only if the server as a whole is gone: it has to be judged.
        case dependsOnServer(silentSince: Duration, atMost: Duration)
    }

    let listLimit: Duration
    let watchLimit: Duration
    var phase = Phase.due
    /// Since when bytes are waited for; nil while those that came are dealt with.
    var waitingSince: Duration?

    func judge(now: Duration) -> Verdict {
        guard let waitingSince else { return .waits(min(listLimit, watchLimit)) }
        switch phase {
        case .due:
            let left = waitingSince + listLimit - now
            return left > .zero ? .waits(left) : .isSilent(.silent(listLimit))
        case .watch(let end):
            let left = max(waitingSince, end) + watchLimit - now
            return left > .zero ? .dependsOnServer(silentSince: waitingSince, atMost: left) : .isSilent(.overdue(watchLimit))
        }
    }
}

/// Notices when an answer is silent for longer than may be. Time that the sink takes does not count.
final class SilenceWatchdog: Sendable {
    private let server: WatchedServer
    private let answer: Mutex<AnswerSilence>

    init(server: WatchedServer, options: Reflector.Options) {
        self.server = server
        answer = Mutex(
            AnswerSilence(
                listLimit: options.listSilenceLimit, watchLimit: options.watchSilenceLimit, waitingSince: server.clock.now()))
    }

    func waits(_ phase: AnswerSilence.Phase) {
        let now = server.clock.now()
        answer.withLock { answer in
            answer.phase = phase
            answer.waitingSince = now
        }
    }

    /// Something has arrived.
    func works() {
        server.heard()
        answer.withLock { $0.waitingSince = nil }
    }

    /// - Returns: the fault when the answer is given up, nil when the task was cancelled.
    func run() async -> ReflectorFault? {
        while true {
            let pause: Duration
            switch answer.withLock({ $0.judge(now: server.clock.now()) }) {
            case .waits(let duration): pause = duration
            case .isSilent(let fault): return fault
            case .dependsOnServer(let silentSince, let limit):
                switch server.judge(waitingSince: silentSince) {
                case .waits(let duration): pause = min(duration, limit)
                case .isDead(let evidence):
                    return .unresponsive(APIError.unresponsive(server: server.client.server, evidence: evidence).description)
                }
            }
            // Never longer than what may begin meanwhile is allowed to last.
            do { try await server.clock.sleep(for: min(pause, server.longestPause)) } catch { return nil }
        }
    }
}
