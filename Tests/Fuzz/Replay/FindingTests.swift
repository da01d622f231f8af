import Testing

@testable import Collector
@testable import Frontend

/// What fuzzing found, each with the input that showed it.
@Suite("Findings of fuzzing", .serialized)
struct FindingTests {
    @Test("an answer relayed from an upstream is marked as one, even where the upstream's message is not")
    func relayedFlag() throws {
        let input = try #require(Corpus("dns-message").inputs.first { $0.name == "upstream-without-qr" }).bytes
        let packet = Array(input.dropFirst(2).prefix(Int(input[1])))
        let upstream = Array(input.dropFirst(2 + packet.count))
        #expect(upstream[2] & 0x80 == 0)
        let answer = try #require(try QueryPath().answer(packet, .udp, upstream: upstream))
        #expect(answer[2] & 0x80 != 0)
    }

    @Test("a long number that goes on behind a NUL octet is not a number")
    func numberBehindNUL() {
        #expect(SampleScanner.number(Array("1234567890123456789\0x".utf8).span) == nil)
        #expect(SampleScanner.number(Array("1234567890123456789".utf8).span) == 1_234_567_890_123_456_768)
    }

    @Test("an exponent of any length is read as the number it stands for")
    func longExponent() {
        #expect(SampleScanner.number(Array("15e-00001".utf8).span) == 1.5)
        #expect(SampleScanner.number(Array("1e".utf8).span) == nil)
    }

    @Test("a record whose hash was damaged, which no look-up would find, is cut when a writer adopts the table")
    func damagedHash() throws {
        let input = try #require(Corpus("table-file").inputs.first { $0.name == "damaged-hash" }).bytes
        #expect(throws: Never.self) { try FuzzTarget.tableFile.check(input) }
    }

    @Test("a snippet that imports itself and then says more is refused at its import, long before all imports are counted")
    func selfImport() throws {
        let body = (0..<40).map { "    word\($0)\n" }.joined()
        let corefile = "(s) {\n    import s\n\(body)}\n. {\n    import s\n}\n"
        let error = #expect(throws: CorefileError.self) {
            _ = try FrontendConfiguration.parse(Array(corefile.utf8), file: "Corefile")
        }
        #expect(error?.line == 2)
        #expect(error?.message.contains("in front of too many words; does 's' import itself?") == true)
    }
}
