import KubernetesObjects

/// Who of several processes leads, decided over one Lease without doing it: a value that is told what happened and answers
/// with what to ask the API server next. Meaning and numbers are those of client-go's `leaderelection`.
///
/// Clocks of different hosts are never compared. Times in the record are only looked at for being the same as before: a
/// candidate takes the lease over when it has seen one record, unchanged, for the record's duration by its own clock. Every
/// write names the version that was read, so of several writers one succeeds.
///
/// Four things are stricter than in client-go. A *term* (holder, acquireTime, transitions) and not the identity alone says
/// whose the lease is, so two processes with the same `--lease-identity` do not both lead. A lease that is deleted while
/// another held it is waited for as if it were still there. Time in which a candidate could not see the lease for longer than the
/// renew deadline does not count, because the leader could not renew it either: an outage of the API server moves no lead. And a
/// leader that cannot renew goes on trying, with its fence
/// closed (see `LeaseFence`), because the lease may still be its own when the server answers again.
public struct LeaseElection: Hashable, Sendable {
    public struct Terms: Hashable, Sendable {
        /// Of this process and no other.
        public var identity: String
        /// In whole seconds, as the Lease has it.
        public var durationSeconds: Int
        public var renewDeadline: Duration
        public var retryPeriod: Duration

        public init(identity: String, durationSeconds: Int, renewDeadline: Duration, retryPeriod: Duration) {
            self.identity = identity
            self.durationSeconds = durationSeconds
            self.renewDeadline = renewDeadline
            self.retryPeriod = retryPeriod
        }

        var duration: Duration { .seconds(durationSeconds) }
    }

    /// When something happened.
    struct Moment: Hashable, Sendable {
        /// Of a clock that nobody sets and that goes on while the host is suspended.
        var sinceBoot: Duration
        /// Only written into records, for people to read.
        var wall: Timestamp
        /// Random, 0 ..< 1: spreads the looks of several candidates.
        var draw: Double
    }

    enum Event: Hashable, Sendable {
        /// A wait is over.
        case due
        /// The lease is there.
        case found(LeaseRecord)
        /// It is not.
        case absent
        /// The server took what was to be written.
        case written
        /// It did not, because somebody else was faster.
        case conflict
        /// No answer that says whether.
        case failed(LeaseFault)
        /// This process is to end.
        case stop
    }

    enum Step: Hashable, Sendable {
        case get
        case create(LeaseRecord)
        /// In place of the record that was found or written last, and of no other version.
        case update(LeaseRecord)
        case wait(Duration)
        case end(End)
    }

    enum End: Hashable, Sendable {
        /// The server says that another has taken the lease. Empty: that nobody holds it.
        case lost(holder: String)
        case stopped
    }

    /// What others are to be told, in order.
    enum Notice: Hashable, Sendable {
        /// Another holder than before; empty: nobody.
        case holder(String)
        case acquired
        /// Commits may begin until then.
        case renewed(until: Duration)
        /// The deadline has passed without a renewal.
        case fenceClosed
        /// Renewed after that, and nobody else had it meanwhile.
        case fenceReopened
        /// Given up for the next to take at once.
        case released
        /// A fault that was not reported since its request last went well.
        case report(LeaseFault, of: Request)
    }

    enum Request: String, Hashable, Sendable, CaseIterable {
        case get, create, update
    }

    struct Decision: Hashable, Sendable {
        var notices: [Notice] = []
        var step: Step
    }

    enum Activity: Hashable, Sendable {
        case resting, asking, creating, updating
    }

    struct Sighting: Hashable, Sendable {
        var record: LeaseRecord
        /// When this record was first seen: not earlier than when the server took it.
        var since: Duration
    }

    struct Candidate: Hashable, Sendable {
        var sighting: Sighting?
        /// When the server last said what there is.
        var looked: Duration?
        /// What was last sent. Its answer may have been lost, so it is recognised when it is found.
        var attempt: LeaseRecord?
        /// When that was.
        var requested: Duration = .zero
    }

    struct Leader: Hashable, Sendable {
        /// As it was last sent.
        var record: LeaseRecord
        var requested: Duration
        /// Where commits stop unless it is renewed.
        var deadline: Duration
        var hasToldOfClosing = false
        /// Whether the version that is written on was just read, so that a conflict is not for reading it again at once.
        var hasJustAsked = false
    }

    enum State: Hashable, Sendable {
        case candidate(Candidate, Activity)
        case leader(Leader, Activity)
        /// Gives up what it has, or may have, under this term.
        case releasing(LeaseRecord, Activity)
        case ended(End)
    }

    let terms: Terms
    var state: State = .candidate(Candidate(), .resting)
    var holder: String?
    private var reported: [Request: LeaseFault.Cause] = [:]

    init(_ terms: Terms) { self.terms = terms }

    mutating func handle(_ event: Event, at now: Moment) -> Decision {
        var notices: [Notice] = []
        note(event, &notices)
        let step: Step
        switch state {
        case .candidate(let candidate, let activity):
            switch activity {
            case .resting: step = rest(candidate, event, now)
            case .asking: step = asked(candidate, event, now)
            case .creating, .updating: step = wrote(candidate, event, now, &notices)
            }
        case .leader(var leader, let activity):
            if now.sinceBoot >= leader.deadline, !leader.hasToldOfClosing {
                leader.hasToldOfClosing = true
                notices.append(.fenceClosed)
            }
            switch activity {
            case .resting: step = rest(leader, event, now)
            case .asking: step = asked(leader, event, now)
            case .creating, .updating: step = wrote(leader, activity, event, now, &notices)
            }
        case .releasing(let record, let activity): step = release(record, activity, event, now, &notices)
        case .ended(let end): step = .end(end)
        }
        return Decision(notices: notices, step: step)
    }

    /// How long a request may take: as long as it can still keep the fence open, and the closing is noticed in time.
    func requestLimit(at now: Duration) -> Duration {
        let half = terms.renewDeadline / 2
        guard case .leader(let leader, _) = state, leader.deadline > now else { return half }
        return min(half, leader.deadline - now)
    }

    /// What of an event is the same in every state: who holds the lease, and what went wrong.
    private mutating func note(_ event: Event, _ notices: inout [Notice]) {
        guard let request = requestUnderWay else { return }
        switch event {
        case .found(let record):
            reported[request] = nil
            if record.holderIdentity != holder {
                holder = record.holderIdentity
                notices.append(.holder(record.holderIdentity))
            }
        case .absent, .written, .conflict: reported[request] = nil
        case .failed(let fault):
            guard reported[request] != fault.cause else { return }
            reported[request] = fault.cause
            notices.append(.report(fault, of: request))
        case .due, .stop: break
        }
    }

    private var requestUnderWay: Request? {
        switch state {
        case .candidate(_, let activity), .leader(_, let activity), .releasing(_, let activity):
            switch activity {
            case .resting: nil
            case .asking: .get
            case .creating: .create
            case .updating: .update
            }
        case .ended: nil
        }
    }
}
