import Foundation
import Glibc
import Names
import RecordTable
import TestSupport
import Testing

@testable import Frontend

/// The clients that people and programs use, as Debian has them, each asking over UDP and over TCP. How they were asked and what they
/// printed is in the failure.
@Suite("Real clients", .serialized)
struct RealClientsProcessTests {
    /// What is asked, and the data that come back in text, sorted; nil for a name that does not exist.
    struct Question: Sendable, CustomTestStringConvertible {
        var name: String
        var type: String
        var data: [String]?
        var testDescription: String { "\(name) \(type)" }
    }

    static let questions = [
        Question(name: "kubernetes.default.svc.cluster.local", type: "A", data: ["10.96.0.1"]),
        Question(name: "dual.s1-prod.svc.cluster.local", type: "AAAA", data: ["fd00:96::2371"]),
        Question(name: "headless-manual.s1-prod.svc.cluster.local", type: "A", data: ["172.20.10.1", "172.20.10.4", "172.20.10.5"]),
        Question(name: "10-1-2-3.s1-prod.pod.cluster.local", type: "A", data: ["10.1.2.3"]),
        Question(
            name: "_https._tcp.kubernetes.default.svc.cluster.local", type: "SRV",
            data: ["0 100 443 kubernetes.default.svc.cluster.local."]),
        Question(name: "1.0.96.10.in-addr.arpa", type: "PTR", data: ["kubernetes.default.svc.cluster.local."]),
        Question(name: "nothere.default.svc.cluster.local", type: "A", data: nil),
    ]

    enum Client: String, CaseIterable, Sendable {
        case dig, kdig, drill, host, dnspython
    }

    private static func frontend(bind: String = "127.0.0.1", port: UInt16 = 0) async throws -> (RunningFrontend, CapturedCluster) {
        let cluster = try CapturedCluster()
        let corefile = StandardsSubject.corefile.replacing("127.0.0.1", with: bind).replacing(".:0", with: ".:\(port)")
        return (try await RunningFrontend(corefile, table: cluster.table.path), cluster)
    }

    // MARK: Clients that are told whom to ask

    private static func command(_ client: Client, _ question: Question, _ port: UInt16, overTCP: Bool) throws -> (String, [String]) {
        let at = ["-p", "\(port)", "@127.0.0.1", question.name, question.type]
        switch client {
        case .dig: return (try PodPrograms.path(of: "dig"), at + [overTCP ? "+tcp" : "+notcp", "+tries=1", "+time=5"])
        case .kdig: return (try PodPrograms.path(of: "kdig"), at + [overTCP ? "+tcp" : "+notcp", "+retry=0", "+time=5"])
        case .drill:
            return (
                try PodPrograms.path(of: "drill"), [overTCP ? "-t" : "-u", "-p", "\(port)", question.name, "@127.0.0.1", question.type]
            )
        case .host:
            return (
                try PodPrograms.path(of: "host"),
                [overTCP ? "-T" : "-U", "-p", "\(port)", "-t", question.type, "\(question.name).", "127.0.0.1"]
            )
        case .dnspython:
            let script = """
                import sys
                import dns.message, dns.query, dns.rcode
                name, kind, port, over = sys.argv[1:]
                ask = dns.query.tcp if over == "tcp" else dns.query.udp
                answer = ask(dns.message.make_query(name, kind, use_edns=0), "127.0.0.1", port=int(port), timeout=5)
                print("status:", dns.rcode.to_text(answer.rcode()))
                print(";; ANSWER SECTION:")
                for records in answer.answer:
                    for record in records:
                        print(records.name, records.ttl, "IN", kind, record)
                """
            return (
                try PodPrograms.path(of: "env"),
                ["python3", "-c", script, question.name, question.type, "\(port)", overTCP ? "tcp" : "udp"]
            )
        }
    }

    /// The data of the answer section, sorted; nil where the client says that the name does not exist.
    private static func data(_ client: Client, _ text: String) -> [String]? {
        if text.contains("NXDOMAIN") { return nil }
        if client == .host {
            return text.matches(of: /(?m)(?:has address|has IPv6 address|has SRV record|domain name pointer) (.+)$/).map { String($0.1) }
                .sorted()
        }
        guard let start = text.range(of: ";; ANSWER SECTION:\n") else { return [] }
        let lines = text[start.upperBound...].split(separator: "\n", omittingEmptySubsequences: false).prefix { !$0.isEmpty }
        return lines.map { $0.split(whereSeparator: \.isWhitespace).dropFirst(4).joined(separator: " ") }.sorted()
    }

    @Test("finds service, headless service, pod, SRV, PTR, and that a name does not exist", arguments: Client.allCases)
    func asks(client: Client) async throws {
        let (frontend, cluster) = try await Self.frontend()
        for overTCP in [false, true] {
            for question in Self.questions {
                let (path, arguments) = try Self.command(client, question, frontend.address.port, overTCP: overTCP)
                let (_, text) = try await PodPrograms.output(path, arguments, in: frontend.folder)
                #expect(Self.data(client, text) == question.data, "\(path) \(arguments.joined(separator: " "))\n\(text)")
            }
        }
        try await frontend.stop()
        withExtendedLifetime(cluster) {}
    }

    // MARK: Resolvers of C libraries, which know no other port than 53

    /// A frontend at port 53 of an address of its own, and what a pod sees of it.
    private struct Pod {
        let frontend: RunningFrontend
        let cluster: CapturedCluster
        private let programs: PodPrograms

        init(options: String = "ndots:5") async throws {
            let address = PodPrograms.nameserver()
            (frontend, cluster) = try await RealClientsProcessTests.frontend(bind: address, port: 53)
            programs = try PodPrograms(in: frontend.folder, nameserver: address, namespace: "s1-prod", options: options)
        }

        func run(_ path: String, _ arguments: [String]) async throws -> (code: Int32, text: String) {
            try await programs.run(path, arguments)
        }

        func musl() async throws -> String { try await programs.musl() }

        func stop() async throws { try await frontend.stop() }
    }

    private static let isRoot = geteuid() == 0

    @Test(
        "getent finds names along the search path through glibc, addresses' names, and nothing where nothing is",
        .enabled(if: isRoot, "only root may listen on port 53 and bind over /etc/resolv.conf"),
        arguments: ["ndots:5", "ndots:5 use-vc", "ndots:5 edns0", "ndots:5 single-request-reopen"])
    func glibc(options: String) async throws {
        let pod = try await Pod(options: options)
        let getent = try PodPrograms.path(of: "getent")
        for (arguments, words) in [
            (["hosts", "kubernetes.default"], ["10.96.0.1", "kubernetes.default.svc.cluster.local"]),
            (["hosts", "dual"], ["fd00:96::2371", "dual.s1-prod.svc.cluster.local"]),
            (["hosts", "10-1-2-3.s1-prod.pod.cluster.local"], ["10.1.2.3", "10-1-2-3.s1-prod.pod.cluster.local"]),
            (["hosts", "10.96.0.1"], ["10.96.0.1", "kubernetes.default.svc.cluster.local"]),
            (["hosts", "fd00:96::2371"], ["fd00:96::2371", "dual.s1-prod.svc.cluster.local"]),
        ] {
            let (code, text) = try await pod.run(getent, arguments)
            #expect(code == 0 && text.split(whereSeparator: \.isWhitespace).map(String.init) == words, "\(arguments): \(text)")
        }
        for (name, addresses) in [
            ("headless-manual", Set(["172.20.10.1", "172.20.10.4", "172.20.10.5"])), ("dual", ["10.103.250.15"]),
        ] {
            let (code, text) = try await pod.run(getent, ["-A", "ahostsv4", name])
            #expect(code == 0 && Set(text.split(separator: "\n").map { String($0.prefix { $0 != " " }) }) == addresses, "\(name): \(text)")
        }
        // More than a datagram holds: over UDP it comes again over TCP.
        let (_, large) = try await pod.run(getent, ["-A", "ahostsv4", "headless-big"])
        #expect(Set(large.split(separator: "\n").map { $0.prefix { $0 != " " } }).count == 200, "\(large.prefix(300))")
        let (code, text) = try await pod.run(getent, ["hosts", "nothere.default.svc.cluster.local."])
        #expect(code == 2 && text.isEmpty, "\(text)")
        try await pod.stop()
    }

    @Test(
        "a program with musl finds names along the search path, addresses' names, and nothing where nothing is",
        .enabled(if: isRoot, "only root may listen on port 53 and bind over /etc/resolv.conf"))
    func musl() async throws {
        let pod = try await Pod()
        let resolve = try await pod.musl()
        for (arguments, lines) in [
            (["kubernetes.default"], Set(["10.96.0.1"])), (["dual"], ["10.103.250.15", "fd00:96::2371"]),
            (["headless-manual"], ["172.20.10.1", "172.20.10.4", "172.20.10.5", "fd00:20:10::1", "fd00:20:10::2"]),
            (["10-1-2-3.s1-prod.pod.cluster.local"], ["10.1.2.3"]),
            (["10.96.0.1", "name"], ["kubernetes.default.svc.cluster.local"]),
            (["fd00:96::2371", "name"], ["dual.s1-prod.svc.cluster.local"]), (["nothere.default.svc.cluster.local."], ["no such name"]),
        ] {
            let (_, text) = try await pod.run(resolve, arguments)
            #expect(Set(text.split(separator: "\n").map(String.init)) == lines, "\(arguments): \(text)")
        }
        try await pod.stop()
    }
}
