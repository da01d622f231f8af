import Foundation

@testable import Frontend

/// A line of `questions.txt`: `NAME TYPE [tcp] [noedns]`.
struct CapturedQuestion: Hashable, CustomStringConvertible {
    let description: String
    let name: String
    let type: String
    let transport: QueryTransport
    let hasEDNS: Bool

    init(_ line: String) {
        let words = line.split(separator: " ").map(String.init)
        description = line
        name = words[0]
        type = words[1]
        transport = words.contains("tcp") ? .tcp : .udp
        hasEDNS = !words.contains("noedns")
    }

    private static let types: [String: UInt16] = [
        "A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "HTTPS": 65, "ANY": 255,
    ]

    /// The question as a packet; with EDNS it offers 1232 octets, as the capture's did.
    func packet() throws -> [UInt8] {
        guard let number = Self.types[type] else { throw CocoaError(.featureUnsupported) }
        return try TestPacket.query(
            name, RecordType(rawValue: number), advertisedSize: hasEDNS ? 1232 : nil)
    }
}

/// What CoreDNS answered to every question under one Corefile.
struct CapturedAnswers {
    let corefile: [UInt8]
    let answers: [(question: CapturedQuestion, answer: MessageText)]

    init(_ name: String) throws {
        corefile = Array(try CapturedCluster.text("dns/\(name).corefile").utf8)
        answers = try CapturedCluster.text("dns/\(name).answers.jsonl").split(separator: "\n").map { line in
            let item = JSONItem(try JSONSerialization.jsonObject(with: Data(line.utf8)))
            var answer = MessageText()
            answer.code = item.text("rcode")
            answer.flags = item.text("flags")
            answer.answer = item.strings("answer")
            answer.authority = item.strings("authority")
            answer.additional = item.strings("additional")
            return (CapturedQuestion(item.text("q")), answer)
        }
    }
}

/// Packets for tests.
enum TestPacket {
    /// A query with RD set, and OPT where a size is given.
    static func query(
        _ name: String, _ type: RecordType, id: UInt16 = 0x1234, advertisedSize: UInt16? = nil, flags: UInt16 = 0x0100,
        recordClass: UInt16 = internetClass, options: [UInt8] = []
    ) throws -> [UInt8] {
        var octets: [UInt8] = []
        func word(_ value: UInt16) { octets += [UInt8(value >> 8), UInt8(value & 0xFF)] }
        for value in [id, flags, 1, 0, 0, advertisedSize == nil ? 0 : 1] { word(value) }
        let wire = try DNSName(name)
        for i in 0..<wire.length { octets.append(wire.storage[i]) }
        word(type.rawValue)
        word(recordClass)
        if let advertisedSize {
            octets.append(0)
            for value in [RecordType.opt.rawValue, advertisedSize, 0, 0, UInt16(options.count)] { word(value) }
            octets += options
        }
        return octets
    }
}
