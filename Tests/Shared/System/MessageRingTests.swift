import MizzenSystem
import Synchronization
import Testing

@Suite("The ring between many threads and one")
struct MessageRingTests {
    @Test("messages of several threads come out whole, each thread's in its order, and what has no room is refused")
    func ring() async throws {
        let ring = MessageRing(capacity: 1 << 12, longestMessage: 512)
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
    private static func takeAll(_ ring: MessageRing) async -> [[UInt8]] {
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

    @Test("a message may be written in its place; what is left out is 0, and one beyond the longest is refused")
    func inPlace() {
        let ring = MessageRing(capacity: 64, longestMessage: 16)
        var buffer = [UInt8](repeating: 0xFF, count: 16)
        // Often enough to go around the end several times.
        for round in 0..<UInt8(20) {
            let isTaken = ring.append(count: 9) {
                $0.append(round)
                $0.append(copying: [1, 2, 3].span)
                // Without room for all of it nothing is appended.
                $0.append(copying: [9, 9, 9, 9, 9, 9].span)
            }
            #expect(isTaken)
            #expect(ring.waiting >= 17)
            let taken = ring.take(into: &buffer, limit: 16)
            #expect(taken.bytes == 9 && taken.messages == 1)
            #expect(Array(buffer[..<9]) == [round, 1, 2, 3, 0, 0, 0, 0, 0])
            #expect(ring.waiting == 0)
        }
        let lengths = [17, 16].map { length in ring.append(count: length) { _ in } }
        #expect(lengths == [false, true])
    }
}
