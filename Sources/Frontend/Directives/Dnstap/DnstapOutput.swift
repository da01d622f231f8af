import CMizzenSystem
import Logging
import MizzenSystem
import ProcessRuntime
import Synchronization

/// Carries messages to one collector from a thread of its own, so that no thread that serves waits for it, whatever the collector does.
///
/// Messages wait in a bounded ring. What comes while it is full is dropped and counted; what waits while there is no connection is sent when
/// there is one again. The thread looks once a second, or when much waits, as CoreDNS flushes its buffer.
final class DnstapOutput: Sendable {
    struct Limits: Sendable {
        /// How many messages may wait.
        var messages: Int
        /// Bytes for those, a power of two.
        var ring: Int
        /// How long a message waits at most before it is sent.
        var flush = Duration.seconds(1)
        /// For each of: connecting, the handshake, room for more at the collector.
        var patience = Duration.seconds(4)
        /// From a failed connection to the next attempt.
        var retry = Duration.seconds(1)

        /// CoreDNS's numbers for `settings`, and memory for messages of the usual size: 1 MiB for 10,000, or 4 MiB of `full` ones, at
        /// most 1 GiB.
        init(_ settings: DnstapSettings) {
            messages = settings.queue * 10_000
            let usual = 96 + (settings.full ? 256 : 0) + (settings.extra.isEmpty ? 0 : 64)
            let wanted = min(1 << 30, messages * usual)
            ring = 1 << (Int.bitWidth - (wanted - 1).leadingZeroBitCount)
        }
    }

    /// A frame that is longer is dropped: two DNS messages would fit, and much besides.
    static let longestFrame = 1 << 18
    /// So many waiting bytes wake the thread before its time.
    static let batch = 1 << 15

    let settings: DnstapSettings
    /// For a collector that is reached over TLS.
    let tls: TLSClientConfiguration?
    let limits: Limits
    let ring: MessageRing
    let waker: Waker
    let metrics: DnstapMetrics
    let logger: Logger
    private let encoder: DnstapEncoder
    /// Messages in the ring, and those about to be refused.
    let queued = Atomic<Int>(0)
    let isAsleep = Atomic<Bool>(false)
    /// Monotonic nanoseconds by which everything has to be over; the far future until `stop`.
    let endBy = Atomic<Int64>(.max)
    let hasEnded = Atomic<Bool>(false)

    /// - Parameters:
    ///   - tls: whom to trust; needed for a `tls` endpoint.
    ///   - identity: the host's name, for settings that say none.
    ///   - version: this program's name and version, as above.
    ///   - limits: nil for those of `settings`.
    init(
        _ settings: DnstapSettings, tls: TLSClientConfiguration? = nil, identity: String, version: String, metrics: DnstapMetrics,
        logger: Logger, limits: Limits? = nil
    ) throws(SystemError) {
        self.settings = settings
        self.tls = tls
        let limits = limits ?? Limits(settings)
        self.limits = limits
        ring = MessageRing(capacity: max(limits.ring, Self.longestFrame * 2), longestMessage: Self.longestFrame)
        waker = try Waker()
        self.metrics = metrics
        self.logger = logger
        encoder = DnstapEncoder(identity: settings.identity ?? identity, version: settings.version ?? version)
    }

    /// Hands a message over. Returns at once; takes no lock, allocates nothing. Any thread.
    ///
    /// - Parameters:
    ///   - wire: the DNS message; sent with `full` only.
    ///   - extra: the settings' text with its words replaced; empty for none.
    /// - Returns: whether there was room for it; what has none is counted.
    @discardableResult
    func send(_ message: DnstapMessage, wire: Span<UInt8>, extra: Span<UInt8>) -> Bool {
        let sent = settings.full ? wire : wire.extracting(first: 0)
        let isTaken =
            queued.add(1, ordering: .relaxed).oldValue < limits.messages && endBy.load(ordering: .relaxed) == .max
            && ring.append(count: encoder.frameSize(message, wireCount: sent.count, extraCount: extra.count)) {
                encoder.write(message, wire: sent, extra: extra, into: &$0)
            }
        guard isTaken else {
            queued.subtract(1, ordering: .relaxed)
            metrics.dropped.add()
            return false
        }
        // The thread says that it sleeps and then looks once more; here a message is put in and then the thread looked at.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        if isAsleep.load(ordering: .relaxed), ring.waiting >= Self.batch, isAsleep.exchange(false, ordering: .relaxed) { waker.wake() }
        return true
    }

    /// Starts the thread, which holds this object until `stop`.
    func start() throws(SystemError) {
        try SystemThread.start(name: "mizzen-dnstap") { [self] in
            var writer = DnstapWriter(self)
            writer.run()
            hasEnded.store(true, ordering: .releasing)
        }
    }

    /// Takes no more messages, sends those that wait, ends the stream and the thread: within `limit`, what is left then is counted as
    /// dropped. Waits for that.
    ///
    /// - Returns: whether the thread has ended; it may still wait for a name server.
    @discardableResult
    func stop(within limit: Duration) -> Bool {
        let end = MonotonicClock.nanoseconds() + min(limit, .seconds(3600)).nanoseconds
        endBy.store(end, ordering: .releasing)
        waker.wake()
        while !hasEnded.load(ordering: .acquiring) {
            if MonotonicClock.nanoseconds() >= end + 100_000_000 { return false }
            _ = mz_wait(-1, 0, 1)
        }
        return true
    }
}

/// What became of the messages for one collector.
struct DnstapMetrics: Sendable {
    let sent: Counter
    let dropped: Counter
    let isConnected: Gauge

    init(registry: MetricsRegistry, endpoint: DnstapSettings.Endpoint) {
        let labels = [("endpoint", endpoint.description)]
        sent = registry.counter("mizzen_dnstap_messages_total", help: "Messages handed to a dnstap collector's connection.", labels: labels)
        dropped = registry.counter(
            "mizzen_dnstap_dropped_messages_total",
            help: "Messages that a dnstap collector was not sent: it took them too slowly, or was not there.", labels: labels)
        isConnected = registry.gauge(
            "mizzen_dnstap_connected", help: "1 while a dnstap collector is connected.", labels: labels, joining: .smallest)
    }
}
