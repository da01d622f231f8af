import MizzenSystem
import Names
import RecordTable
import RecordTableWriter
import TestSupport
import Testing

@testable import Frontend

@Suite("Addresses that nobody can use")
struct UsableFamiliesTests {
    private static let zone = """
        example.com. 300 SOA ns.example.com. host.example.com. 1 2 3 4 60
        one.example.com. 300 A 192.0.2.1
        one.example.com. 300 AAAA 2001:db8::1
        one.example.com. 300 TXT "one"
        """

    private let v4 = IPAddress.v4(0x0A00_0001)
    private let v6 = IPAddress.v6(high: 0xFD00 << 48, low: 1)

    /// - Parameters:
    ///   - addresses: of the cluster's only pod.
    ///   - extra: further lines of the block.
    private func withFrontend(
        _ addresses: [IPAddress], unsynced: Set<String> = [], skips: Bool = true, extra: String = "",
        _ body: (RunningFrontend, TestUpstream) async throws -> Void
    ) async throws {
        let cluster = try SketchedCluster(unsynced: unsynced) { (writer) throws(TableError) in
            try writer.upsert(PodRecord(namespace: "shop", name: "a", uid: "u", addresses: addresses))
        }
        let upstream = try TestUpstream(Self.zone)
        let frontend = try await RunningFrontend(
            ".:0 {\n bind 127.0.0.1\n\(extra)\n forward . \(upstream.address)\n}\n", table: cluster.path
        ) { $0.skipsUnusableFamilies = skips }
        // The table is looked at as it begins to serve; what is not usable is known soon after.
        if skips { try await Task.sleep(for: .milliseconds(300)) }
        try await body(frontend, upstream)
        try await frontend.stop()
        upstream.stop()
    }

    private func answers(_ frontend: RunningFrontend, _ type: RecordType) async throws -> (text: MessageText, count: Int) {
        let text = try await frontend.ask("one.example.com", type)
        return (text, text.answer.count)
    }

    private func expect(_ wanted: Int, _ frontend: RunningFrontend, _ type: RecordType, at place: SourceLocation = #_sourceLocation)
        async throws
    {
        let count = try await answers(frontend, type).count
        #expect(count == wanted, sourceLocation: place)
    }

    @Test("without IPv6 in the cluster AAAA is answered here, as no data and not as no name, and all else is asked")
    func onlyIPv4() async throws {
        try await withFrontend([v4]) { frontend, upstream in
            let (text, count) = try await answers(frontend, .aaaa)
            #expect(text.code == "NOERROR" && count == 0 && text.authority.isEmpty)
            #expect(text.flags.contains("RA") && !text.flags.contains("AA"), "\(text.flags)")
            #expect(upstream.questions.isEmpty)
            try await expect(1, frontend, .a)
            try await expect(1, frontend, .txt)
            #expect(upstream.questions.count == 2)
            #expect(frontend.metric(#"mizzen_skipped_questions_total{type="AAAA"}"#) == 1)
        }
    }

    @Test("without IPv4, A")
    func onlyIPv6() async throws {
        try await withFrontend([v6]) { frontend, upstream in
            try await expect(0, frontend, .a)
            try await expect(1, frontend, .aaaa)
            #expect(upstream.questions.count == 1)
        }
    }

    @Test("both are asked for with both families, without the option, and while the table is not whole")
    func asked() async throws {
        try await withFrontend([v4, v6]) { frontend, _ in try await expect(1, frontend, .aaaa) }
        try await withFrontend([v4], skips: false) { frontend, _ in try await expect(1, frontend, .aaaa) }
        for resource in ["pods", "services"] {
            try await withFrontend([v4], unsynced: [resource]) { frontend, _ in try await expect(1, frontend, .aaaa) }
        }
        // Nobody has an address: then nothing is known.
        try await withFrontend([]) { frontend, _ in try await expect(1, frontend, .aaaa) }
    }

    @Test("what dns64 asks is asked, or nothing could be made of it")
    func dns64() async throws {
        try await withFrontend([v6], extra: " dns64 {\n translate_all\n allow_ipv4\n }") { frontend, _ in
            let (text, count) = try await answers(frontend, .aaaa)
            #expect(count == 1 && text.answer[0].contains("64:ff9b::c000:201"), "\(text.answer)")
        }
    }
}
