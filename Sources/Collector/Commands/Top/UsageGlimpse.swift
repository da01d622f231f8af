import DeltaStream
import Logging
import ProcessRuntime
import StreamCommandLine
import Synchronization

/// The usage that collectors know at the moment.
///
/// A collector repeats the last two samples of each node to whoever begins to listen, and two make a rate: what it knows is here within
/// milliseconds. Only of nodes that it has scraped once so far does the second sample come with its next scrape.
enum UsageGlimpse {
    /// Nothing new for so long, and the collector has repeated what it has.
    private static let quiet = Duration.milliseconds(400)

    /// Until when, and whether any sample has come.
    private final class Wait: Sendable {
        let state: Mutex<(end: ContinuousClock.Instant, hasCome: Bool)>
        init(until end: ContinuousClock.Instant) { state = Mutex((end, false)) }
    }

    /// Fills `store` with samples.
    /// - Parameters:
    ///   - isWhole: whether everything that is wanted is there; asked after each sample.
    ///   - limit: for the first sample to come.
    /// - Throws: 69 where none comes.
    static func fill(
        _ store: UsageStore, from endpoints: [String], transport: Transport, within limit: Duration, logger: Logger,
        isWhole: @escaping @Sendable () -> Bool
    ) async throws {
        let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let subscriber: SampleSubscriber
        do throws(DeltaStreamError) {
            subscriber = try SampleSubscriber(endpoints: endpoints, transport: transport, logger: logger) { sample in
                store.apply(sample)
                arrived.yield()
            }
        } catch {
            throw ProcessError(error)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await StreamService { try await subscriber.run() }.run()
                throw CancellationError()
            }
            group.addTask {
                let longest = ContinuousClock.now + limit
                let wait = Wait(until: longest)
                await withTaskGroup(of: Void.self) { group in
                    group.addTask {
                        for await _ in arrivals {
                            wait.state.withLock { $0 = (min(longest, .now + quiet), true) }
                            if isWhole() { return }
                        }
                    }
                    group.addTask {
                        while !Task.isCancelled, ContinuousClock.now < wait.state.withLock({ $0.end }) {
                            // The end may come nearer with a sample.
                            try? await Task.sleep(until: min(wait.state.withLock { $0.end }, .now + quiet / 4))
                        }
                    }
                    await group.next()
                    group.cancelAll()
                }
                guard wait.state.withLock({ $0.hasCome }) else {
                    throw ProcessError(
                        code: ExitStatus.unavailable,
                        message: "no sample has come within \(limit); see that a collector runs and publishes there",
                        place: endpoints.joined(separator: ","))
                }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}
