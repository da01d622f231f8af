import KubernetesObjects
import MizzenSystem
import TestSupport
import Testing

@testable import KubernetesClient

/// A lease as the API server keeps it: every write names the version that was read.
private struct ModelLease {
    private(set) var record: LeaseRecord?
    private(set) var version = 0

    mutating func create(_ new: LeaseRecord) -> Bool {
        guard record == nil else { return false }
        record = new
        version += 1
        return true
    }

    /// nil: there is none.
    mutating func update(_ new: LeaseRecord, version expected: Int) -> Bool? {
        guard record != nil else { return nil }
        guard version == expected else { return false }
        record = new
        version += 1
        return true
    }

    mutating func delete() { record = nil }
}

/// One process on a host of its own, whose clock has an offset and a rate of its own.
private struct ModelProcess {
    enum Pending {
        case wait(until: Double)
        case request(LeaseElection.Step, appliedAt: Double?, answeredAt: Double, LeaseElection.Event?)
        case ended

        var time: Double {
            switch self {
            case .wait(let until): until
            case .request(_, let applied, let answered, _): applied ?? answered
            case .ended: .infinity
            }
        }
    }

    var election: LeaseElection
    let offset: Double
    let rate: Double
    /// Of its own clock.
    var fence = 0.0
    /// Told to stop: nothing is written any more, whatever the lease says.
    var isStopping = false
    var knownVersion = 0
    var pending: Pending
    var stoppedUntil = 0.0
    var acquisitions = 0
    var hasSeen = false
    /// The last events and what was decided, for whoever has to understand a violation.
    var trace: [String] = []

    func clock(_ time: Double) -> Double { offset + time * rate }
    func isOpen(at time: Double) -> Bool { !isStopping && clock(time) < fence }
}

/// Random histories of several processes over one lease. True time is in seconds.
private struct ModelWorld {
    var random: SeededRandom
    var time = 0.0
    var lease = ModelLease()
    var processes: [ModelProcess] = []
    var violations: [String] = []
    var acquisitions = 0
    var losses = 0
    let deletes: Bool
    private var names = 0
    private var lastDeletion = 0.0
    private(set) var deletions = 0
    private var lateWrites: [(time: Double, step: LeaseElection.Step, version: Int)] = []

    init(seed: UInt64, processes count: Int, deletes: Bool) {
        random = SeededRandom(seed: seed)
        self.deletes = deletes
        for _ in 0..<count { processes.append(newProcess(identity: nil)) }
    }

    private mutating func draw(_ range: ClosedRange<Double>) -> Double { Double.random(in: range, using: &random) }
    private mutating func happens(_ probability: Double) -> Bool { draw(0...1) < probability }

    private mutating func newProcess(identity: String?) -> ModelProcess {
        names += 1
        let terms = LeaseElection.Terms(
            identity: identity ?? "p\(names)", durationSeconds: 15, renewDeadline: .seconds(10), retryPeriod: .seconds(2))
        // Rates differ by less than 15 to 10.
        return ModelProcess(
            election: LeaseElection(terms), offset: draw(0...100_000), rate: draw(0.85...1.15), pending: .wait(until: time + draw(0...3)))
    }

    mutating func run(steps: Int) {
        for _ in 0..<steps {
            guard let index = processes.indices.min(by: { due($0) < due($1) }) else { return }
            time = max(time, due(index))
            disturb()
            deliverLateWrites()
            advance(index)
            let open = processes.indices.filter { processes[$0].isOpen(at: time) }
            if open.count > 1 {
                violations.append(
                    "at \(time), deleted at \(lastDeletion): "
                        + open.map { "\(processes[$0].election.terms.identity) \(processes[$0].trace)" }.joined(separator: " "))
                return
            }
        }
    }

    /// A stopped process does nothing, but what it has sent is under way.
    private func due(_ index: Int) -> Double {
        let process = processes[index]
        if case .request(_, let applied?, _, _) = process.pending { return applied }
        return max(process.pending.time, process.stoppedUntil)
    }

    private mutating func disturb() {
        let index = Int.random(in: processes.indices, using: &random)
        if happens(0.01) { processes[index].stoppedUntil = time + draw(0...40) }
        if happens(0.003) { kill(index, sameName: happens(0.3)) }
        if happens(0.003) { stop(index) }
        // Not twice in a while: who sees it absent both times cannot know that it was there between.
        if deletes, time > lastDeletion + 120, processes.allSatisfy({ $0.hasSeen }), happens(0.01) {
            lease.delete()
            lastDeletion = time
            deletions += 1
        }
    }

    /// Gone at once. In a world in which leases are deleted nobody starts who has not seen the lease before.
    private mutating func kill(_ index: Int, sameName: Bool) {
        guard !deletes else { return }
        acquisitions += processes[index].acquisitions
        processes[index] = newProcess(identity: sameName ? processes[index].election.terms.identity : nil)
    }

    private mutating func stop(_ index: Int) {
        guard !deletes, !processes[index].isStopping, time >= processes[index].stoppedUntil else { return }
        processes[index].isStopping = true
        handle(.stop, index)
    }

    private mutating func advance(_ index: Int) {
        switch processes[index].pending {
        case .ended: break
        case .wait: handle(.due, index)
        case .request(let step, .some, let answered, _):
            let outcome = apply(step, index)
            processes[index].pending = .request(step, appliedAt: nil, answeredAt: max(time, answered), outcome)
        case .request(_, nil, _, let outcome): handle(outcome ?? .failed(LeaseFault(.unanswered, "")), index)
        }
    }

    private mutating func apply(_ step: LeaseElection.Step, _ index: Int) -> LeaseElection.Event? {
        let event: LeaseElection.Event
        switch step {
        case .get:
            event = lease.record.map { .found($0) } ?? .absent
        case .create(let record): event = lease.create(record) ? .written : .conflict
        case .update(let record):
            event = lease.update(record, version: processes[index].knownVersion).map { $0 ? .written : .conflict } ?? .absent
        case .wait, .end: return nil
        }
        // The server did it, and the answer was lost.
        if happens(0.1) { return nil }
        if event != .conflict { processes[index].knownVersion = lease.version }
        return event
    }

    private mutating func handle(_ event: LeaseElection.Event, _ index: Int) {
        let clock = processes[index].clock(time)
        let moment = LeaseElection.Moment(
            // The wall clock jumps about: it is compared with nothing.
            sinceBoot: .nanoseconds(Int64(clock * 1e9)), wall: Timestamp(seconds: Int64(draw(0...2e9))), draw: draw(0...0.999))
        let decision = processes[index].election.handle(event, at: moment)
        processes[index].trace = processes[index].trace.suffix(6) + ["\(time): \(event) \(decision.step)"]
        for notice in decision.notices {
            switch notice {
            case .renewed(let until): processes[index].fence = until / .seconds(1)
            case .acquired: processes[index].acquisitions += 1
            case .holder: processes[index].hasSeen = true
            case .fenceClosed, .fenceReopened, .released, .report: break
            }
        }
        switch decision.step {
        case .wait(let duration): processes[index].pending = .wait(until: time + duration / .seconds(1) / processes[index].rate)
        case .get, .create, .update: send(decision.step, index, at: moment)
        case .end(let end):
            if case .lost = end { losses += 1 }
            processes[index].fence = 0
            acquisitions += processes[index].acquisitions
            processes[index] = deletes ? processes[index] : newProcess(identity: nil)
            if deletes { processes[index].pending = .ended }
        }
    }

    private mutating func send(_ step: LeaseElection.Step, _ index: Int, at moment: LeaseElection.Moment) {
        let limit = processes[index].election.requestLimit(at: moment.sinceBoot) / .seconds(1) / processes[index].rate
        let isSlow = happens(0.1)
        let applied = time + draw(0...(isSlow ? 8 : 0.2))
        let answered = applied + draw(0...(isSlow ? 8 : 0.2))
        if applied > time + limit {
            // Given up before it arrives. That it arrives all the same is seen by others only.
            if happens(0.5) { lateWrites.append((applied, step, processes[index].knownVersion)) }
            processes[index].pending = .request(step, appliedAt: nil, answeredAt: time + limit, nil)
        } else {
            processes[index].pending = .request(step, appliedAt: applied, answeredAt: min(answered, time + limit), nil)
        }
    }

    /// Writes whose senders have given them up.
    private mutating func deliverLateWrites() {
        for write in lateWrites where write.time <= time {
            switch write.step {
            case .create(let record): _ = lease.create(record)
            case .update(let record): _ = lease.update(record, version: write.version)
            case .get, .wait, .end: break
            }
        }
        lateWrites.removeAll { $0.time <= time }
    }
}

@Suite("Election over a lease: random histories")
struct LeaseHistoryTests {
    @Test(
        "however processes are stopped, killed and restarted, answers lost and clocks set, two fences are never open at once",
        arguments: [UInt64](1...8))
    func histories(seed: UInt64) {
        var acquisitions = 0
        var losses = 0
        for round in 0..<25 {
            var world = ModelWorld(seed: seed << 32 | UInt64(round), processes: 2 + round % 4, deletes: false)
            world.run(steps: 2_000)
            #expect(world.violations.isEmpty, "seed \(seed), round \(round): \(world.violations)")
            acquisitions += world.acquisitions
            losses += world.losses
        }
        // Or else nothing was tried.
        #expect(acquisitions > 100)
        #expect(losses > 20)
    }

    @Test("deleting the lease makes no second leader among those who have seen it", arguments: [UInt64](1...4))
    func deletions(seed: UInt64) {
        var deletions = 0
        for round in 0..<25 {
            var world = ModelWorld(seed: seed << 40 | UInt64(round), processes: 3, deletes: true)
            world.run(steps: 5_000)
            #expect(world.violations.isEmpty, "seed \(seed), round \(round): \(world.violations)")
            deletions += world.deletions
        }
        #expect(deletions > 50)
    }
}
