import Testing

@testable import Frontend

@Suite("RFC 4343 and 5452: letters, and answers that cannot be mistaken", .serialized)
struct RFC4343Tests {
    /// Numbers and names of a record's data, the names in lower case.
    private static func folded(_ record: StrictMessage.Record) -> [String] {
        (record.names.isEmpty ? ["\(record.data)"] : ["\(record.data.prefix(record.type == 33 ? 6 : 0))"])
            + record.names.map { $0.lowercased() }
    }

    @Test("RFC 4343 section 3: letters of either case are the same, the owner comes back as asked (RFC 5452 section 9.1: 0x20)")
    func cases() async throws {
        try await StandardsSubject.with { (subject) async throws in
            for (name, type) in [
                ("kUBERNETES.dEFAULT.sVC.cLUSTER.lOCAL.", RecordType.a), ("_HTTPS._Tcp.Kubernetes.Default.Svc.Cluster.Local.", .srv),
                ("1.0.96.10.IN-ADDR.ARPA.", .ptr), ("10-1-2-3.S1-PROD.POD.CLUSTER.LOCAL.", .a), ("DUAL.s1-prod.SVC.cluster.LOCAL.", .aaaa),
            ] {
                let (mixed, plain) = (try await subject.ask(name, type), try await subject.ask(name.lowercased(), type))
                // A target may have the question's letters.
                let (data, wanted) = (mixed.answer.map(Self.folded), plain.answer.map(Self.folded))
                #expect(data == wanted && !data.isEmpty, "\(name)")
                #expect(mixed.answer.map(\.owner) == [name])
            }
        }
    }

    @Test("RFC 4343 section 2: octets that are no ASCII letters are not folded, and come back as sent")
    func octetsAsSent() async throws {
        try await StandardsSubject.with { (subject) async throws in
            // "kubernetes" with @ for a letter, [ and { (which differ by the same bit), and Latin-1 letters.
            let tail = try Array(TestPacket.query("default.svc.cluster.local", .a)[12...])
            for label in [Array("@ubernetes".utf8), Array("[".utf8), Array("{".utf8), [0xC1], [0xE1], [0, 0x2E, 0xFF]] {
                let question = [UInt8(label.count)] + label + tail
                let message = try await subject.send([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0] + question)
                #expect(message.code == 3 && message.question == question)
            }
        }
    }

    @Test("RFC 5452 section 6: an answer has nothing that was not asked for: owners are the question's name, or lead on from it")
    func nothingElse() async throws {
        try await StandardsSubject.with { (subject) async throws in
            for name in StandardsSubject.addressed + [StandardsSubject.large, "ext.s1-prod.svc.cluster.local."] {
                for type in [RecordType.a, .aaaa, .srv] {
                    let message = try await subject.ask(name, type, .tcp)
                    var known: Set<String> = [name]
                    for record in message.answer where record.type == 5 { known.formUnion(record.names) }
                    #expect(message.answer.allSatisfy { known.contains($0.owner) }, "\(name) \(type)")
                    known.formUnion(message.answer.flatMap(\.names))
                    #expect(message.additional.allSatisfy { known.contains($0.owner) }, "\(name) \(type)")
                }
            }
        }
    }
}
