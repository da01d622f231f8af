import KubernetesObjects
import Testing

@testable import KubernetesClient

/// What happens in each state at each event, written out.
@Suite("Election over a lease: every state at every event")
struct LeaseElectionTests {
    typealias Election = LeaseElection

    static let terms = Election.Terms(
        identity: "me", durationSeconds: 15, renewDeadline: .seconds(10), retryPeriod: .seconds(2))

    static func moment(_ seconds: Double, draw: Double = 0) -> Election.Moment {
        Election.Moment(
            sinceBoot: .milliseconds(Int(seconds * 1000)), wall: Timestamp(seconds: 1_800_000_000 + Int64(seconds)), draw: draw)
    }

    static func record(_ holder: String, transitions: Int, renewed: String = "r", seconds: Int = 15) -> LeaseRecord {
        var record = LeaseRecord()
        record.holderIdentity = holder
        record.leaseDurationSeconds = seconds
        record.acquireTime = "a"
        record.renewTime = renewed
        record.leaseTransitions = transitions
        return record
    }

    static let mine = record("me", transitions: 3)
    static let other = record("other", transitions: 4)
    static let free = record("", transitions: 3, seconds: 1)

    static func candidate(
        _ activity: Election.Activity, seen record: LeaseRecord? = nil, since: Double = 0, attempt: LeaseRecord? = nil
    ) -> Election.State {
        .candidate(
            Election.Candidate(
                sighting: record.map { Election.Sighting(record: $0, since: moment(since).sinceBoot) }, attempt: attempt,
                requested: .seconds(99)), activity)
    }

    static func leader(_ activity: Election.Activity, hasJustAsked: Bool = false, deadline: Int = 105) -> Election.State {
        .leader(
            Election.Leader(
                record: mine, requested: .seconds(99), deadline: .seconds(deadline), hasJustAsked: hasJustAsked), activity)
    }

    @Test(
        "the count of transitions comes round, and a count that no server writes ends nothing",
        arguments: [Int(Int32.max) - 1, Int(Int32.max), .max])
    func lastTransition(count: Int) {
        var election = Election(Self.terms)
        _ = election.handle(.due, at: Self.moment(0))
        let decision = election.handle(.found(Self.record("", transitions: count)), at: Self.moment(1))
        guard case .update(let record) = decision.step else {
            Issue.record("\(decision.step)")
            return
        }
        #expect(record.leaseTransitions == (count < Int(Int32.max) ? count + 1 : 1))
    }

    struct Row: Sendable, CustomTestStringConvertible {
        var name: String
        var state: Election.State
        /// In the order of `events`.
        var steps: [String]
        var testDescription: String { name }
    }

    static let events: [(name: String, event: Election.Event)] = [
        ("due", .due), ("found mine", .found(mine)), ("found other's", .found(other)), ("found free", .found(free)), ("absent", .absent),
        ("written", .written), ("conflict", .conflict), ("failed", .failed(LeaseFault(.unanswered, "no answer"))), ("stop", .stop),
    ]

    private static func all(_ step: String, stop: String) -> [String] { Array(repeating: step, count: 8) + [stop] }

    // At 100 s, with a draw of 0.
    static let rows: [Row] = [
        Row(
            name: "a candidate that rests", state: candidate(.resting),
            steps: ["get", "wait 2.0", "wait 2.0", "wait 2.0", "wait 2.0", "wait 2.0", "wait 2.0", "wait 2.0", "end stopped"]),
        Row(
            name: "a candidate that asks and has seen nothing", state: candidate(.asking),
            // Its own identity without its own term is another process's.
            steps: [
                "wait 2.0", "wait 2.0", "wait 2.0", "update me 4", "create me 0", "wait 2.0", "wait 2.0", "wait 2.0", "end stopped",
            ]),
        Row(
            name: "a candidate that asks while another's record has 5 s left", state: candidate(.asking, seen: other, since: 90),
            steps: ["wait 2.0", "wait 2.0", "wait 2.0", "update me 4", "wait 2.0", "wait 2.0", "wait 2.0", "wait 2.0", "end stopped"]),
        Row(
            name: "a candidate that asks while another's record has 1 s left", state: candidate(.asking, seen: other, since: 86),
            steps: ["wait 1.0", "wait 2.0", "wait 1.0", "update me 4", "wait 2.0", "wait 1.0", "wait 1.0", "wait 1.0", "end stopped"]),
        Row(
            name: "a candidate that asks when another's record has run out", state: candidate(.asking, seen: other, since: 85),
            steps: [
                "wait 2.0", "wait 2.0", "update me 5", "update me 4", "wait 2.0", "wait 2.0", "wait 2.0", "wait 2.0", "end stopped",
            ]),
        Row(
            name: "a candidate that asks and does not know what became of its last attempt", state: candidate(.asking, attempt: mine),
            steps: ["wait 2.0", "update me 3", "wait 2.0", "update me 4", "create me 0", "wait 2.0", "wait 2.0", "wait 2.0", "get"]),
        Row(
            name: "a candidate that creates", state: candidate(.creating, attempt: mine),
            steps: [
                "wait 2.0", "wait 2.0", "wait 2.0", "wait 2.0", "wait 2.0", "lead until 109.0, wait 2.0", "wait 2.0", "wait 2.0", "get",
            ]),
        Row(
            name: "a candidate that updates", state: candidate(.updating, attempt: mine),
            steps: [
                "wait 2.0", "wait 2.0", "wait 2.0", "wait 2.0", "wait 2.0", "lead until 109.0, wait 2.0", "wait 2.0", "wait 2.0", "get",
            ]),
        Row(
            name: "a leader that rests", state: leader(.resting),
            steps: ["update me 3", "wait 2.0", "wait 2.0", "wait 2.0", "wait 2.0", "wait 2.0", "wait 2.0", "wait 2.0", "get"]),
        Row(
            name: "a leader that asks", state: leader(.asking),
            steps: [
                "wait 2.0", "update me 3", "end lost to other", "end lost to ", "create me 3", "wait 2.0", "wait 2.0", "wait 2.0", "get",
            ]),
        Row(
            name: "a leader that creates anew", state: leader(.creating),
            steps: ["wait 2.0", "wait 2.0", "wait 2.0", "wait 2.0", "wait 2.0", "renewed until 109.0, wait 2.0", "get", "wait 2.0", "get"]),
        Row(
            name: "a leader that updates", state: leader(.updating),
            steps: [
                "wait 2.0", "wait 2.0", "wait 2.0", "wait 2.0", "create me 3", "renewed until 109.0, wait 2.0", "get", "wait 2.0", "get",
            ]),
        Row(
            name: "a leader that updates what it has just read", state: leader(.updating, hasJustAsked: true),
            steps: [
                "wait 2.0", "wait 2.0", "wait 2.0", "wait 2.0", "create me 3", "renewed until 109.0, wait 2.0", "wait 2.0", "wait 2.0",
                "get",
            ]),
        Row(
            name: "a leader whose deadline is in 1 s", state: leader(.resting, deadline: 101),
            steps: ["update me 3", "wait 1.0", "wait 1.0", "wait 1.0", "wait 1.0", "wait 1.0", "wait 1.0", "wait 1.0", "get"]),
        Row(
            name: "a leader whose deadline has passed", state: leader(.updating, deadline: 100),
            steps: [
                "closed, wait 2.0", "closed, wait 2.0", "closed, wait 2.0", "closed, wait 2.0", "closed, end lost to ",
                "closed, renewed until 109.0, reopened, wait 2.0", "closed, get", "closed, wait 2.0", "closed, get",
            ]),
        Row(
            name: "a release that asks", state: .releasing(mine, .asking),
            steps: [
                "end stopped", "update  3", "end stopped", "end stopped", "end stopped", "end stopped", "end stopped", "end stopped",
                "end stopped",
            ]),
        Row(
            name: "a release that updates", state: .releasing(mine, .updating),
            steps: [
                "end stopped", "end stopped", "end stopped", "end stopped", "end stopped", "released, end stopped", "get", "end stopped",
                "end stopped",
            ]),
        Row(name: "the end after a loss", state: .ended(.lost(holder: "x")), steps: all("end lost to x", stop: "end lost to x")),
        Row(name: "the end after a stop", state: .ended(.stopped), steps: all("end stopped", stop: "end stopped")),
    ]

    @Test("every state at every event", arguments: rows)
    func pair(row: Row) {
        #expect(row.steps.count == Self.events.count)
        for ((name, event), wanted) in zip(Self.events, row.steps) {
            var election = Election(Self.terms)
            election.state = row.state
            let decision = election.handle(event, at: Self.moment(100))
            #expect(Self.text(decision) == wanted, "\(name)")
        }
    }

    /// Without what is only told for people to read.
    private static func text(_ decision: Election.Decision) -> String {
        let notices: [String] = decision.notices.compactMap { notice in
            switch notice {
            case .holder, .report: nil
            case .acquired: "lead"
            case .renewed(let until): "renewed until \(seconds(until))"
            case .fenceClosed: "closed"
            case .fenceReopened: "reopened"
            case .released: "released"
            }
        }
        let step =
            switch decision.step {
            case .get: "get"
            case .create(let record): "create \(record.holderIdentity) \(record.leaseTransitions)"
            case .update(let record): "update \(record.holderIdentity) \(record.leaseTransitions)"
            case .wait(let duration): "wait \(seconds(duration))"
            case .end(.lost(let holder)): "end lost to \(holder)"
            case .end(.stopped): "end stopped"
            }
        return (notices + [step]).joined(separator: ", ").replacing("lead, renewed", with: "lead")
    }

    private static func seconds(_ duration: Duration) -> Double { duration / .seconds(1) }

    @Test("what is written is what client-go writes")
    func records() throws {
        var election = Election(Self.terms)
        election.state = Self.candidate(.asking, seen: Self.other, since: 80)
        guard case .update(let taken) = election.handle(.found(Self.other), at: Self.moment(100)).step else {
            Issue.record("the lease was not taken")
            return
        }
        #expect(taken.holderIdentity == "me")
        #expect(taken.leaseDurationSeconds == 15)
        #expect(taken.leaseTransitions == 5)
        #expect(taken.acquireTime == "2027-01-15T08:01:40.000000Z")
        #expect(taken.renewTime == taken.acquireTime)
        _ = election.handle(.written, at: Self.moment(100))
        guard case .update(let renewed) = election.handle(.due, at: Self.moment(102)).step else {
            Issue.record("the lease was not renewed")
            return
        }
        var expected = taken
        expected.renewTime = "2027-01-15T08:01:42.000000Z"
        #expect(renewed == expected)
        _ = election.handle(.written, at: Self.moment(102))
        #expect(election.handle(.stop, at: Self.moment(103)).step == .get)
        guard case .update(let released) = election.handle(.found(renewed), at: Self.moment(103)).step else {
            Issue.record("the lease was not released")
            return
        }
        #expect(released.holderIdentity == "" && released.leaseDurationSeconds == 1 && released.leaseTransitions == 5)
        #expect(released.acquireTime == "2027-01-15T08:01:43.000000Z" && released.renewTime == released.acquireTime)
    }

    @Test("a record that changes begins its duration anew, and the duration is the record's")
    func observation() {
        var election = Election(Self.terms)
        func step(_ record: LeaseRecord, at seconds: Double) -> Election.Step {
            election.state = {
                guard case .candidate(let candidate, _) = election.state else { return election.state }
                return .candidate(candidate, .asking)
            }()
            return election.handle(.found(record), at: Self.moment(seconds)).step
        }
        let short = Self.record("other", transitions: 1, renewed: "1", seconds: 5)
        #expect(step(short, at: 0) == .wait(.seconds(2)))
        #expect(step(short, at: 4) == .wait(.seconds(1)))
        let renewed = Self.record("other", transitions: 1, renewed: "2", seconds: 5)
        #expect(step(renewed, at: 4.9) == .wait(.seconds(2)))
        #expect(step(renewed, at: 9.8) == .wait(.milliseconds(100)))
        guard case .update = step(renewed, at: 9.9) else {
            Issue.record("not taken after its duration")
            return
        }
        // Who does not say for how long is given this process's own duration.
        election = Election(Self.terms)
        let silent = Self.record("other", transitions: 1, seconds: 0)
        #expect(step(silent, at: 0) == .wait(.seconds(2)))
        #expect(step(silent, at: 7) == .wait(.seconds(2)))
        #expect(step(silent, at: 14) == .wait(.seconds(1)))
        // Not seen for 10.1 s: neither could a leader renew it.
        #expect(step(silent, at: 24.1) == .wait(.seconds(2)))
        #expect(step(silent, at: 34) == .wait(.seconds(2)))
        #expect(step(silent, at: 39) == .wait(.milliseconds(100)))
    }

    @Test("a lease that is deleted is waited for as long as a held one, and one that was never seen is made at once")
    func deletion() {
        var election = Election(Self.terms)
        func step(at seconds: Double) -> Election.Step {
            if case .candidate(let candidate, _) = election.state { election.state = .candidate(candidate, .asking) }
            return election.handle(.absent, at: Self.moment(seconds)).step
        }
        election.state = Self.candidate(.asking, seen: Self.other, since: 0)
        #expect(step(at: 100) == .wait(.seconds(2)))
        #expect(step(at: 107) == .wait(.seconds(2)))
        #expect(step(at: 114) == .wait(.seconds(1)))
        guard case .create = step(at: 115) else {
            Issue.record("not made after the duration")
            return
        }
        election.state = Self.candidate(.asking)
        guard case .create = step(at: 115) else {
            Issue.record("not made at once")
            return
        }
    }

    @Test("a fault is reported once until its request goes well, and looks are spread without becoming rarer")
    func reports() {
        var election = Election(Self.terms)
        let forbidden = LeaseFault(.forbidden, "403")
        let unanswered = LeaseFault(.unanswered, "nothing")
        func notices(_ event: Election.Event) -> [Election.Notice] {
            _ = election.handle(.due, at: Self.moment(0))
            return election.handle(event, at: Self.moment(0)).notices
        }
        #expect(notices(.failed(forbidden)) == [.report(forbidden, of: .get)])
        #expect(notices(.failed(forbidden)) == [])
        #expect(notices(.failed(unanswered)) == [.report(unanswered, of: .get)])
        #expect(notices(.found(Self.other)) == [.holder("other")])
        #expect(notices(.failed(unanswered)) == [.report(unanswered, of: .get)])
        _ = election.handle(.due, at: Self.moment(0))
        #expect(election.handle(.found(Self.other), at: Self.moment(0, draw: 0.5)).step == .wait(.milliseconds(1800)))
    }

    @Test("a request may take as long as it can keep the fence open")
    func limits() {
        var election = Election(Self.terms)
        #expect(election.requestLimit(at: .seconds(100)) == .seconds(5))
        election.state = Self.leader(.updating, deadline: 102)
        #expect(election.requestLimit(at: .seconds(100)) == .seconds(2))
        #expect(election.requestLimit(at: .seconds(103)) == .seconds(5))
    }
}
