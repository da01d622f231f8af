import CMizzenSystem
import Logging
import MizzenSystem
import ProcessRuntime
import Synchronization

/// The thread of an output: connects, sends, and connects again.
struct DnstapWriter {
    private let output: DnstapOutput
    private let patience: DnstapPatience
    private var connection: DnstapConnection?
    /// Whole frames that were taken from the ring; `pending` are those that no connection has taken.
    private var buffer = [UInt8](repeating: 0, count: DnstapOutput.longestFrame)
    private var pending = 0..<0
    /// Monotonic nanoseconds.
    private var nextAttempt: Int64 = 0
    /// Whether the log has said that there is no connection.
    private var hasComplained = false
    private var reportedDrops: UInt64 = 0
    private var nextReport: Int64 = 0

    init(_ output: DnstapOutput) {
        self.output = output
        patience = DnstapPatience(output: output)
        reportedDrops = output.metrics.dropped.value
    }

    mutating func run() {
        while true {
            connectIfDue()
            // Looked at before the ring: what was handed over before the end began is sent.
            let isEnding = output.endBy.load(ordering: .acquiring) != .max
            sendAll()
            reportDrops()
            if isEnding { break }
            sleep()
        }
        end()
    }

    private mutating func connectIfDue() {
        guard connection == nil, MonotonicClock.nanoseconds() >= nextAttempt else { return }
        do throws(DnstapFault) {
            connection = try DnstapConnection.open(output, patience)
            output.metrics.isConnected.set(1)
            output.logger.info("connected to the dnstap collector", metadata: ["collector": "\(output.settings.endpoint)"])
            hasComplained = false
        } catch {
            lose(error)
        }
        nextAttempt = MonotonicClock.nanoseconds() + output.limits.retry.nanoseconds
    }

    /// The next attempt to connect is made at once, where the last one is long enough ago.
    private mutating func lose(_ fault: DnstapFault) {
        connection = nil
        output.metrics.isConnected.set(0)
        if hasComplained { return }
        hasComplained = true
        output.logger.warning(
            "no connection to the dnstap collector; its messages wait, and are dropped when there are too many",
            metadata: ["collector": "\(output.settings.endpoint)", "reason": "\(fault.words)"])
    }

    private mutating func sendAll() {
        while connection != nil {
            if pending.isEmpty {
                let (bytes, messages, _) = output.ring.take(into: &buffer, limit: DnstapOutput.batch)
                if messages == 0 { return }
                output.queued.subtract(messages, ordering: .relaxed)
                pending = 0..<bytes
            }
            sendPending()
        }
    }

    /// A frame that was cut by the end of a connection is sent again, whole, on the next.
    private mutating func sendPending() {
        guard let connection else { return }
        var sent = pending.lowerBound
        do throws(DnstapFault) {
            try connection.check()
            try connection.send(buffer, pending, sent: &sent)
        } catch {
            lose(error)
        }
        let (frames, end) = FrameStream.wholeFrames(buffer, in: pending.lowerBound..<sent)
        output.metrics.sent.add(UInt64(frames))
        pending = end..<pending.upperBound
        if self.connection == nil { connectIfDue() }
    }

    /// Until the next flush or attempt, or until much waits, the collector goes, or `stop` is called.
    private mutating func sleep() {
        let now = MonotonicClock.nanoseconds()
        let until = connection == nil ? nextAttempt : now + output.limits.flush.nanoseconds
        // Without a connection nothing can be done about what waits.
        if connection != nil { output.isAsleep.store(true, ordering: .relaxed) }
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        let isDue = connection != nil && output.ring.waiting >= DnstapOutput.batch
        let found = mz_wait_or_wake(
            connection?.descriptor ?? -1, UInt32(MZ_READABLE), output.waker.descriptor.raw,
            isDue ? 0 : Int32(clamping: (max(0, until - now) + 999_999) / 1_000_000))
        output.isAsleep.store(false, ordering: .relaxed)
        if found > 0, found & Int32(MZ_WOKEN) != 0 { output.waker.clear() }
        guard found > 0, found & ~Int32(MZ_WOKEN) != 0, let connection else { return }
        do throws(DnstapFault) {
            try connection.check()
        } catch {
            lose(error)
        }
    }

    /// Once in ten seconds at most, as CoreDNS does.
    private mutating func reportDrops() {
        let (dropped, now) = (output.metrics.dropped.value, MonotonicClock.nanoseconds())
        guard dropped > reportedDrops, now >= nextReport else { return }
        output.logger.warning(
            "dnstap messages dropped",
            metadata: ["collector": "\(output.settings.endpoint)", "count": "\(dropped - reportedDrops)"])
        reportedDrops = dropped
        nextReport = now + 10_000_000_000
    }

    private mutating func end() {
        if let connection {
            do throws(DnstapFault) {
                try connection.finish()
            } catch {
                lose(error)
            }
        }
        connection = nil
        output.metrics.isConnected.set(0)
        // Nobody takes what is left, in the buffer and in the ring.
        let left = FrameStream.wholeFrames(buffer, in: pending).frames + max(0, output.queued.load(ordering: .relaxed))
        if left > 0 { output.metrics.dropped.add(UInt64(left)) }
        reportDrops()
    }
}
