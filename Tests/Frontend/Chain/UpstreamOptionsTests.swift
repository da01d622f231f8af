import Testing

@testable import Frontend

/// Options in an upstream's OPT record.
@Suite("Options of upstreams")
struct UpstreamOptionsTests {
    /// An extended error (RFC 8914): 22, "dead".
    private static let option: [UInt8] = [0, 15, 0, 6, 0, 22, 0x64, 0x65, 0x61, 0x64]

    private func options(_ lines: String, _ given: [UInt8] = option, hasEDNS: Bool = true) throws -> [UInt8]? {
        let bench = try ChainBench(".:0 {\n\(lines)\n forward . 192.0.2.1\n}") { _, _ in .answer(0, ["a.test. 60 A 192.0.2.1"]) }
        bench.upstreamOptions = given
        let octets = try #require(bench.octets(try TestPacket.query("a.test", .a, advertisedSize: hasEDNS ? 1232 : nil)))
        var reader = try PacketReader(octets.span)
        while let record = try reader.next(in: octets.span) {
            if record.type == .opt { return octets.span.extracting(record.data).bytes }
        }
        return nil
    }

    @Test("they reach a client with EDNS, and no other")
    func passed() throws {
        #expect(try options("") == Self.option)
        #expect(try options("", hasEDNS: false) == nil)
    }

    @Test("they end at cache and minimal, which make their answers anew", arguments: ["cache", "minimal"])
    func ended(line: String) throws { #expect(try options(line) == []) }

    @Test("what follows the last whole option, and more than an answer has room for, stays behind")
    func hostile() throws {
        #expect(try options("", Self.option + [0, 15, 0, 9, 1]) == Self.option)
        #expect(try options("", [0, 15, 1, 0] + Array(repeating: 0x61, count: 256)) == [])
    }
}
