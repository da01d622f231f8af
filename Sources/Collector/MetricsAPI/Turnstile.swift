import Synchronization

/// Counts the requests that are being answered.
final class Turnstile: Sendable {
    /// A request's place, which is free again when nobody holds it any more: however an answer ends, it ends for the count too.
    final class Place: Sendable {
        private let turnstile: Turnstile

        fileprivate init(_ turnstile: Turnstile) { self.turnstile = turnstile }

        deinit { turnstile.leave() }
    }

    private let limit: Int
    /// Called with how many there are, whenever that changes.
    private let changed: @Sendable (Int) -> Void
    private let inside = Mutex(0)

    /// - Parameter limit: 0 for any number.
    init(limit: Int, changed: @escaping @Sendable (Int) -> Void = { _ in }) {
        (self.limit, self.changed) = (limit, changed)
    }

    /// - Returns: nil where all places are taken.
    func enter() -> Place? {
        let count: Int? = inside.withLock { inside in
            guard limit == 0 || inside < limit else { return nil }
            inside += 1
            return inside
        }
        guard let count else { return nil }
        changed(count)
        return Place(self)
    }

    private func leave() {
        changed(
            inside.withLock { inside in
                inside -= 1
                return inside
            })
    }
}
