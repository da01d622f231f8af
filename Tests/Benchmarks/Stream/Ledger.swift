import MizzenSystem
import DeltaStream
import Synchronization

/// What a subscriber has received: how much, and how late.
final class Ledger: Sendable {
    private struct State {
        var count: UInt64 = 0
        var latencies: [Int64] = []
    }

    private let state = Mutex(State())
    private let progress: Progress
    private let index: Int

    init(_ progress: Progress, index: Int) {
        self.progress = progress
        self.index = index
    }

    /// - Parameter sentAt: nanoseconds since 1970-01-01 UTC.
    func received(sentAt: Int64) {
        let latency = WallClock.nanoseconds() - sentAt
        let count = state.withLock { state in
            state.count += 1
            state.latencies.append(latency)
            return state.count
        }
        if count % 64 == 0 { progress.write(count, at: index) }
    }

    /// Prints percentiles of what came since the last report, in microseconds.
    func report() {
        let latencies = state.withLock { state in
            defer { state.latencies = [] }
            return state.latencies
        }.sorted()
        guard let last = latencies.last else { return Report.line(["count": 0]) }
        func percentile(_ share: Double) -> Double { Double(latencies[Int(Double(latencies.count - 1) * share)]) / 1000 }
        Report.line([
            "count": Double(latencies.count), "p50": percentile(0.5), "p99": percentile(0.99), "max": Double(last) / 1000,
        ])
    }

    /// Answers commands until there are no more.
    func obey() {
        while let line = readLine() {
            switch line {
            case "report": report()
            case "quit": return
            default: fatalError("unknown command \(line)")
            }
        }
    }
}
