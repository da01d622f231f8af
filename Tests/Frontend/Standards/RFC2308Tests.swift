import Testing

@testable import Frontend

@Suite("RFC 2308 and 8020: denials", .serialized)
struct RFC2308Tests {
    /// `cluster.local.` by its numbers: TTL, and the SOA's refresh to minimum.
    private static func isZone(_ records: [StrictMessage.Record], _ zone: String) -> Bool {
        records.count == 1 && records[0].type == 6 && records[0].owner == zone && records[0].ttl == 30
            && records[0].names == ["ns.dns.\(zone)", "hostmaster.\(zone)"]
    }

    @Test("RFC 2308 section 2.1: a name that does not exist is denied with its zone's SOA and nothing else")
    func nameError() async throws {
        try await StandardsSubject.with { (subject) async throws in
            for (name, zone) in [
                (StandardsSubject.missing, "cluster.local."), ("kubernetes.nowhere.svc.cluster.local.", "cluster.local."),
                ("a.b.c.d.e.cluster.local.", "cluster.local."), ("9.9.9.9.in-addr.arpa.", "in-addr.arpa."),
            ] {
                for type in [RecordType.a, .aaaa, .srv, .ptr, .txt] {
                    let message = try await subject.ask(name, type)
                    #expect(message.code == 3 && message.isAuthoritative, "\(name) \(type)")
                    #expect(message.answer.isEmpty && message.additional.isEmpty && Self.isZone(message.authority, zone), "\(name) \(type)")
                }
            }
        }
    }

    @Test("RFC 2308 section 2.2: a name without records of the type is no error, and has the SOA")
    func noData() async throws {
        try await StandardsSubject.with { (subject) async throws in
            for name in StandardsSubject.addressed {
                for type in [RecordType.txt, .mx, .ptr] {
                    let message = try await subject.ask(name, type)
                    #expect(message.code == 0 && message.isAuthoritative, "\(name) \(type)")
                    #expect(message.answer.isEmpty && Self.isZone(message.authority, "cluster.local."), "\(name) \(type)")
                }
            }
        }
    }

    @Test("RFC 2308 section 3: a denial's TTL is the lesser of the SOA's own and its minimum")
    func negativeTTL() async throws {
        try await StandardsSubject.with { (subject) async throws in
            let zone = try #require(try await subject.ask("cluster.local", .soa).answer.first)
            let minimum = zone.data.suffix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            let denial = try #require(try await subject.ask(StandardsSubject.missing, .a).authority.first)
            #expect(denial.ttl == min(zone.ttl, minimum))
            #expect(denial.data == zone.data)
        }
    }

    @Test("RFC 8020 section 2: nothing is below a name that does not exist")
    func below() async throws {
        try await StandardsSubject.with { (subject) async throws in
            var name = StandardsSubject.missing
            for label in ["a", "_tcp", "_http", "10-0-0-1", "www"] {
                name = "\(label).\(name)"
                for type in [RecordType.a, .srv] { #expect(try await subject.ask(name, type).code == 3, "\(name) \(type)") }
            }
        }
    }

    @Test("RFC 8020 section 2: names above others exist", arguments: ["svc", "pod", "default.svc", "s1-prod.svc", "s1-prod.pod"])
    func above(label: String) async throws {
        try await StandardsSubject.with { (subject) async throws in
            for type in [RecordType.a, .aaaa] {
                let message = try await subject.ask("\(label).cluster.local.", type)
                #expect(message.code == 0 && message.answer.isEmpty && Self.isZone(message.authority, "cluster.local."), "\(type)")
            }
        }
    }

    /// CoreDNS denies them, and all captured answers do: it knows addresses, not the names above them. A resolver that takes RFC 8020 at its word would
    /// take the addresses for missing too, but CoreDNS's clients are stubs, which ask for whole addresses; and a cluster has names below nearly all of
    /// 10.in-addr.arpa, so that finding out which of them are empty non-terminals means a look at all addresses.
    @Test(
        "RFC 8020 section 2 does not hold between a reverse zone and its addresses, as it does not with CoreDNS",
        arguments: ["10", "96.10", "0.96.10"])
    func reverseNonTerminals(labels: String) async throws {
        try await StandardsSubject.with { (subject) async throws in
            #expect(try await subject.ask("1.0.96.10.in-addr.arpa.", .ptr).answer.count == 1)
            let message = try await subject.ask("\(labels).in-addr.arpa.", .ptr)
            #expect(message.code == 3 && message.answer.isEmpty && Self.isZone(message.authority, "in-addr.arpa."))
        }
    }
}
