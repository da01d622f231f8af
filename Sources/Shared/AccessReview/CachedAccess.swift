import Synchronization

/// Remembers another's answers for a while, so that `kubectl top` in a loop does not become load on the API server.
package final class CachedAccess: AccessControl {
    private struct Request: Hashable, Sendable {
        var user: UserInfo
        var attributes: AccessAttributes
    }

    private struct Entry<Value: Sendable>: Sendable {
        var value: Value
        var expires: ContinuousClock.Instant
    }

    private struct State: Sendable {
        var users: [String: Entry<UserInfo?>] = [:]
        var decisions: [Request: Entry<AccessDecision>] = [:]
    }

    /// How long answers hold.
    package struct Lifetimes: Sendable {
        package var token: Duration
        package var allowed: Duration
        package var denied: Duration

        package init(token: Duration = .seconds(10), allowed: Duration = .seconds(10), denied: Duration = .seconds(10)) {
            (self.token, self.allowed, self.denied) = (token, allowed, denied)
        }
    }

    /// Beyond this many entries the cache starts anew, so that invalid tokens cannot fill the memory.
    private static let limit = 4096

    private let base: any AccessControl
    private let lifetimes: Lifetimes
    private let now: @Sendable () -> ContinuousClock.Instant
    private let state = Mutex(State())

    package init(
        _ base: any AccessControl, lifetimes: Lifetimes = Lifetimes(),
        now: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now }
    ) {
        self.base = base
        self.lifetimes = lifetimes
        self.now = now
    }

    package func user(token: String?) async throws -> UserInfo? {
        guard let token else { return try await base.user(token: nil) }
        let moment = now()
        if let held = state.withLock({ $0.users[token] }), held.expires > moment { return held.value }
        let user = try await base.user(token: token)
        let entry = Entry(value: user, expires: moment + lifetimes.token)
        state.withLock { state in
            if state.users.count >= Self.limit { state.users = [:] }
            state.users[token] = entry
        }
        return user
    }

    package func decision(_ user: UserInfo, _ attributes: AccessAttributes) async throws -> AccessDecision {
        let request = Request(user: user, attributes: attributes)
        let moment = now()
        if let held = state.withLock({ $0.decisions[request] }), held.expires > moment { return held.value }
        let decision = try await base.decision(user, attributes)
        let lifetime =
            switch decision {
            case .allowed: lifetimes.allowed
            case .denied: lifetimes.denied
            }
        let entry = Entry(value: decision, expires: moment + lifetime)
        state.withLock { state in
            if state.decisions.count >= Self.limit { state.decisions = [:] }
            state.decisions[request] = entry
        }
        return decision
    }
}
