import Glibc
import TestSupport
import Testing

@testable import ProcessRuntime

@Suite("Lines for standard error and standard output", .serialized)
struct LogWriterTests {
    @Test("lines of several threads come out whole, each thread's in its order; one that is too long is cut")
    func order() async throws {
        let (reader, descriptor) = try pipe()
        let writer = LogWriter(descriptor: descriptor, capacity: 1 << 20)
        let reading = Task { Self.readAll(reader) }
        await withTaskGroup(of: Void.self) { group in
            for producer in 0..<4 {
                group.addTask {
                    for number in 0..<1_000 {
                        let line = Array("\(producer) \(number) \(String(repeating: "x", count: number % 97))\n".utf8)
                        writer.append(line.span)
                    }
                }
            }
        }
        writer.append([UInt8](repeating: UInt8(ascii: "z"), count: 20_000).span)
        #expect(writer.flush(within: .seconds(10)))
        #expect(writer.dropped == 0)
        writer.stop()
        close(descriptor)
        let lines = await reading.value.split(separator: UInt8(ascii: "\n"))
        #expect(lines.count == 4_001)
        #expect(lines.last?.count == LogWriter.longestLine - 1)
        for producer in 0..<4 {
            let own = lines.filter { $0.first == UInt8(ascii: "0") + UInt8(producer) }.map { String(decoding: $0, as: UTF8.self) }
            #expect(own == (0..<1_000).map { "\(producer) \($0) \(String(repeating: "x", count: $0 % 97))" })
        }
    }

    @Test("what was handed over for standard output is written before a normal end")
    func flushedAtTheEnd() async throws {
        let result = try await #require(processExitsWith: .success, observing: [\.standardOutputContent]) {
            Self.writeAndFlush()
            exit(0)
        }
        let text = String(decoding: result.standardOutputContent, as: UTF8.self)
        #expect(text.hasSuffix((0..<3_000).map { "line \($0)\n" }.joined()))
    }

    @Test("a standard output that nobody reads does not keep a process from ending")
    func unreadAtTheEnd() async throws {
        await #expect(processExitsWith: .success) {
            exit(Self.fillAndFlush())
        }
    }

    private static func writeAndFlush() {
        for number in 0..<3_000 { LogWriter.standardOutput.append(Array("line \(number)\n".utf8).span) }
        LogWriter.flushStandardStreams(within: .seconds(10))
    }

    private static func fillAndFlush() -> Int32 {
        var ends: [Int32] = [0, 0]
        // Safe: room for the two descriptors.
        guard unsafe Glibc.pipe(&ends) == 0, dup2(ends[1], 1) == 1 else { return 1 }
        let line = [UInt8](repeating: UInt8(ascii: "y"), count: 1_000)
        for _ in 0..<2_000 { LogWriter.standardOutput.append(line.span) }
        let start = ContinuousClock.now
        LogWriter.flushStandardStreams(within: .milliseconds(100))
        guard LogWriter.standardOutput.dropped > 0, ContinuousClock.now - start < .seconds(5) else { return 2 }
        return 0
    }

    @Test("each stream's losses are counted under its own label")
    func labels() {
        let registry = MetricsRegistry()
        registry.countDroppedLogLines()
        registry.countDroppedLogLines(of: .standardOutput)
        let lines = String(decoding: registry.render(), as: UTF8.self).split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(
            lines.map { $0.prefix { $0 != " " } } == [
                #"mizzen_log_lines_dropped_total{stream="stderr"}"#, #"mizzen_log_lines_dropped_total{stream="stdout"}"#,
            ])
    }

    private func pipe() throws -> (reader: Int32, writer: Int32) {
        var ends: [Int32] = [0, 0]
        // Safe: room for the two descriptors.
        let isMade = unsafe Glibc.pipe(&ends) == 0
        try #require(isMade)
        // The processes that other tests end shall not hold an end too: the suite is serialized for the moment before this.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    private static func readAll(_ descriptor: Int32) -> [UInt8] {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            // Safe: the count is the array's.
            let count = unsafe read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return all }
            all += buffer[..<count]
        }
    }

    @Test("a full pipe that nobody reads delays nobody who logs; what is lost is counted, and the rest comes when it is read")
    func fullPipe() async throws {
        let (reader, descriptor) = try pipe()
        let writer = LogWriter(descriptor: descriptor, capacity: 1 << 16)
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
            let count = unsafe read(reader, &buffer, buffer.count)
            guard count > 0 else { break }
            received += count
        }
        #expect(received == (10_000 - Int(dropped)) * 100)
        #expect(writer.flush(within: .seconds(10)))
        close(reader)
        writer.append(line.span)
        try await eventually("a line that nobody can read is counted") { writer.dropped == dropped + 1 }
        writer.stop()
    }
}
