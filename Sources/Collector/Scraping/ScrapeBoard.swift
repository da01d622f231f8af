import DeltaStream
import MizzenSystem
import NIOCore
import NIOPosix
import Synchronization

/// The plan of the scrapes, which many tasks and threads change and one acts on; whoever changes it rings the bell.
final class ScrapeBoard: Sendable {
    private struct State {
        var plan: ScrapePlan
        /// Nil where this collector scrapes all nodes.
        var membership: Membership?
        /// Scrapes that are being made.
        var running = 0
        var alarm: (time: Int64, task: Scheduled<Void>)?
        var isSilenced = false
    }

    private let state: Mutex<State>
    private let ring: AsyncStream<Void>.Continuation
    /// Yields when there may be something to do; several reasons may come as one.
    let bell: AsyncStream<Void>
    /// Scrapes at a time.
    private let mostScrapes: Int
    private let newPods: NewPods?
    /// When the sample that is held of a node was made, by the boot clock.
    private let held: @Sendable (String) -> Int64?
    private let isMeasured: @Sendable (UsageStore.PodKey, _ node: String) -> Bool
    private let scrapesEarly: Bool
    private let random: @Sendable () -> Double
    private let now: @Sendable () -> SampleMoment

    /// - Parameters:
    ///   - scrapesEarly: whether nodes are scraped before their time for new pods.
    ///   - newPods: the pods that are waited for.
    init(
        _ settings: ScrapePlan.Settings, mostScrapes: Int = 512, newPods: NewPods? = nil, scrapesEarly: Bool = true,
        held: @escaping @Sendable (String) -> Int64? = { _ in nil },
        isMeasured: @escaping @Sendable (UsageStore.PodKey, _ node: String) -> Bool = { _, _ in true },
        random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }, now: @escaping @Sendable () -> SampleMoment = { .now }
    ) {
        state = Mutex(State(plan: ScrapePlan(settings)))
        (bell, ring) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        (self.mostScrapes, self.newPods, self.scrapesEarly) = (mostScrapes, newPods, scrapesEarly)
        (self.held, self.isMeasured, self.random, self.now) = (held, isMeasured, random, now)
    }

    /// - Returns: whether one of these nodes is new.
    func takeUp(_ nodes: [String]) -> Bool {
        let moment = now().boot
        let isNew = state.withLock { state in
            var isNew = false
            for node in nodes where !state.plan.contains(node) {
                isNew = true
                let rank = state.membership.map { $0.rank(of: node, at: moment) } ?? 0
                state.plan.add(node, held: held(node), share: random(), of: nodes.count, rank: rank, at: moment)
            }
            return isNew
        }
        ring.yield()
        return isNew
    }

    func remove(_ node: String) {
        state.withLock { $0.plan.remove(node) }
        newPods?.forget(node)
    }

    func started(_ start: PodStart) {
        let moment = now()
        guard let wait = newPods?.started(start, at: moment.wall), scrapesEarly else { return }
        state.withLock { $0.plan.want(start.node, from: moment.boot + wait) }
        ring.yield()
    }

    /// A sample of this collector's or another's has been taken up by the store.
    func sampled(_ sample: NodeSample) {
        let moment = now()
        state.withLock { state in
            guard let membership = state.membership, sample.collector != membership.name, membership.contains(sample.collector) else {
                return
            }
            if let madeAt = held(sample.node) { state.plan.heard(sample.node, madeAt: madeAt) }
        }
        guard let wait = newPods?.sampled(sample.node, at: moment.wall, isMeasured: { isMeasured($0, sample.node) }), scrapesEarly else {
            return
        }
        state.withLock { $0.plan.want(sample.node, from: moment.boot + wait) }
        ring.yield()
    }

    // MARK: Sharing

    /// From now on the nodes are shared: this collector scrapes those for which it comes first, once it has heard of the others.
    func share(as membership: Membership) {
        let moment = now().boot
        state.withLock { state in
            state.membership = membership
            rank(&state, at: moment)
        }
    }

    /// A collector shares the nodes.
    func heard(_ beat: CollectorBeat) -> Membership.Hearing {
        let moment = now().boot
        let hearing = state.withLock { state in
            guard let hearing = state.membership?.heard(beat, at: moment) else { return Membership.Hearing.known }
            if hearing == .changed { rank(&state, at: moment) }
            return hearing
        }
        if hearing == .changed { ring.yield() }
        return hearing
    }

    /// To be called with each beat.
    func tick() {
        let moment = now().boot
        let isChanged = state.withLock { state in
            guard state.membership?.tick(at: moment) == true else { return false }
            rank(&state, at: moment)
            return true
        }
        if isChanged { ring.yield() }
    }

    /// The collectors that share the nodes, and how many nodes are this one's; empty where it does not share.
    var sharing: (members: [String], ownNodes: Int) {
        state.withLock { ($0.membership?.names ?? [], $0.plan.ownCount) }
    }

    /// Gives each node its place in the order, and takes up what others have scraped, as far as it came before they were known.
    private func rank(_ state: inout State, at moment: Int64) {
        guard let membership = state.membership else { return }
        state.plan.setRanks { membership.rank(of: $0, at: moment) }
        guard membership.isSettled(at: moment) else { return }
        for node in state.plan.nodes { if let madeAt = held(node) { state.plan.heard(node, madeAt: madeAt) } }
    }

    // MARK: For the one that acts

    /// The scrapes to be made now; each must be ended.
    func take() -> [ScrapePlan.Turn] {
        let moment = now().boot
        return state.withLock { state in
            // A process that stood still has to know that before it acts as if nothing had been.
            if state.membership?.tick(at: moment) == true { rank(&state, at: moment) }
            if let alarm = state.alarm, alarm.time <= moment { state.alarm = nil }
            let turns = state.plan.take(at: moment, atMost: mostScrapes - state.running)
            state.running += turns.count
            return turns
        }
    }

    func ended(_ node: String) {
        state.withLock { state in
            state.running -= 1
            state.plan.ended(node)
        }
        ring.yield()
    }

    /// Rings when the next scrape is due, unless as many as may be are being made: the end of one of those rings too.
    func setAlarm() {
        let moment = now().boot
        state.withLock { state in
            guard !state.isSilenced, state.running < mostScrapes, let next = state.plan.next else { return }
            guard state.alarm?.time != next else { return }
            state.alarm?.task.cancel()
            let ring = ring
            // On an event loop, whose thread scrapes anyway: a task's sleep wakes two more.
            let loop = MultiThreadedEventLoopGroup.singleton.any()
            state.alarm = (next, loop.scheduleTask(in: .nanoseconds(max(0, next - moment))) { ring.yield() })
        }
    }

    /// For good: nothing rings at a set time any more.
    func silence() {
        state.withLock { state in
            state.isSilenced = true
            state.alarm?.task.cancel()
            state.alarm = nil
        }
    }
}
