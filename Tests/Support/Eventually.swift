package struct DidNotHappen: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) { self.description = description }
}

/// Looks again and again for `time` whether `condition` holds: for what must not happen though it has the time to.
///
/// - Throws: `DidNotHappen` with `what` as soon as it does not hold; what `condition` throws.
package func throughout(_ time: Duration, _ what: String, _ condition: () async throws -> Bool) async throws {
    let start = ContinuousClock.now
    while ContinuousClock.now < start + time {
        guard try await condition() else { throw DidNotHappen(description: "no more after \(ContinuousClock.now - start): \(what)") }
        try await Task.sleep(for: .milliseconds(20))
    }
}

/// Looks until `condition` holds: for what another process does in its own time.
///
/// - Throws: `DidNotHappen` with `what` after `limit`; what `condition` throws counts as not yet.
package func eventually(
    _ what: String, within limit: Duration = .seconds(30), _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    var last: (any Error)?
    while ContinuousClock.now < end {
        do {
            if try await condition() { return }
            last = nil
        } catch {
            last = error
        }
        try await Task.sleep(for: .milliseconds(20))
    }
    throw DidNotHappen(description: "not within \(limit): \(what)\(last.map { " (\($0))" } ?? "")")
}
