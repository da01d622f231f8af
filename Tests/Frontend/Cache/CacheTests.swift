import Names
import RecordTable
import RecordTableWriter
import TestSupport
import Testing

@testable import Frontend

/// `cache` in a whole chain, at times that the tests set.
@Suite("What is kept, and for how long")
struct CacheTests {
    private static let denial = ["example. 600 SOA ns.example. host.example. 1 2 3 4 600"]

    private func bench(
        _ options: String = "", servers: String = ".:1053", _ upstream: @escaping (String, RecordType) -> ChainBench.Upstream
    ) throws
        -> ChainBench
    {
        try ChainBench("\(servers) {\n cache {\n\(options)\n}\n forward . 192.0.2.53\n}", upstream: upstream)
    }

    @Test("an answer is kept for its TTL, which counts down, and asked again then")
    func countdown() throws {
        let bench = try bench { _, _ in .answer(0, ["a.example. 60 A 192.0.2.1", "a.example. 90 A 192.0.2.2"]) }
        #expect(try bench.ask("a.example", at: 0) == "60 A 192.0.2.1, 60 A 192.0.2.2")
        #expect(try bench.ask("A.example", at: 20) == "40 A 192.0.2.1, 40 A 192.0.2.2")
        #expect(try bench.ask("a.example", at: 59.5) == "1 A 192.0.2.1, 1 A 192.0.2.2")
        #expect(bench.asked.count == 1)
        #expect(try bench.ask("a.example", at: 60.1) == "60 A 192.0.2.1, 60 A 192.0.2.2")
        #expect(bench.asked.count == 2)
    }

    @Test("a failure never hides an answer that can be served, fresh or stale", arguments: [UInt8(2), 4], ["", "serve_stale 1h verify"])
    func failureHidesNothing(code: UInt8, stale: String) throws {
        var isDown = false
        let bench = try bench(stale) { _, _ in isDown ? .answer(code) : .answer(0, ["a.example. 10 A 192.0.2.1"]) }
        #expect(try bench.ask("a.example", at: 0) == "10 A 192.0.2.1")
        isDown = true
        // The same name, kept as a failure beside the answer: after the end of the answer, or while it lasts.
        let failed = code == 2 ? "SERVFAIL" : "NOTIMP"
        #expect(try bench.ask("a.example", at: 11) == (stale.isEmpty ? failed : "0 A 192.0.2.1"))
        #expect(try bench.ask("a.example", at: 12) == (stale.isEmpty ? failed : "0 A 192.0.2.1"))
        isDown = false
        #expect(try bench.ask("a.example", at: 17) == "10 A 192.0.2.1")
        isDown = true
        #expect(try bench.ask("a.example", at: 18) == "9 A 192.0.2.1")
        // As another thread might leave it, whose question was on its way when this one's answer came.
        let source = try #require(bench.plan.sources.lazy.compactMap { $0 as? CacheSource }.first)
        var query = Query()
        var message = try TestPacket.query("a.example", .a)
        #expect(query.read(message.span, transport: .udp) == .query)
        message[3] = code
        source.denial.put(AnswerStore.Key(query), query, message.span, lifetime: 5, now: bench.instant(18.5))
        #expect(try bench.ask("a.example", at: 19) == "8 A 192.0.2.1")
        #expect(try bench.ask("a.example", at: 22) == "5 A 192.0.2.1")
    }

    @Test("under serve_stale immediate an outage is seen by nobody who asks for what was known")
    func outage() throws {
        var isDown = false
        let bench = try bench("serve_stale 100s") { name, _ in
            isDown ? .answer(2) : .answer(0, ["\(name) 10 A 192.0.2.1"])
        }
        #expect(try bench.ask("a.example", at: 0) == "10 A 192.0.2.1")
        isDown = true
        for second in stride(from: 11.0, through: 108, by: 4) { #expect(try bench.ask("a.example", at: second) == "0 A 192.0.2.1") }
        #expect(try bench.ask("new.example", at: 109) == "SERVFAIL")
        // Longer stale than the Corefile allows.
        #expect(try bench.ask("a.example", at: 111) == "SERVFAIL")
        isDown = false
        // The failures have ended, and are not served beyond that, as an answer would be.
        #expect(try bench.ask("new.example", at: 115) == "10 A 192.0.2.1")
        #expect(try bench.ask("a.example", at: 117) == "10 A 192.0.2.1")
    }

    @Test(
        "a failure is kept for five seconds, or as long as the Corefile says", arguments: [("", 5), ("servfail 1s", 1), ("servfail 0s", 0)])
    func failures(option: String, kept: Int) throws {
        let bench = try bench(option) { _, _ in .answer(2) }
        for tenth in 0..<10 { #expect(try bench.ask("a.example", at: 0.05 + Double(tenth) / 20) == "SERVFAIL") }
        #expect(bench.asked.count == (kept == 0 ? 10 : 1))
        if kept > 0 {
            _ = try bench.ask("a.example", at: Double(kept) - 0.2)
            #expect(bench.asked.count == 1)
            _ = try bench.ask("a.example", at: Double(kept) + 0.2)
            #expect(bench.asked.count == 2)
        }
    }

    @Test("under serve_stale a denial that is asked for all the time is still refreshed", arguments: ["immediate", "verify"])
    func denials(mode: String) throws {
        var exists = false
        let bench = try bench("serve_stale 1h \(mode)\n denial 1000 10") { _, _ in
            exists ? .answer(0, ["a.example. 60 A 192.0.2.1"]) : .answer(3, [], authority: Self.denial)
        }
        for second in 0..<30 { #expect(try bench.ask("a.example", at: Double(second) + 0.05) == "NXDOMAIN") }
        #expect(bench.asked.count == 3)
        exists = true
        var answers: [String] = []
        for second in 30..<42 { answers.append(try bench.ask("a.example", at: Double(second) + 0.05)) }
        // One answer of before at most, which begins the refresh.
        #expect(answers.filter { $0 == "NXDOMAIN" }.count == (mode == "immediate" ? 1 : 0))
        #expect(answers.last?.hasSuffix("A 192.0.2.1") == true)
    }

    @Test("a denial takes the place of an answer, unless answers are preferred")
    func denialAfterAnswer() throws {
        for policy in ["", "serve_stale_policy prefer_positive"] {
            var exists = true
            let bench = try bench("serve_stale 1h verify\n \(policy)") { _, _ in
                exists ? .answer(0, ["a.example. 10 A 192.0.2.1"]) : .answer(3, [], authority: Self.denial)
            }
            _ = try bench.ask("a.example", at: 0)
            exists = false
            #expect(try bench.ask("a.example", at: 11) == "NXDOMAIN")
            #expect(try bench.ask("a.example", at: 12) == "NXDOMAIN")
        }
    }

    @Test(
        "the forms of serve_stale: what a stale answer's TTL is, and how soon a refresh that failed is tried again",
        arguments: [
            ("serve_stale", 0, 4), ("serve_stale 1h", 0, 4), ("serve_stale 1h immediate", 0, 4), ("serve_stale 1h immediate 30s", 30, 4),
            ("serve_stale 1h immediate 30s 30s", 30, 1), ("serve_stale 1h verify", 0, 4), ("serve_stale 1h verify 100ms", 0, 4),
            ("serve_stale 1h verify 0 30s", 30, 4), ("serve_stale 1h verify 100ms 30s 30s", 30, 1),
            ("serve_stale 1h VERIFY 100ms 7s", 7, 4),
        ])
    func staleForms(option: String, ttl: Int, refreshes: Int) throws {
        var isDown = false
        let bench = try bench(option) { _, _ in isDown ? .fails : .answer(0, ["a.example. 10 A 192.0.2.1"]) }
        _ = try bench.ask("a.example", at: 0)
        isDown = true
        for second in 11..<15 { #expect(try bench.ask("a.example", at: Double(second)) == "\(ttl) A 192.0.2.1") }
        #expect(bench.asked.count == 1 + refreshes)
        isDown = false
        _ = try bench.ask("a.example", at: 50)
        #expect(try bench.ask("a.example", at: 51) == "9 A 192.0.2.1" && bench.asked.count == 2 + refreshes)
        #expect(bench.metric("coredns_cache_served_stale_total") == (option.lowercased().contains("verify") ? 4 : 5))
    }

    @Test(
        "a denial without SOA is kept for the least time, five seconds or what the Corefile says",
        arguments: [("", 5), ("denial 100 60 20", 20)])
    func bareDenial(option: String, kept: Double) throws {
        let bench = try bench(option) { _, _ in .answer(3) }
        for part in [0, 0.5, 0.95] { #expect(try bench.ask("a.example", at: kept * part) == "NXDOMAIN") }
        #expect(bench.asked.count == 1)
        _ = try bench.ask("a.example", at: kept + 0.2)
        #expect(bench.asked.count == 2)
    }

    @Test("a denial is kept for what its SOA says, within the limits of the Corefile")
    func denialTime() throws {
        let bench = try bench("denial 100 300") { _, _ in .answer(0, [], authority: Self.denial) }
        #expect(try bench.ask("a.example", .aaaa, at: 0) == "NOERROR")
        #expect(try bench.ask("a.example", .aaaa, at: 299) == "NOERROR" && bench.asked.count == 1)
        _ = try bench.ask("a.example", .aaaa, at: 301)
        #expect(bench.asked.count == 2)
    }

    @Test(
        "a TTL of more than an hour is an hour, whatever the Corefile allows; its least time may be longer",
        arguments: [("", 3600), ("success 2000 86400 7200", 7200)])
    func longest(option: String, kept: Int) throws {
        let bench = try ChainBench(".:1053 {\n cache 86400 {\n\(option)\n}\n forward . 192.0.2.53\n}") { name, _ in
            .answer(0, ["\(name) 100000 A 192.0.2.1"])
        }
        #expect(try bench.ask("a.example", at: 0) == "\(kept) A 192.0.2.1")
        #expect(try bench.ask("a.example", at: Double(kept) - 1) == "1 A 192.0.2.1" && bench.asked.count == 1)
        #expect(try bench.ask("a.example", at: Double(kept) + 1) == "\(kept) A 192.0.2.1" && bench.asked.count == 2)
    }

    @Test("an answer that is too large to be kept among so few is asked for each time, and counted")
    func tooLarge() throws {
        let records = (0..<200).map { "big.example. 60 TXT \(String(repeating: "x", count: 90))\($0)" }
        let bench = try bench("success 1024") { name, _ in .answer(0, name == "big.example." ? records : ["\(name) 60 TXT x"]) }
        for _ in 0..<3 { for name in ["big.example", "small.example"] { _ = try bench.ask(name, .txt, over: .tcp) } }
        #expect(bench.asked.count == 4 && bench.metric("coredns_cache_drops_total") == 3)
        #expect(bench.metric("coredns_cache_entries{") == 1)
    }

    @Test("a capacity below 1024 is 1024, that of none too", arguments: [0, 1, 1023])
    func leastCapacity(capacity: Int) throws {
        let bench = try bench("success \(capacity)\n denial \(capacity)") { name, _ in
            name.hasPrefix("n") ? .answer(3, [], authority: Self.denial) : .answer(0, ["\(name) 60 A 192.0.2.1"])
        }
        for _ in 0..<2 { for number in 0..<100 { for kind in ["a", "n"] { _ = try bench.ask("\(kind)\(number).example") } } }
        #expect(bench.asked.count == 200)
    }

    @Test("an answer that was cut is not kept: who asks over TCP gets the whole, and that is cut for others and not for TCP")
    func cutAnswers() throws {
        let many = (1...60).map { "a.example. 60 A 192.0.2.\($0)" }
        var isCut = true
        let bench = try bench { _, _ in isCut ? .answer(0, [], flags: 0x0200) : .answer(0, many) }
        #expect(try bench.ask("a.example") == "TC NOERROR")
        isCut = false
        let whole = try bench.ask("a.example", over: .tcp)
        #expect(whole.split(separator: ",").count == 60 && bench.asked.count == 2)
        // From the cache now.
        let small = try bench.ask("a.example")
        #expect(small.hasPrefix("TC ") && small.split(separator: ",").count < 60)
        #expect(try bench.ask("a.example", over: .tcp) == whole)
        #expect(try bench.ask("a.example", advertisedSize: 4096) == whole)
        #expect(bench.asked.count == 2)
    }

    @Test("what may not be kept is asked again each time: refusals, and names of zones for which that is off")
    func unkept() throws {
        let bench = try bench("disable success a.example\n disable denial") { name, _ in
            name.hasPrefix("r.")
                ? .answer(5) : name.hasPrefix("n.") ? .answer(3, [], authority: Self.denial) : .answer(0, ["\(name) 60 A 192.0.2.1"])
        }
        for name in ["r.example", "n.example", "b.a.example"] {
            for _ in 0..<3 { _ = try bench.ask(name) }
        }
        #expect(bench.asked.count == 9)
        for _ in 0..<3 { _ = try bench.ask("c.example") }
        #expect(bench.asked.count == 10)
    }

    @Test("a popular answer is asked for again before it ends, by one query")
    func prefetch() throws {
        let bench = try bench("prefetch 3 1m 10%") { _, _ in .answer(0, ["a.example. 100 A 192.0.2.1"]) }
        for second in 0..<5 { _ = try bench.ask("a.example", at: Double(second)) }
        #expect(bench.asked.count == 1)
        #expect(try bench.ask("a.example", at: 45) == "55 A 192.0.2.1")
        #expect(try bench.ask("a.example", at: 91) == "9 A 192.0.2.1" && bench.asked.count == 2)
        #expect(try bench.ask("a.example", at: 92) == "99 A 192.0.2.1")
        #expect(bench.metric("coredns_cache_prefetch_total") == 1)
        // After a gap nobody's interest counts.
        #expect(try bench.ask("a.example", at: 185) == "6 A 192.0.2.1" && bench.asked.count == 2)
    }

    @Test("questions with and without DO, and of other types, have answers of their own")
    func keys() throws {
        let bench = try bench { name, type in type == .a ? .answer(0, ["\(name) 60 A 192.0.2.1"]) : .answer(0, [], authority: Self.denial) }
        _ = try bench.ask("a.example")
        _ = try bench.ask("a.example", .aaaa)
        var withDO = try TestPacket.query("a.example", .a, advertisedSize: 1232)
        withDO[withDO.count - 4] = 0x80
        _ = bench.octets(withDO)
        var checkingDisabled = try TestPacket.query("a.example", .a)
        checkingDisabled[3] |= 0x10
        _ = bench.octets(checkingDisabled)
        #expect(bench.asked.count == 4)
        for _ in 0..<2 {
            _ = try bench.ask("a.example", advertisedSize: 1232)
            _ = bench.octets(withDO)
            _ = bench.octets(checkingDisabled)
        }
        #expect(bench.asked.count == 4)
    }
}

/// Names that the record table answers, under the Corefiles that clusters have.
@Suite("The record table's answers are never kept")
struct UncachedClusterTests {
    private static func corefile(_ kubernetes: String, _ around: String = "") -> String {
        ".:1053 {\n errors\n \(around)\n kubernetes cluster.local in-addr.arpa ip6.arpa {\n\(kubernetes)\n}\n forward . 192.0.2.53\n cache 30 {\n serve_stale\n}\n loop\n loadbalance\n}"
    }

    /// kubeadm, kind, minikube; EKS and AKS; k3s; OpenShift's shape; NodeLocal's has no table.
    static let corefiles: [(String, ttl: Int)] = [
        (corefile(" pods insecure\n fallthrough in-addr.arpa ip6.arpa\n ttl 30"), 30),
        (corefile(" pods insecure\n fallthrough in-addr.arpa ip6.arpa"), 5),
        (corefile(" pods insecure\n fallthrough in-addr.arpa ip6.arpa", "hosts {\n 192.0.2.9 host.internal\n fallthrough\n}"), 5),
        (corefile(" pods insecure\n fallthrough"), 5),
        (corefile(" pods verified\n ttl 12"), 12),
    ]

    @Test("a change shows at once, an answer that is gone and one that comes too, always with the full TTL", arguments: corefiles)
    func changes(corefile: String, ttl: Int) throws {
        let folder = try TemporaryFolder()
        let writer = try TableWriter(
            path: folder.path("table"), identity: "test", now: 1, sizing: .init(bucketCount: 64, capacity: 1 << 20))
        try writer.upsert(NamespaceRecord(name: "shop"))
        for resource in SketchedCluster.resources { writer.setStatus(resource: resource, resourceVersion: "1", isSynced: true, now: 1) }
        writer.beat(now: 1)
        let bench = try ChainBench(corefile, table: folder.path("table")) { name, type in
            name.hasSuffix("cluster.local.") ? .answer(3) : .answer(0, type == .a ? ["\(name) 300 A 198.51.100.1"] : [])
        }
        func service(_ last: UInt32) throws {
            try writer.upsert(ServiceRecord(namespace: "shop", name: "web", kind: .clusterIP, clusterIPs: [.v4(0x0A00_0000 + last)]))
        }
        let name = "web.shop.svc.cluster.local"
        for round in 0..<3 {
            let now = Double(round) * 4
            #expect(try bench.ask(name, at: now) == "NXDOMAIN")
            try service(1)
            #expect(try bench.ask(name, at: now + 1) == "\(ttl) A 10.0.0.1")
            #expect(try bench.ask(name, at: now + 1.5) == "\(ttl) A 10.0.0.1")
            #expect(try bench.ask("1.0.0.10.in-addr.arpa", .init(rawValue: 12), at: now + 1.6).hasPrefix("\(ttl) PTR "))
            try service(2)
            #expect(try bench.ask(name, at: now + 2) == "\(ttl) A 10.0.0.2")
            try writer.removeService(namespace: "shop", name: "web")
            #expect(try bench.ask(name, at: now + 3) == "NXDOMAIN")
        }
        // Others are kept.
        let before = bench.asked.count
        for second in 20..<25 { _ = try bench.ask("www.example.org", at: Double(second)) }
        #expect(bench.asked.count == before + 1)
    }
}
