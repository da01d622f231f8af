import Dispatch
import ProcessRuntime
import Synchronization

/// Several threads that share the rendering of many objects, as many as the process may keep busy.
///
/// Why nobody sees a difference to one thread: an object's record depends on that object alone and on options that never change, so it
/// does not matter who makes it, or when. The elements are cut into shares, each of neighbours; whoever is free takes the next
/// share by adding one to an atomic number, so that each is taken once, and puts what becomes of it into the place of that share, under
/// the place's lock. ``compactMap(_:_:)`` returns when all shares are done (`concurrentPerform` waits for its last call), and puts
/// the places together in their order: the result is that of one thread, and whoever called is the only one that passes it on.
struct RenderingCrew: Sendable {
    /// Less is not worth waking a thread, which takes some 10 µs: an object of the smallest kind takes 2.
    private static let smallestShare = 8

    /// At least 1, the caller's own.
    let threads: Int

    static let ofThisProcess = RenderingCrew(threads: ProcessorShare.available())

    private final class Place<Value: Sendable>: Sendable {
        let values = Mutex<[Value]>([])
    }

    /// - Parameter transform: called once for each element, by any thread.
    /// - Returns: in the elements' order.
    func compactMap<Element: Sendable, Value: Sendable>(
        _ elements: [Element], _ transform: @Sendable (Element) -> Value?
    ) -> [Value] {
        // Shares of different cost even out when there are some for each thread.
        let count = min(elements.count / Self.smallestShare, threads * 4)
        guard threads > 1, count > 1 else { return elements.compactMap(transform) }
        let places = (0..<count).map { _ in Place<Value>() }
        let next = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: min(threads, count)) { _ in
            while case let share = next.wrappingAdd(1, ordering: .relaxed).oldValue, share < count {
                let range = elements.count * share / count..<elements.count * (share + 1) / count
                let made = elements[range].compactMap(transform)
                places[share].values.withLock { $0 = made }
            }
        }
        return places.flatMap { place in place.values.withLock { $0 } }
    }
}
