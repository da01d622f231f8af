import Glibc
import Synchronization
import TestSupport
import Testing

@testable import ProcessRuntime

@Suite("The log's ring and its writer")
struct LogWriterTests {
    @Test("lines of several threads come out whole, each thread's in its order, and what has no room is refused")
    func ring() async throws {
        let ring = LogRing(capacity: 1 << 12)
        let refused = Count()
        let taken = await withTaskGroup(of: Void.self, returning: [[UInt8]].self) { group in
            for producer in 0..<4 {
                group.addTask {
                    for number in 0..<5_000 {
                        let line = Array("\(producer) \(number) \(String(repeating: "x", count: number % 97))\n".utf8)
                        if !ring.append(line.span) { refused.add() }
                    }
                }
            }
            let consumer = Task { await Self.takeAll(ring) }
            await group.waitForAll()
            consumer.cancel()
            return await consumer.value
        }
        #expect(taken.count + refused.value == 20_000)
        var last = [Int](repeating: -1, count: 4)
        for line in taken {
            let words = String(decoding: line, as: UTF8.self).split(separator: " ", omittingEmptySubsequences: false)
            guard words.count == 3, let producer = Int(words[0]), let number = Int(words[1]) else {
                Issue.record("a line is torn: \(String(decoding: line, as: UTF8.self))")
                return
            }
            #expect(words[2].utf8.count == number % 97)
            #expect(last[producer] < number)
            last[producer] = number
        }
    }

    private final class Count: Sendable {
        private let count = Atomic<Int>(0)
        func add() { count.wrappingAdd(1, ordering: .relaxed) }
        var value: Int { count.load(ordering: .relaxed) }
    }

    /// Every line until the task is cancelled, and those that are there then.
    private static func takeAll(_ ring: LogRing) async -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let isLast = Task.isCancelled
            let (bytes, count, _) = ring.take(into: &buffer, limit: 512)
            lines += buffer[..<bytes].split(separator: UInt8(ascii: "\n")).map { Array($0) }
            if count == 0, isLast { return lines }
            if count == 0 { await Task.yield() }
        }
    }

    @Test("a full pipe that nobody reads delays nobody who logs; what is lost is counted, and the rest comes when it is read")
    func fullPipe() async throws {
        var ends: [Int32] = [0, 0]
        // Safe: room for the two descriptors.
        let isMade = unsafe pipe(&ends) == 0
        try #require(isMade)
        let writer = LogWriter(descriptor: ends[1], capacity: 1 << 16)
        let line = Array((String(repeating: "y", count: 99) + "\n").utf8)
        // A pipe holds 64 KiB, the ring as much again: the first lines nearly fill the one, the others then fill both.
        for _ in 0..<500 { writer.append(line.span) }
        #expect(writer.flush(within: .seconds(10)))
        for _ in 0..<9_500 { writer.append(line.span) }
        let dropped = writer.dropped
        #expect(dropped > 8_000 && dropped < 9_500)
        #expect(!writer.flush(within: .milliseconds(50)))
        var received = 0
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while received < (10_000 - Int(dropped)) * 100 {
            // Safe: the count is the array's.
            let count = unsafe read(ends[0], &buffer, buffer.count)
            guard count > 0 else { break }
            received += count
        }
        #expect(received == (10_000 - Int(dropped)) * 100)
        #expect(writer.flush(within: .seconds(10)))
        close(ends[0])
        writer.append(line.span)
        try await eventually("a line that nobody can read is counted") { writer.dropped == dropped + 1 }
        writer.stop()
    }
}
