import Names
import Testing

@testable import Frontend

/// Beyond the captured answers: what the specification makes of answers together.
@Suite("Kubernetes DNS-based service discovery, version 1.1.0", .serialized)
struct KubernetesSpecificationTests {
    @Test("section 2.2: the zone says which version it follows")
    func version() async throws {
        try await StandardsSubject.with { (subject) async throws in
            let message = try await subject.ask("dns-version.cluster.local", .txt)
            #expect(message.answer.map(\.data) == [[5] + Array("1.1.0".utf8)])
        }
    }

    @Test("section 2.3: a service's SRV target is its own name, whose addresses' names lead back to it")
    func service() async throws {
        try await StandardsSubject.with { (subject) async throws in
            for name in [StandardsSubject.addressed[0], StandardsSubject.addressed[1]] {
                let ports = try await subject.ask(name, .srv)
                #expect(Set(ports.answer.flatMap(\.names)) == [name])
                let addresses = try await subject.ask(name, .a).answer + subject.ask(name, .aaaa).answer
                #expect(Set(addresses.map(\.data)) == Set(ports.additional.map(\.data)) && !addresses.isEmpty)
                for address in addresses {
                    #expect(try await subject.ask(Self.reverse(address.data), .ptr).answer.flatMap(\.names) == [name])
                }
            }
        }
    }

    @Test("section 2.4: a headless service has an A for each endpoint, an SRV for each endpoint and port, and a PTR for each address")
    func headless() async throws {
        try await StandardsSubject.with { (subject) async throws in
            let addresses = try await subject.ask(StandardsSubject.large, .a, .tcp).answer.map(\.data)
            #expect(addresses.count == 200)
            let ports = try await subject.ask("_http._tcp.\(StandardsSubject.large)", .srv, .tcp).answer
            #expect(ports.count == 200 && ports.allSatisfy { $0.data[4...5].elementsEqual([0, 80]) })
            var seen: Set<[UInt8]> = []
            for target in ports.flatMap(\.names) {
                #expect(target.hasSuffix(".\(StandardsSubject.large)"))
                let found = try await subject.ask(target, .a).answer.map(\.data)
                #expect(found.count == 1, "\(target)")
                seen.formUnion(found)
                for address in found {
                    #expect(try await subject.ask(Self.reverse(address), .ptr).answer.flatMap(\.names).contains(target))
                }
            }
            #expect(seen == Set(addresses))
        }
    }

    private static func reverse(_ address: [UInt8]) -> String {
        if address.count == 4 { return address.reversed().map { "\($0)." }.joined() + "in-addr.arpa." }
        return address.reversed().map { "\(String($0 & 0xF, radix: 16)).\(String($0 >> 4, radix: 16))." }.joined() + "ip6.arpa."
    }
}
