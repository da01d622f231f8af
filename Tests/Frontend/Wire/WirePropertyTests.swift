import MizzenSystem
import Names
import TestSupport
import Testing

@testable import Frontend

/// Properties that hold for any input. Seeds are fixed, so a failure repeats.
@Suite("Wire properties")
struct WirePropertyTests {
    /// Packets that once broke something, or are known to be nasty elsewhere.
    static let corpus: [String] = [
        "00 00 00 00 00 01 00 00 00 00 00 00 C0 0C 00 01 00 01",  // a question that points to itself
        "00 00 00 00 00 01 00 00 00 00 00 00 C0 0B 00 01 00 01",  // into the header
        "00 00 00 00 00 01 00 01 00 00 00 00 00 00 01 00 01 C0 11 00 01 00 01 00 00 00 00 FF FF",  // a record that is longer than all
        "00 00 00 00 00 01 00 00 00 00 00 01 00 00 01 00 01 00 00 29 02 00 00 00 00 00 00 03 00 0A 00",  // half an option
        "00 00 00 00 00 01 00 00 00 00 00 02 00 00 01 00 01 00 00 29 02 00 00 00 00 00 00 00 00 00 29 02 00 00 00 00 00 00 00",  // two OPT
    ]

    private static func randomName(_ random: inout SeededRandom) -> DNSName {
        var name = DNSName()
        for _ in 0..<Int.random(in: 0...6, using: &random) {
            // Few letters, so that names share ends.
            let label = (0..<Int.random(in: 1...4, using: &random)).map { _ in UInt8.random(in: 0x61...0x63, using: &random) }
            _ = name.append(label: label.span)
        }
        return name
    }

    @Test("names that are written, compressed or not, are read back the same", arguments: 0..<20)
    func names(seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed))
        let names = (0..<60).map { _ in Self.randomName(&random) }
        let packet = try TestPacket.query(Self.randomName(&random).description, .any)
        let message = ResponseWriterTests.message(packet, .tcp) { query, response in
            for name in names {
                guard response.open(.answer, name: name, .srv, ttl: 1, of: query) else { return }
                for _ in 0..<3 { response.append(word: 0) }
                response.append(name, inFull: true, of: query)
                response.close()
                response.pointing(.answer, name: name, .cname, to: name, ttl: 1, of: query)
            }
        }
        var reader = try PacketReader(message.span)
        var read: [DNSName] = []
        while let record = try reader.next(in: message.span) {
            var name = DNSName()
            _ = try name.read(message.span, at: record.owner)
            read.append(name)
            _ = try name.read(message.span, at: record.data.lowerBound + (record.type == .srv ? 6 : 0))
            read.append(name)
        }
        #expect(read == names.flatMap { [$0, $0, $0, $0] })
        #expect(reader.offset == message.count)
    }

    @Test("what is decoded and encoded again decodes to the same", arguments: 0..<20)
    func roundTrip(seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed))
        let first = try Self.randomMessage(&random)
        let second = try Self.copy(first)
        #expect(try MessageText(second) == MessageText(first))
        #expect(try Self.copy(second) == second)
    }

    @Test("no packet, however mangled, is read past its end or answered with nonsense", arguments: 0..<20)
    func mangledQueries(seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed))
        var query = Query()
        var answered = 0
        for _ in 0..<500 {
            var packet = try TestPacket.query(
                Self.randomName(&random).description, .a, advertisedSize: Bool.random(using: &random) ? 1232 : nil)
            Self.mangle(&packet, &random)
            answered += Self.checkIntake(packet, &query) ? 1 : 0
        }
        for entry in Self.corpus { answered += Self.checkIntake(octets(entry), &query) ? 1 : 0 }
        #expect(answered > 0)
    }

    @Test("an error in a mangled message lies inside it", arguments: 0..<20)
    func mangledMessages(seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed))
        let whole = try Self.randomMessage(&random)
        var refused = 0
        for _ in 0..<300 {
            var message = whole
            Self.mangle(&message, &random)
            do throws(WireError) {
                _ = try Self.copy(message)
            } catch {
                refused += 1
                #expect((0...message.count).contains(error.offset), "\(error)")
            }
        }
        #expect(refused > 10)
    }

    /// A query is whole, or gets an answer that itself is a message, or none.
    /// - Returns: whether it gets one.
    private static func checkIntake(_ packet: [UInt8], _ query: inout Query) -> Bool {
        guard case .reply(let code) = query.read(packet.span, transport: .udp) else { return false }
        let answer = ResponseWriterTests.message(packet, .udp, Outcome(code)) { _, _ in }
        #expect(answer.count >= 12)
        #expect(throws: Never.self) { try MessageText(answer) }
        return true
    }

    private static func mangle(_ octets: inout [UInt8], _ random: inout SeededRandom) {
        for _ in 0..<Int.random(in: 1...4, using: &random) where !octets.isEmpty {
            let at = Int.random(in: 0..<octets.count, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: octets[at] = UInt8.random(in: 0...255, using: &random)
            case 1: octets[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 2: octets.removeSubrange(at...)
            default: octets.insert(UInt8.random(in: 0...255, using: &random), at: at)
            }
        }
    }

    private static func randomMessage(_ random: inout SeededRandom) throws -> [UInt8] {
        let packet = try TestPacket.query(randomName(&random).description, .any)
        let names = (0..<8).map { _ in randomName(&random) }
        let address = UInt32.random(in: 0...UInt32.max, using: &random)
        return ResponseWriterTests.message(packet, .tcp) { query, response in
            response.address(.answer, name: names[0], .v4(address), ttl: 1, of: query)
            response.pointing(.answer, name: names[1], .ptr, to: names[2], ttl: 2, of: query)
            response.service(target: names[3], port: 80, priority: 1, weight: 2, ttl: 3, of: query)
            response.pointing(.authority, name: names[4], .ns, to: names[5], ttl: 4, of: query)
            response.address(.additional, name: names[6], .v6(high: UInt64(address), low: 7), ttl: 5, of: query)
        }
    }

    /// Decodes every record and encodes it again.
    private static func copy(_ message: [UInt8]) throws(WireError) -> [UInt8] {
        var reader = try PacketReader(message.span)
        var question = DNSName()
        if let at = reader.question { _ = try question.read(message.span, at: at) }
        let packet = (try? TestPacket.query(question.description, .any)) ?? []
        var records: [PacketReader.Record] = []
        while let record = try reader.next(in: message.span) { records.append(record) }
        var failure: WireError?
        let copied = ResponseWriterTests.message(packet, .tcp) { query, response in
            var scratch = DNSName()
            for record in records where failure == nil {
                do throws(WireError) {
                    try response.copy(record, of: message.span, to: record.section, scratch: &scratch, of: query)
                } catch {
                    failure = error
                }
            }
        }
        if let failure { throw failure }
        return copied
    }
}
