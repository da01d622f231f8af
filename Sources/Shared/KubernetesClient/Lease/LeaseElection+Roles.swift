import KubernetesObjects

// MARK: - Candidates

extension LeaseElection {
    mutating func rest(_ candidate: Candidate, _ event: Event, _ now: Moment) -> Step {
        switch event {
        case .due:
            state = .candidate(candidate, .asking)
            return .get
        case .found, .absent, .written, .conflict, .failed:
            // Nothing was asked for: a late answer changes nothing.
            return wait(candidate, now)
        case .stop: return stop(candidate.attempt)
        }
    }

    mutating func asked(_ candidate: Candidate, _ event: Event, _ now: Moment) -> Step {
        var candidate = candidate
        switch event {
        case .found(let record):
            // An earlier attempt succeeded after all; only its answer was lost. One that created the lease (transitions 0) may
            // have arrived late, after somebody else's was deleted, so that is waited for unless nobody's was ever seen.
            if let attempt = candidate.attempt, attempt.isSameTerm(as: record),
                record.leaseTransitions > 0 || candidate.sighting == nil
            {
                return send(attempt, candidate, .updating, now)
            }
            look(record, &candidate, now)
            if isFree(candidate, now) {
                // The field has 32 bits; 0 is for a lease that was created.
                let transitions = record.leaseTransitions < Int(Int32.max) ? record.leaseTransitions + 1 : 1
                return send(newTerm(after: transitions, now), candidate, .updating, now)
            }
            return wait(candidate, now)
        case .absent:
            // Somebody deleted it, and whoever held it may be writing until its deadline. Its absence is waited for like a
            // record, and not that of the holder seen last: there may have been another since.
            if candidate.sighting != nil { look(Self.vanished, &candidate, now) }
            if isFree(candidate, now) { return send(newTerm(after: 0, now), candidate, .creating, now) }
            return wait(candidate, now)
        case .failed, .due, .written, .conflict: return wait(candidate, now)
        case .stop: return stop(candidate.attempt)
        }
    }

    mutating func wrote(
        _ candidate: Candidate, _ event: Event, _ now: Moment, _ notices: inout [Notice]
    ) -> Step {
        var candidate = candidate
        switch event {
        case .written:
            guard let attempt = candidate.attempt else { return wait(candidate, now) }
            let leader = Leader(
                record: attempt, requested: candidate.requested, deadline: candidate.requested + terms.renewDeadline)
            holder = terms.identity
            notices += [.holder(terms.identity), .acquired, .renewed(until: leader.deadline)]
            return wait(leader, now)
        case .conflict:
            candidate.attempt = nil
            // Somebody has it from now on; who, the next look tells.
            candidate.sighting = Sighting(record: Self.unseen, since: now.sinceBoot)
            return wait(candidate, now)
        case .absent, .failed, .due, .found: return wait(candidate, now)
        case .stop: return stop(candidate.attempt)
        }
    }

    /// In place of a record that somebody deleted: held by whom, and for how long, is not known.
    private static let vanished = placeholder("(deleted)")
    /// In place of a record that was not read yet.
    private static let unseen = placeholder("(not seen yet)")

    private static func placeholder(_ holder: String) -> LeaseRecord {
        var record = LeaseRecord()
        record.holderIdentity = holder
        return record
    }

    /// Begins a record's duration anew when it has changed, or when there was no look at it for longer than a leader may go
    /// without a renewal.
    private func look(_ record: LeaseRecord, _ candidate: inout Candidate, _ now: Moment) {
        let gap = candidate.looked.map { now.sinceBoot - $0 } ?? .zero
        candidate.looked = now.sinceBoot
        guard candidate.sighting?.record != record || gap > terms.renewDeadline else { return }
        candidate.sighting = Sighting(record: record, since: now.sinceBoot)
    }

    private func isFree(_ candidate: Candidate, _ now: Moment) -> Bool {
        guard let sighting = candidate.sighting, !sighting.record.holderIdentity.isEmpty else { return true }
        return now.sinceBoot >= expiry(sighting)
    }

    private func expiry(_ sighting: Sighting) -> Duration {
        // A holder that does not say for how long is given what this process would want.
        let seconds = sighting.record.leaseDurationSeconds
        return sighting.since + (seconds > 0 ? .seconds(seconds) : terms.duration)
    }

    private func newTerm(after transitions: Int, _ now: Moment) -> LeaseRecord {
        var record = LeaseRecord()
        record.holderIdentity = terms.identity
        record.leaseDurationSeconds = terms.durationSeconds
        record.acquireTime = now.wall.leaseText
        record.leaseTransitions = transitions
        return record
    }

    private mutating func send(
        _ record: LeaseRecord, _ candidate: Candidate, _ activity: Activity, _ now: Moment
    ) -> Step {
        var (record, candidate) = (record, candidate)
        record.renewTime = now.wall.leaseText
        candidate.attempt = record
        candidate.requested = now.sinceBoot
        state = .candidate(candidate, activity)
        return activity == .creating ? .create(record) : .update(record)
    }

    /// A retry period, or less where the record that was seen runs out sooner.
    private mutating func wait(_ candidate: Candidate, _ now: Moment) -> Step {
        state = .candidate(candidate, .resting)
        // Never longer than the period: a takeover takes at most that plus the duration.
        var wait = terms.retryPeriod * (1 - 0.2 * now.draw)
        if let sighting = candidate.sighting, !sighting.record.holderIdentity.isEmpty, expiry(sighting) > now.sinceBoot {
            wait = min(wait, expiry(sighting) - now.sinceBoot)
        }
        return .wait(wait)
    }
}

// MARK: - Leaders

extension LeaseElection {
    mutating func rest(_ leader: Leader, _ event: Event, _ now: Moment) -> Step {
        switch event {
        case .due:
            // On the version that is known: one request instead of two.
            var leader = leader
            leader.hasJustAsked = false
            return renew(leader, .updating, now)
        case .found, .absent, .written, .conflict, .failed: return wait(leader, now)
        case .stop: return stop(leader.record)
        }
    }

    mutating func asked(_ leader: Leader, _ event: Event, _ now: Moment) -> Step {
        var leader = leader
        leader.hasJustAsked = true
        switch event {
        case .found(let record):
            guard record.isSameTerm(as: leader.record) else { return end(.lost(holder: record.holderIdentity)) }
            return renew(leader, .updating, now)
        case .absent: return recreate(leader, now)
        case .failed, .due, .written, .conflict: return wait(leader, now)
        case .stop: return stop(leader.record)
        }
    }

    mutating func wrote(
        _ leader: Leader, _ activity: Activity, _ event: Event, _ now: Moment, _ notices: inout [Notice]
    ) -> Step {
        var leader = leader
        switch event {
        case .written:
            leader.deadline = leader.requested + terms.renewDeadline
            notices.append(.renewed(until: leader.deadline))
            if leader.hasToldOfClosing { notices.append(.fenceReopened) }
            leader.hasToldOfClosing = false
            return wait(leader, now)
        case .conflict:
            guard !leader.hasJustAsked else { return wait(leader, now) }
            state = .leader(leader, .asking)
            return .get
        case .absent:
            // Where it cannot be made again, the namespace is gone too.
            return activity == .updating ? recreate(leader, now) : wait(leader, now)
        case .failed, .due, .found: return wait(leader, now)
        case .stop: return stop(leader.record)
        }
    }

    /// Somebody deleted the lease. Before the deadline nobody else can have had it; after that somebody may have taken it first.
    private mutating func recreate(_ leader: Leader, _ now: Moment) -> Step {
        guard now.sinceBoot < leader.deadline else { return end(.lost(holder: "")) }
        return renew(leader, .creating, now)
    }

    private mutating func renew(_ leader: Leader, _ activity: Activity, _ now: Moment) -> Step {
        var leader = leader
        leader.record.renewTime = now.wall.leaseText
        leader.requested = now.sinceBoot
        state = .leader(leader, activity)
        return activity == .creating ? .create(leader.record) : .update(leader.record)
    }

    /// A retry period, or less where the deadline comes sooner.
    private mutating func wait(_ leader: Leader, _ now: Moment) -> Step {
        state = .leader(leader, .resting)
        let left = leader.deadline - now.sinceBoot
        return .wait(left > .zero ? min(terms.retryPeriod, left) : terms.retryPeriod)
    }
}

// MARK: - The end

extension LeaseElection {
    private mutating func end(_ end: End) -> Step {
        state = .ended(end)
        return .end(end)
    }

    /// - Parameter record: what this process holds, or sent without hearing whether it was taken.
    private mutating func stop(_ record: LeaseRecord?) -> Step {
        guard let record else { return end(.stopped) }
        state = .releasing(record, .asking)
        return .get
    }

    mutating func release(
        _ record: LeaseRecord, _ activity: Activity, _ event: Event, _ now: Moment, _ notices: inout [Notice]
    ) -> Step {
        switch event {
        case .found(let found):
            guard activity == .asking, found.isSameTerm(as: record) else { return end(.stopped) }
            // As client-go leaves it: no holder, the shortest duration that the server takes.
            var released = LeaseRecord()
            released.leaseDurationSeconds = 1
            released.acquireTime = now.wall.leaseText
            released.renewTime = now.wall.leaseText
            released.leaseTransitions = found.leaseTransitions
            state = .releasing(record, .updating)
            return .update(released)
        case .conflict:
            guard activity == .updating else { return end(.stopped) }
            state = .releasing(record, .asking)
            return .get
        case .written:
            if activity == .updating { notices.append(.released) }
            return end(.stopped)
        case .absent, .failed, .due, .stop: return end(.stopped)
        }
    }
}

extension LeaseRecord {
    /// Whether both are of one holding, renewed or not.
    func isSameTerm(as other: LeaseRecord) -> Bool {
        holderIdentity == other.holderIdentity && acquireTime == other.acquireTime
            && leaseTransitions == other.leaseTransitions
    }
}

extension Timestamp {
    /// `MicroTime`, as the API server writes it.
    var leaseText: String { text(fractionDigits: 6) ?? "" }
}
