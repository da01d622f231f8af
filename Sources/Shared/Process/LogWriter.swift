import CMizzenSystem
import Glibc
import MizzenSystem
import Synchronization

/// Writes lines to a descriptor from a thread of its own, so that nobody who has a line waits for whoever reads it: the log of the
/// process on standard error, and lines that are its product (a query log) on standard output.
///
/// What comes faster than it can be written waits in a bounded ring; what does not fit there is dropped and counted. Appending a line
/// copies it, takes no lock, allocates nothing, and makes a system call only when the writer sleeps.
public final class LogWriter: Sendable {
    /// Of this process, for everything that it logs.
    public static let standardError = ofProcess(.error)
    /// Of this process, for lines that others read as its product. Its first use starts the thread: let that be before the first line
    /// whose time counts.
    public static let standardOutput = ofProcess(.output)
    /// Those of the two that were used.
    private static let used = Mutex<[LogWriter]>([])

    /// Longer lines are cut.
    public static let longestLine = 16_384
    /// As much as a pipe takes in one piece, so that lines of several processes on one pipe do not mix.
    private static let piece = 4096

    private let ring: MessageRing
    private let descriptor: Int32
    /// As metrics name it, `stderr`.
    let stream: String
    /// An eventfd, or negative where there was none to be had: the writer then looks by itself.
    private let wake: Int32
    private let isAsleep = Atomic<Bool>(false)
    private let isEnding = Atomic<Bool>(false)
    private let droppedLines = Atomic<UInt64>(0)
    /// Up to where in the ring everything is written, or was given up.
    private let done = Atomic<Int>(0)
    private let isRunning = Mutex(false)

    init(descriptor: Int32, stream: String = "", capacity: Int = 1 << 19) {
        self.descriptor = descriptor
        self.stream = stream
        ring = MessageRing(capacity: capacity, longestMessage: Self.longestLine)
        wake = mz_wake_create()
        start()
    }

    private static func ofProcess(_ stream: StandardStream) -> LogWriter {
        let writer = LogWriter(descriptor: stream.rawValue, stream: stream == .error ? "stderr" : "stdout")
        used.withLock { $0.append(writer) }
        return writer
    }

    /// Flushes standard output and standard error, as far as they were used: both within `limit`.
    public static func flushStandardStreams(within limit: Duration) {
        let end = ContinuousClock.now + limit
        for writer in used.withLock({ $0 }) { writer.flush(within: max(.zero, end - .now)) }
    }

    /// Lines that were not written: the ring was full, or the reader is gone.
    public var dropped: UInt64 { droppedLines.load(ordering: .relaxed) }

    /// Hands a line over, its end included. Returns at once, whoever reads it; allocates nothing. Any thread. Lines that one thread hands
    /// over are written in its order.
    ///
    /// - Returns: whether there was room for it.
    @discardableResult
    public func append(_ line: Span<UInt8>) -> Bool {
        let isTaken = line.count <= Self.longestLine ? ring.append(line) : appendCut(line)
        if !isTaken { droppedLines.wrappingAdd(1, ordering: .relaxed) }
        // The writer says that it sleeps and then looks once more; here a line is put in and then the writer looked at.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        if isAsleep.load(ordering: .relaxed), isAsleep.exchange(false, ordering: .relaxed) { wakeUp() }
        return isTaken
    }

    private func appendCut(_ line: Span<UInt8>) -> Bool {
        ring.append(count: Self.longestLine) { output in
            output.append(copying: line.extracting(first: Self.longestLine - 1))
            output.append(UInt8(ascii: "\n"))
        }
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
    /// Shows what the log of this process has lost, or another of its streams.
    public func countDroppedLogLines(of writer: LogWriter = .standardError) {
        counter(
            "mizzen_log_lines_dropped_total",
            help: "Lines that were not written, because the stream was not read fast enough or not at all.",
            labels: [("stream", writer.stream)]
        ) { Double(writer.dropped) }
    }
}
