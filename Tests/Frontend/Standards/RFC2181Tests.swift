import Testing

@testable import Frontend

@Suite("RFC 2181: clarifications", .serialized)
struct RFC2181Tests {
    @Test("section 5.2: the records of a set have one TTL", arguments: [RecordType.a, .srv])
    func oneTTL(type: RecordType) async throws {
        try await StandardsSubject.with { (subject) async throws in
            let name = type == .srv ? "_http._tcp.\(StandardsSubject.large)" : StandardsSubject.large
            let message = try await subject.ask(name, type, .tcp)
            #expect(message.answer.count == 200)
            #expect(Set(message.answer.map(\.ttl)) == [30])
            #expect(Set(message.answer.map { $0.owner.lowercased() }) == [name])
        }
    }

    @Test("section 9: TC is set where records are left out, and only there", arguments: [512, 600, 1232, 3_000, 4_096])
    func truncation(size: UInt16) async throws {
        try await StandardsSubject.with { (subject) async throws in
            for (name, type) in [
                (StandardsSubject.large, RecordType.a), ("_http._tcp.\(StandardsSubject.large)", .srv),
                (StandardsSubject.addressed[1], .srv),
            ] {
                let whole = try await subject.ask(name, type, .tcp)
                let datagram = try await subject.ask(name, type, advertisedSize: size)
                #expect(datagram.octets.count <= Int(size))
                #expect(datagram.isCut == (datagram.answer.count < whole.answer.count), "\(name)")
                #expect(Set(datagram.answer).isSubset(of: Set(whole.answer)))
            }
        }
    }

    @Test("section 10.1: an alias has no other data", arguments: [RecordType.a, .aaaa, .cname])
    func alias(type: RecordType) async throws {
        try await StandardsSubject.with { (subject) async throws in
            let name = "ext.s1-prod.svc.cluster.local."
            let message = try await subject.ask(name, type)
            #expect(message.code == 0)
            #expect(message.answer.filter { $0.owner == name }.map(\.type) == [5])
            #expect(message.answer.first?.names == ["db.example.com."])
        }
    }

    @Test("section 10.3: a name server's name and an SRV target are no aliases")
    func noAliasBehind() async throws {
        try await StandardsSubject.with { (subject) async throws in
            for name in [StandardsSubject.addressed[0], StandardsSubject.addressed[1]] {
                let targets = try await subject.ask(name, .srv).answer.flatMap(\.names)
                #expect(!targets.isEmpty)
                for target in Set(targets) {
                    let message = try await subject.ask(target, .a)
                    #expect(message.answer.map(\.type) == [1], "\(target)")
                }
            }
        }
    }
}
