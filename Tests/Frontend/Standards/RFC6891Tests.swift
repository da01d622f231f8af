import Testing

@testable import Frontend

@Suite("RFC 6891: EDNS", .serialized)
struct RFC6891Tests {
    /// The answer to a question with these records behind it.
    private static func answer(_ subject: StandardsSubject.Asker, _ options: [UInt8]...) async throws -> StrictMessage {
        var packet = try TestPacket.query("kubernetes.default.svc.cluster.local", .a)
        packet[11] = UInt8(options.count)
        return try await subject.send(packet + options.flatMap { $0 })
    }

    private static func opt(size: UInt16 = 1232, ttl: [UInt8] = [0, 0, 0, 0], owner: [UInt8] = [0], _ data: [UInt8] = []) -> [UInt8] {
        owner + [0, 41, UInt8(size >> 8), UInt8(truncatingIfNeeded: size)] + ttl + [0, UInt8(data.count)] + data
    }

    @Test("section 6.1.1: OPT answers OPT, over either transport, in denials and errors too", arguments: [QueryTransport.udp, .tcp])
    func mutual(transport: QueryTransport) async throws {
        try await StandardsSubject.with { (subject) async throws in
            for name in [StandardsSubject.addressed[0], StandardsSubject.missing, "example.org."] {
                #expect(try await subject.ask(name, .a, transport).opt == nil, "\(name)")
                let opt = try #require(try await subject.ask(name, .a, transport, advertisedSize: 1232).opt, "\(name)")
                #expect(opt.ttl == 0 && opt.data.isEmpty)
            }
        }
    }

    @Test("section 6.1.1: two OPT records, or one that is not the root's, are malformed")
    func malformed() async throws {
        try await StandardsSubject.with { (subject) async throws in
            let answers = [
                try await Self.answer(subject, Self.opt(), Self.opt()), try await Self.answer(subject, Self.opt(owner: [1, 0x61, 0])),
                // An option that is longer than its record.
                try await Self.answer(subject, Self.opt([0xFF, 0xF0, 0, 9, 1, 2, 3])),
            ]
            #expect(answers.map(\.code) == [1, 1, 1])
        }
    }

    @Test("section 6.1.2: options that nobody knows are passed over")
    func unknownOptions() async throws {
        try await StandardsSubject.with { (subject) async throws in
            let message = try await Self.answer(subject, Self.opt([0xFF, 0xF0, 0, 3, 1, 2, 3, 0xFD, 0xE9, 0, 0]))
            #expect(message.code == 0 && message.answer.count == 1 && message.opt?.data == [])
        }
    }

    @Test("section 6.1.3: a later version gets BADVERS and the version that is known, and no answer", arguments: [UInt8(1), 2, 255])
    func version(version: UInt8) async throws {
        try await StandardsSubject.with { (subject) async throws in
            let message = try await Self.answer(subject, Self.opt(ttl: [0, version, 0, 0]))
            #expect(message.code == 16 && message.answer.isEmpty)
            #expect(message.opt?.ttl == 0x0100_0000)
        }
    }

    @Test("section 6.1.4: DO comes back (RFC 3225 section 3), the other flags are 0")
    func flags() async throws {
        try await StandardsSubject.with { (subject) async throws in
            let answers = [
                try await Self.answer(subject, Self.opt(ttl: [0, 0, 0xFF, 0xFF])),
                try await Self.answer(subject, Self.opt(ttl: [0, 0, 0x7F, 0xFF])),
            ]
            #expect(answers.map(\.opt?.ttl) == [0x8000, 0])
        }
    }

    @Test("section 6.2.3: a size below 512 counts as 512", arguments: [UInt16(0), 1, 100, 511])
    func smallSize(size: UInt16) async throws {
        try await StandardsSubject.with { (subject) async throws in
            let (small, usual) = (
                try await subject.ask(StandardsSubject.large, .a, advertisedSize: size),
                try await subject.ask(StandardsSubject.large, .a, advertisedSize: 512)
            )
            #expect(small.octets.count == usual.octets.count && small.octets.count > 400)
            #expect(try await subject.ask(StandardsSubject.addressed[0], .a, advertisedSize: size).answer.count == 1)
        }
    }

    @Test("section 6.2.5: a client's size is used, and not exceeded", arguments: [UInt16(700), 1232, 1_410, 4_096])
    func size(size: UInt16) async throws {
        try await StandardsSubject.with { (subject) async throws in
            let message = try await subject.ask(StandardsSubject.large, .a, advertisedSize: size)
            #expect(message.octets.count <= Int(size))
            // A record has 16 octets; all 200 are 3,200 and more.
            #expect(message.isCut ? message.octets.count > Int(size) - 16 : size == 4_096)
        }
    }

    @Test(
        "section 6.2.4: the size that answers give is the server's own, whatever the client's is",
        arguments: [UInt16(512), 1232, 4_096, 65_535])
    func ownSize(size: UInt16) async throws {
        try await StandardsSubject.with { (subject) async throws in
            for name in [StandardsSubject.addressed[0], StandardsSubject.missing] {
                #expect(try await subject.ask(name, .a, advertisedSize: size).opt?.recordClass == 1232)
            }
        }
    }
}
