import MizzenSystem
import DeltaStream
import Glibc

/// Something that sends one message at a time.
protocol MessageSource: ~Copyable {
    mutating func send()
    /// Lets new subscribers notice that they are connected.
    mutating func hello()
    /// Serves one subscriber's snapshot, if that is not done anyway.
    mutating func serveSnapshot()
}

/// Performs the commands on standard input.
struct Conductor {
    /// Messages on the way to the slowest subscriber, at most. libzmq hears of what was read in steps of half a queue
    /// (4,096), so with fewer than that nothing is lost.
    private static let window: UInt64 = 2_000

    let progress: Progress

    func run(_ source: inout some MessageSource & ~Copyable) throws {
        Report.line(["ready": 1])
        var subscribers = 0
        while let line = readLine() {
            let words = line.split(separator: " ")
            var numbers = words.dropFirst().compactMap { Int($0) }
            // In whole steps of the counters.
            if ["flood", "pace"].contains(words.first) { numbers[0] = (numbers[0] + 63) / 64 * 64 }
            switch words.first {
            case "subscribers": subscribers = numbers[0]
            case "hello": source.hello()
            case "snapshot": source.serveSnapshot()
            case "flood": flood(&source, count: numbers[0], to: subscribers)
            case "pace": pace(&source, count: numbers[0], rate: numbers[1])
            case "quit": return
            default: fatalError("unknown command \(line)")
            }
            if words.first != "flood" { Report.line(["done": 1]) }
        }
    }

    /// As fast as the slowest subscriber takes them.
    private func flood(_ source: inout some MessageSource & ~Copyable, count: Int, to subscribers: Int) {
        let before = progress.slowest(of: subscribers)
        let start = WallClock.nanoseconds()
        for sent in 1...UInt64(count) {
            source.send()
            guard sent % 256 == 0 else { continue }
            wait { sent - (progress.slowest(of: subscribers) - before) <= Self.window }
        }
        wait { progress.slowest(of: subscribers) - before >= UInt64(count) }
        let seconds = Double(WallClock.nanoseconds() - start) / 1e9
        Report.line(["messages_per_second": Double(count) / seconds])
    }

    private func wait(_ condition: () -> Bool) {
        for _ in 0..<600_000 {
            if condition() { return }
            usleep(50)
        }
        fatalError("subscribers have not received everything within half a minute")
    }

    private func pace(_ source: inout some MessageSource & ~Copyable, count: Int, rate: Int) {
        let start = WallClock.nanoseconds()
        for index in 0..<count {
            let due = start + Int64(index) * 1_000_000_000 / Int64(rate)
            let wait = due - WallClock.nanoseconds()
            if wait > 0 { usleep(UInt32(wait / 1000)) }
            source.send()
        }
    }
}

/// The file of counters.
struct Progress {
    private let file: Int32

    init(_ path: String) throws {
        // Safe: Swift hands over a NUL-terminated copy.
        file = unsafe open(path, O_RDWR)
        guard file >= 0 else { throw DeltaStreamError("cannot open the counters", place: path, errorNumber: errno) }
    }

    func write(_ count: UInt64, at index: Int) {
        var count = count
        // Safe: eight bytes of this stack.
        _ = unsafe pwrite(file, &count, 8, off_t(index * 8))
    }

    func slowest(of subscribers: Int) -> UInt64 {
        var counts = [UInt64](repeating: 0, count: subscribers)
        // Safe: the array has that many bytes.
        _ = unsafe pread(file, &counts, subscribers * 8, 0)
        return counts.min() ?? 0
    }
}

enum Report {
    static func line(_ values: [String: Double]) {
        let fields = values.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }
        let line = Array("{\(fields.joined(separator: ", "))}\n".utf8)
        // Not by stdio: flushing all streams would wait for the one that `readLine` holds.
        // Safe: the array has that many bytes.
        _ = unsafe write(1, line, line.count)
    }
}
