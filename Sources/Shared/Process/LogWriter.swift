import CMizzenSystem
import Glibc
import MizzenSystem
import Synchronization

/// Writes lines to a descriptor from a thread of its own, so that nobody who logs waits for whoever reads the log.
///
/// What comes faster than it can be written waits in a bounded ring; what does not fit there is dropped and counted. Appending a line
/// copies it, takes no lock, allocates nothing, and makes a system call only when the writer sleeps.
public final class LogWriter: Sendable {
    /// Of this process, for everything that it logs.
    public static let standardError = LogWriter(descriptor: 2)

    /// Longer lines are cut.
    public static let longestLine = 16_384
    /// As much as a pipe takes in one piece, so that lines of several processes on one pipe do not mix.
    private static let piece = 4096

    private let ring: LogRing
    private let descriptor: Int32
    /// An eventfd, or negative where there was none to be had: the writer then looks by itself.
    private let wake: Int32
    private let isAsleep = Atomic<Bool>(false)
    private let isEnding = Atomic<Bool>(false)
    private let droppedLines = Atomic<UInt64>(0)
    /// Up to where in the ring everything is written, or was given up.
    private let done = Atomic<Int>(0)
    private let isRunning = Mutex(false)

    init(descriptor: Int32, capacity: Int = 1 << 19) {
        self.descriptor = descriptor
        ring = LogRing(capacity: capacity)
        wake = mz_wake_create()
        start()
    }

    /// Lines that were not written: the ring was full, or the reader is gone.
    public var dropped: UInt64 { droppedLines.load(ordering: .relaxed) }

    /// Hands a line over, its end included. Returns at once, whoever reads the log.
    ///
    /// - Returns: whether there was room for it.
    @discardableResult
    public func append(_ line: Span<UInt8>) -> Bool {
        let isTaken =
            line.count <= Self.longestLine ? ring.append(line) : ring.append(Self.cut(line).span)
        if !isTaken { droppedLines.wrappingAdd(1, ordering: .relaxed) }
        // The writer says that it sleeps and then looks once more; here a line is put in and then the writer looked at.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        if isAsleep.load(ordering: .relaxed), isAsleep.exchange(false, ordering: .relaxed) { wakeUp() }
        return isTaken
    }

    private static func cut(_ line: Span<UInt8>) -> [UInt8] {
        var copy = (0..<longestLine - 1).map { line[$0] }
        copy.append(UInt8(ascii: "\n"))
        return copy
    }

    /// Waits until everything that was handed over before is written, at most for `limit`: for the end of the process.
    ///
    /// - Returns: whether it is.
    @discardableResult
    public func flush(within limit: Duration) -> Bool {
        let target = ring.end
        let end = ContinuousClock.now + limit
        start()
        wakeUp()
        while done.load(ordering: .acquiring) < target {
            if ContinuousClock.now >= end { return false }
            _ = mz_wait(-1, 0, 1)
        }
        return true
    }

    /// Ends the thread once it has nothing to write.
    func stop() {
        isEnding.store(true, ordering: .releasing)
        wakeUp()
    }

    private func wakeUp() {
        if wake >= 0 { _ = mz_wake(wake) }
    }

    /// Starts the thread, unless it runs. Where none is to be had, the next `flush` tries again.
    private func start() {
        isRunning.withLock { isRunning in
            if !isRunning { isRunning = (try? SystemThread.start(name: "mizzen-log") { [self] in run() }) != nil }
        }
    }

    private func run() {
        var buffer = [UInt8](repeating: 0, count: Self.longestLine)
        while true {
            let (bytes, lines, position) = ring.take(into: &buffer, limit: Self.piece)
            if bytes > 0, !write(buffer, bytes) { droppedLines.wrappingAdd(UInt64(lines), ordering: .relaxed) }
            done.store(position, ordering: .releasing)
            if lines > 0 { continue }
            if isEnding.load(ordering: .acquiring) { return }
            sleep()
        }
    }

    private func sleep() {
        isAsleep.store(true, ordering: .relaxed)
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        // A line may have come before it could see that this thread sleeps: it is there now, or will be in a moment.
        let isEmpty = ring.end == done.load(ordering: .relaxed)
        _ = mz_wait(wake, UInt32(MZ_READABLE), !isEmpty ? 1 : wake >= 0 ? 1000 : 50)
        isAsleep.store(false, ordering: .relaxed)
        if wake >= 0 { _ = mz_wake_clear(wake) }
    }

    /// - Returns: whether all of it was written.
    private func write(_ buffer: [UInt8], _ count: Int) -> Bool {
        var offset = 0
        while offset < count {
            // Safe: the range lies inside the array.
            let written = unsafe buffer.withUnsafeBytes { bytes in
                unsafe Glibc.write(descriptor, bytes.baseAddress.map { unsafe $0 + offset }, count - offset)
            }
            if written > 0 {
                offset += written
            } else if written < 0, errno == EAGAIN {
                // Somebody who shares the descriptor has made it non-blocking.
                _ = mz_wait(descriptor, UInt32(MZ_WRITABLE), 1000)
            } else if written >= 0 || errno != EINTR {
                return false
            }
        }
        return true
    }
}

extension MetricsRegistry {
    /// Shows what the log of this process has lost.
    public func countDroppedLogLines(of writer: LogWriter = .standardError) {
        counter(
            "mizzen_log_lines_dropped_total",
            help: "Log lines that were not written, because standard error was not read fast enough or not at all."
        ) { Double(writer.dropped) }
    }
}
