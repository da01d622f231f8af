import Foundation
import ProcessRuntime
import TestSupport
import Testing

@testable import SharedCounters

@Suite("Counters of processes that are killed", .serialized)
struct EndedProcessTests {
    private let temporary: TemporaryFolder
    private let counters: CountersUnderTest

    init() throws {
        temporary = try TemporaryFolder()
        counters = try CountersUnderTest(temporary)
    }

    private func probe(_ arguments: String..., says word: String) async throws -> RunningProcess {
        let process = try RunningProcess("counter-probe", [arguments[0], counters.path] + arguments.dropFirst(), in: temporary)
        try await eventually("\(arguments[0]) says \(word)") { process.output.contains(word) || !process.isRunning }
        return process
    }

    private func counted(_ number: Int) async throws {
        try await probe("count", "\(number)", says: "done").kill()
    }

    @Test("who adds up is killed before each step, and nothing is counted twice or lost", arguments: 1...4)
    func steps(step: Int) async throws {
        try await counted(1000)
        try await counted(234)
        _ = try await probe("fold", "\(step)", says: "folded")
        #expect(counters.sum().total("probe_total") == 1234)
        try await counted(6)
        #expect(counters.sum().total("probe_total") == 1240)
        _ = try await probe("fold", "\(step)", says: "folded")
        #expect(counters.sum().total("probe_total") == 1240)
        counters.folder.foldEnded()
        #expect(counters.sum().total("probe_total") == 1240)
        #expect(counters.sum().total("probe_seconds") == 1240)
        #expect(counters.files == ["v1-ended"] && counters.complained.isEmpty)
    }

    /// What is read while processes come, count and are killed, and while those that add up are killed too.
    @Test("no sum goes down while all kinds are killed at random moments, and in the end it is exact")
    func killed() async throws {
        let rounds = isSoak ? 300 : 15
        var random = SystemRandomNumberGenerator()
        let counters = counters
        let reading = Task.detached {
            var last: [String: UInt64] = [:]
            var falls: [String] = []
            var reads = 0
            while !Task.isCancelled {
                let sum = counters.sum()
                for (name, family) in sum.families {
                    for labels in family.samples.keys {
                        let key = "\(name){\(labels)}"
                        let value = MetricsReading.only(sum, name, labels)
                        if value < last[key, default: 0] { falls.append("\(key): \(last[key, default: 0]) then \(value)") }
                        last[key] = value
                    }
                }
                if let gone = last.keys.first(where: { key in
                    !sum.families.contains { name, family in family.samples.keys.contains { "\(name){\($0)}" == key } }
                }) {
                    falls.append("\(gone) is gone")
                }
                reads += 1
            }
            return (falls, reads)
        }
        var total = 0
        for round in 0..<rounds {
            let folders = [try await probe("fold", says: "folding"), try await probe("fold", says: "folding")]
            let number = Int.random(in: 1...5000, using: &random)
            total += number
            let worker = round % 3 == 0 ? try await probe("work", says: "working") : nil
            let counter = try await probe("count", "\(number)", says: "done")
            // A random moment of their work: chance, not synchronisation.
            try await Task.sleep(for: .microseconds(Int64.random(in: 0...20_000, using: &random)))
            try await worker?.kill()
            try await counter.kill()
            try await Task.sleep(for: .microseconds(Int64.random(in: 0...5_000, using: &random)))
            for folder in folders { try await folder.kill() }
        }
        reading.cancel()
        let (falls, reads) = await reading.value
        #expect(falls.isEmpty && reads > rounds)
        counters.folder.foldEnded()
        #expect(counters.sum().total("probe_seconds") == UInt64(total))
        #expect(counters.files == ["v1-ended"] && counters.complained.isEmpty)
    }

    @Test("one that adds up and stands still keeps nobody from counting or reading")
    func stopped() async throws {
        try await counted(10)
        let folder = try await probe("fold", says: "folding")
        for _ in 0..<(isSoak ? 50 : 5) {
            try await counted(1)
            try await folder.suspend()
            let before = counters.sum().total("probe_seconds")
            try await counted(1)
            #expect(counters.sum().total("probe_seconds") == before + 1)
            counters.folder.foldEnded()
            #expect(counters.sum().total("probe_seconds") == before + 1)
            try await folder.resume()
        }
    }
}

extension MetricsReading {
    fileprivate static func only(_ reading: MetricsReading, _ name: String, _ labels: String) -> UInt64 {
        switch reading.families[name]?.samples[labels] {
        case .count(let count): count
        case .distribution(let counts, _): counts.reduce(0, +)
        case .value, nil: 0
        }
    }
}
