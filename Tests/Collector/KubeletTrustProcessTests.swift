import ArgumentParser
import ClusterSimulator
import Foundation
import KubernetesObjects
import Logging
import MizzenSystem
import NIOCore
import NIOSSL
import ProcessRuntime
import SwiftASN1
import TestSupport
import Testing
import X509

@testable import Collector

/// Whom kubelets have to be, with certificates of real authorities.
@Suite("Certificates of kubelets", .timeLimit(.minutes(2)))
struct KubeletTrustProcessTests {
    /// A kubelet at 127.0.0.1, and a scrape of it by options.
    private final class Bench {
        let cluster: ClusterSimulator
        let folder: TemporaryFolder
        let log = RecordedLog()
        private let node: CatalogNode
        private let connections = KubeletConnections(idle: .seconds(60))
        private var trust: KubeletTrust?

        init() async throws {
            folder = try TemporaryFolder()
            cluster = ClusterSimulator(.init(generated: .init(services: 1, pods: 3, nodes: 1), kubelets: .simulated))
            try await cluster.start()
            let port = try cluster.kubeletPort(ofNode: "node-0")
            node = CatalogNode(
                uid: "u", name: "node-0", labels: [:],
                addresses: [.init(type: "InternalIP", address: "127.0.0.1"), .init(type: "Hostname", address: "node-0.example.org")],
                kubeletPort: try #require(port), isReady: true)
            try folder.write(Array(cluster.certificateAuthority.utf8), to: "cluster.crt")
        }

        func use(_ arguments: [String], server: [String] = []) throws {
            trust = try KubeletTrust(
                KubeletOptions.parse(arguments), APIServerOptions.parse(server + ["--kubeconfig", cluster.kubeconfigPath]).configuration(),
                logger: log.logger)
        }

        func scrape() async throws -> ScrapeOutcome {
            let trust = try #require(trust)
            let client = KubeletClient(
                connections: connections,
                addressing: KubeletAddressing(preferredTypes: ["InternalIP"], port: 1, usesNodeStatusPort: true, isEncrypted: true),
                timeout: .seconds(20), credentials: { try await trust.current(for: $0) })
            return await client.scrape(node, collector: "c", now: WallClock.nanoseconds())
        }

        func fault() async throws -> KubeletFault? { try await scrape().failure?.fault }

        func end() async {
            await connections.shutdown()
            await cluster.stop()
        }
    }

    private func with(_ body: (Bench) async throws -> Void) async throws {
        let bench = try await Bench()
        let result: Result<Void, any Error>
        do { result = .success(try await body(bench)) } catch { result = .failure(error) }
        await bench.end()
        try result.get()
    }

    @Test("the file of authorities is read again when it changes; what cannot be read changes nothing and is told once")
    func authorities() async throws {
        try await with { bench in
            let other = try await AuthorityFiles("other")
            try bench.folder.write(other.folder.read("other.crt"), to: "ca.crt")
            try bench.use(["--kubelet-certificate-authority", bench.folder.path("ca.crt")])
            #expect(try await bench.fault() == .tlsUnknownAuthority)
            try bench.folder.write(bench.folder.read("cluster.crt"), to: "ca.crt")
            #expect(try await bench.fault() == nil)
            try bench.folder.write(Array("-----BEGIN CERTIFICATE-----\n".utf8), to: "ca.crt")
            for _ in 0..<3 { #expect(try await bench.fault() == nil) }
            #expect(bench.log.warnings.count == 1 && bench.log.warnings[0].contains("ca.crt"), "\(bench.log.warnings)")
            // A connection that stands is not used by who does not believe the kubelet any more.
            try bench.folder.write(other.folder.read("other.crt"), to: "ca.crt")
            #expect(try await bench.fault() == .tlsUnknownAuthority)
        }
    }

    @Test("the certificate for kubelets is read again when it changes, also while certificate and key do not belong together")
    func identity() async throws {
        try await with { bench in
            func write(_ identity: (certificate: String, key: String)) throws {
                try bench.folder.write(Array(identity.certificate.utf8), to: "client.crt")
                try bench.folder.write(Array(identity.key.utf8), to: "client.key")
            }
            let stranger = try await AuthorityFiles("stranger")
            try await stranger.issue("client", names: "DNS:x", usage: "clientAuth")
            for file in ["client.crt", "client.key"] { try bench.folder.write(stranger.folder.read(file), to: file) }
            let options = [
                "--kubelet-certificate-authority", bench.folder.path("cluster.crt"), "--kubelet-client-certificate",
                bench.folder.path("client.crt"), "--kubelet-client-key", bench.folder.path("client.key"),
            ]
            try bench.use(options)
            let refused = try await bench.scrape()
            #expect(refused.failure?.fault == .clientCertificateRefused, "\(String(describing: refused.failure))")
            let identity = try bench.cluster.issueClientIdentity()
            try bench.folder.write(Array(identity.certificate.utf8), to: "client.crt")
            let torn = try await bench.scrape()
            #expect(torn.failure?.fault == .clientCertificateRefused, "\(String(describing: torn.failure))")
            #expect(bench.log.warnings.count == 1 && bench.log.warnings[0].contains("client.crt"), "\(bench.log.warnings)")
            try write(identity)
            #expect(try await bench.fault() == nil)
        }
    }

    @Test("single nodes: keys, authorities, both; as they are added, changed and taken away")
    func nodeFolder() async throws {
        try await with { bench in
            let own = try await AuthorityFiles("own")
            try await own.issue("node", names: "DNS:node-0.example.org")
            let pem = { (name: String) throws -> String in String(decoding: try own.folder.read(name), as: UTF8.self) }
            try bench.cluster.setKubeletCertificate(.given(certificate: pem("node.crt"), key: pem("node.key")), ofNode: "node-0")
            try FileManager.default.createDirectory(atPath: bench.folder.path("nodes"), withIntermediateDirectories: true)
            try bench.use(["--kubelet-node-trust", bench.folder.path("nodes")])
            let stranger = try await bench.scrape()
            #expect(stranger.failure?.fault == .tlsUnknownAuthority)
            let pin = try #require(stranger.certificate?.pin)
            // openssl says the same of the key.
            let script =
                "openssl x509 -in node.crt -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64"
            let openssl = try RunningProcess("/bin/sh", ["-c", "cd \(own.folder.path) && \(script)"], in: bench.folder)
            #expect(try await openssl.exitCode(within: .seconds(20)) == 0)
            #expect("sha256//\(openssl.output)" == pin + "\n")

            try bench.folder.write(own.folder.read("own.crt"), to: "nodes/node-0.pem")
            #expect(try await bench.fault() == nil)
            try bench.folder.write(Array("sha256//\(String(repeating: "A", count: 43))=\n".utf8), to: "nodes/node-0.pin")
            #expect(try await bench.fault() == .tlsPin)
            try bench.folder.write(
                Array("# old and new\nsha256//\(String(repeating: "A", count: 43))=\n\(pin)\n".utf8), to: "nodes/node-0.pin")
            #expect(try await bench.fault() == nil)
            // Both must agree.
            let other = try await AuthorityFiles("other")
            try bench.folder.write(other.folder.read("other.crt"), to: "nodes/node-0.pem")
            #expect(try await bench.fault() == .tlsUnknownAuthority)
            try bench.folder.remove("nodes/node-0.pem")
            #expect(try await bench.fault() == nil, "a key alone is enough")
            for nonsense in ["", "# nothing\n", "sha256//short\n", "\(pin) more\n"] {
                try bench.folder.write(Array(nonsense.utf8), to: "nodes/node-0.pin")
                #expect(try await bench.fault() == .credentials, "\(nonsense)")
            }
            try bench.folder.remove("nodes/node-0.pin")
            #expect(try await bench.fault() == .tlsUnknownAuthority)
        }
    }

    @Test("single nodes in one file, which may name files")
    func nodeFile() async throws {
        try await with { bench in
            try bench.cluster.setKubeletCertificate(.foreign(["elsewhere"]), ofNode: "node-0")
            let file = bench.folder.path("trust")
            try bench.folder.write(Array("# nobody yet\n".utf8), to: "trust")
            try bench.use(["--kubelet-node-trust", file, "--kubelet-certificate-authority", bench.folder.path("cluster.crt")])
            let outcome = try await bench.scrape()
            #expect(outcome.failure?.fault == .tlsNameMismatch)
            let pin = try #require(outcome.certificate?.pin)
            try bench.folder.write(Array("other  \(pin)\n\tnode-0\t\(pin)\n".utf8), to: "trust")
            #expect(try await bench.fault() == nil)
            // What the new text says is not understood: the former counts, and one line says so.
            try bench.folder.write(Array("node-0\n".utf8), to: "trust")
            for _ in 0..<3 { #expect(try await bench.fault() == nil) }
            #expect(bench.log.warnings.count == 1 && bench.log.warnings[0].contains("has a line that is not"), "\(bench.log.warnings)")
            try bench.folder.write(Array("node-0 \(bench.folder.path("missing.crt"))\n".utf8), to: "trust")
            #expect(try await bench.fault() == .credentials)
            try bench.cluster.setKubeletCertificate(.usual, ofNode: "node-0")
            try bench.folder.write(bench.folder.read("cluster.crt"), to: "missing.crt")
            #expect(try await bench.fault() == nil)
        }
        let folder = try TemporaryFolder()
        for text in ["node-0\n", "node-0 sha256//x\n", "a b c\n"] {
            try folder.write(Array(text.utf8), to: "trust")
            let error = #expect(throws: ProcessError.self) { try NodeTrust(folder.path("trust"), logger: CapturedCluster.silent) }
            #expect(error?.code == 78 && error?.description.contains(folder.path("trust")) == true, "\(text)")
        }
        let missing = #expect(throws: ProcessError.self) { try NodeTrust(folder.path("nothing"), logger: CapturedCluster.silent) }
        #expect(missing?.code == 78)
    }

    @Test("a single node's entry holds though no other certificate is looked at")
    func insecure() async throws {
        try await with { bench in
            try bench.cluster.setKubeletCertificate(.foreign([]), ofNode: "node-0")
            try FileManager.default.createDirectory(atPath: bench.folder.path("nodes"), withIntermediateDirectories: true)
            try bench.use(["--kubelet-insecure-tls", "--kubelet-node-trust", bench.folder.path("nodes")])
            #expect(try await bench.fault() == nil)
            try bench.folder.write(bench.folder.read("cluster.crt"), to: "nodes/node-0.crt")
            #expect(try await bench.fault() == .tlsNameMismatch)
        }
    }

    @Test("intermediate authorities that a kubelet sends are followed to one that is trusted")
    func intermediates() async throws {
        try await with { bench in
            let root = try await AuthorityFiles("root")
            try root.folder.write(Array("basicConstraints=critical,CA:TRUE\n".utf8), to: "ca.ext")
            let script = """
                set -e; cd \(root.folder.path)
                for name in middle leaf; do
                  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=$name -keyout $name.key -out $name.csr
                done
                echo subjectAltName=DNS:node-0 >leaf.ext
                openssl x509 -req -in middle.csr -CA root.crt -CAkey root.key -CAcreateserial -extfile ca.ext -days 3 -out middle.crt
                openssl x509 -req -in leaf.csr -CA middle.crt -CAkey middle.key -CAcreateserial -extfile leaf.ext -days 3 -out leaf.crt
                """
            let openssl = try RunningProcess("/bin/sh", ["-c", script], in: bench.folder)
            #expect(try await openssl.exitCode(within: .seconds(60)) == 0, "\(openssl.output)")
            let pem = { (name: String) throws -> String in String(decoding: try root.folder.read(name), as: UTF8.self) }
            try bench.use(["--kubelet-certificate-authority", root.certificate])
            try bench.cluster.setKubeletCertificate(.given(certificate: pem("leaf.crt"), key: pem("leaf.key")), ofNode: "node-0")
            #expect(try await bench.fault() == .tlsUnknownAuthority)
            try bench.cluster.setKubeletCertificate(
                .given(certificate: pem("leaf.crt") + pem("middle.crt"), key: pem("leaf.key")), ofNode: "node-0")
            #expect(try await bench.fault() == nil)
        }
    }

    /// As kubeadm makes its authority, and as a kubelet makes a certificate for itself (client-go's `GenerateSelfSignedCertKey`): with RSA.
    @Test("authorities and certificates with RSA, as clusters have them")
    func rsa() async throws {
        try await with { bench in
            let folder = try TemporaryFolder()
            let script = """
                set -e; cd \(folder.path)
                printf '[req]\ndistinguished_name=dn\n[dn]\n[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,digitalSignature,keyEncipherment,keyCertSign\nsubjectAltName=DNS:kubernetes\n[leaf]\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,keyEncipherment\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:node-0\n' >cnf
                openssl req -x509 -config cnf -extensions ca -newkey rsa:2048 -nodes -keyout ca.key -subj /CN=kubernetes -days 3650 -out ca.crt
                openssl req -config cnf -newkey rsa:2048 -nodes -keyout leaf.key -subj '/O=system:nodes/CN=system:node:node-0' -out leaf.csr
                openssl x509 -req -in leaf.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile cnf -extensions leaf -days 365 -out leaf.crt
                openssl req -x509 -config cnf -extensions leaf -newkey rsa:2048 -nodes -keyout own.key -subj /CN=node-0@1700000000 -days 365 -out own.crt
                """
            let openssl = try RunningProcess("/bin/sh", ["-c", script], in: bench.folder)
            #expect(try await openssl.exitCode(within: .seconds(90)) == 0, "\(openssl.output)")
            let pem = { (name: String) throws -> String in String(decoding: try folder.read(name), as: UTF8.self) }
            try bench.use(["--kubelet-certificate-authority", folder.path("ca.crt")])
            try bench.cluster.setKubeletCertificate(.given(certificate: pem("leaf.crt"), key: pem("leaf.key")), ofNode: "node-0")
            let outcome = try await bench.scrape()
            #expect(outcome.failure == nil && outcome.certificate?.subject == "CN=system:node:node-0,O=system:nodes")
            // A certificate that is no authority's vouches for itself where it is trusted, as in Go.
            try bench.cluster.setKubeletCertificate(.given(certificate: pem("own.crt"), key: pem("own.key")), ofNode: "node-0")
            try bench.use(["--kubelet-certificate-authority", folder.path("ca.crt")])
            let own = try await bench.scrape()
            #expect(own.failure?.fault == .tlsUnknownAuthority && own.failure?.description.contains("by the kubelet itself") == true)
            try bench.use(["--kubelet-certificate-authority", folder.path("own.crt")])
            let trusted = try await bench.scrape()
            #expect(trusted.failure == nil)
        }
    }

    @Test("a connection that turns out to have been closed is made anew, once; one that is new is not")
    func closedWhileIdle() async throws {
        try await with { bench in
            try bench.use([])
            #expect(try await bench.fault() == nil)
            // What a kubelet does whose end of an idle connection crossed with the request.
            bench.cluster.switchboard.switchOn([Fault(.disconnect, count: 1, kubelet: .metrics)])
            #expect(try await bench.fault() == nil)
            #expect(bench.cluster.switchboard.requestCount(ofKubelets: .metrics) == 3 && bench.cluster.switchboard.kubeletConnections == 2)
            bench.cluster.switchboard.switchOn([Fault(.disconnect, kubelet: .metrics)])
            #expect(try await bench.fault() == .closed)
            #expect(bench.cluster.switchboard.requestCount(ofKubelets: .metrics) == 5)
        }
    }

    @Test("a certificate for clients only is none for a kubelet")
    func usage() async throws {
        try await with { bench in
            let own = try await AuthorityFiles("own")
            try await own.issue("node", names: "DNS:node-0", usage: "clientAuth")
            let pem = { (name: String) throws -> String in String(decoding: try own.folder.read(name), as: UTF8.self) }
            try bench.cluster.setKubeletCertificate(.given(certificate: pem("node.crt"), key: pem("node.key")), ofNode: "node-0")
            try bench.use(["--kubelet-certificate-authority", own.certificate])
            let failure = try await bench.scrape().failure
            #expect(failure?.fault == .tlsOther && failure?.description.contains("not for servers") == true)
        }
    }

    @Test(
        "names are compared as Go compares them",
        arguments: [
            ("node-1", "node-1", true), ("Node-1.Example.org", "node-1.example.ORG", true), ("node-1", "node-10", false),
            ("*.example.org", "a.example.org", true), ("*.example.org", "a.b.example.org", false), ("*.example.org", "example.org", false),
            ("a*.example.org", "ab.example.org", false), ("*", "node", false), ("node-1.", "node-1", true), ("10.0.0.1", "10.0.0.1", false),
            ("", "", false),
        ])
    func names(name: String, wanted: String, matches: Bool) {
        #expect(CertificateCheck.matches(.dnsName(name), wanted) == matches)
    }

    @Test("addresses are compared as addresses, and never with names")
    func addresses() throws {
        let four = GeneralName.ipAddress(.init(contentBytes: [10, 0, 0, 1]))
        #expect(CertificateCheck.matches(four, "10.0.0.1") && !CertificateCheck.matches(four, "10.0.0.2"))
        #expect(!CertificateCheck.matches(four, "node-1"))
        let six = GeneralName.ipAddress(.init(contentBytes: [0x20, 1, 0xd, 0xb8] + Array(repeating: 0, count: 11) + [1]))
        #expect(CertificateCheck.matches(six, "2001:db8::1") && CertificateCheck.matches(six, "2001:0DB8:0::1"))
        #expect(!CertificateCheck.matches(.ipAddress(.init(contentBytes: [10, 0, 0])), "10.0.0.1"))
    }

    @Test("what is no certificate is judged, not trusted", arguments: [[], [0x30], [0x30, 0x00], [0x30, 0x02, 0x30, 0x00]] as [[UInt8]])
    func garbage(bytes: [UInt8]) async {
        #expect(CertificateCheck.pin(of: bytes) == nil)
        let trust = CertificateTrust(authorities: .these([]), generation: 1)
        let check = CertificateCheck(trust: trust, dialled: "127.0.0.1", aliases: [])
        #expect(await check.verdict([bytes]).failure?.fault == .tlsOther)
        #expect(await check.verdict([]).failure?.fault == .tlsOther)
        let pinned = CertificateTrust(authorities: .anyone, pins: [Array(repeating: 0, count: 32)], generation: 1)
        #expect(await CertificateCheck(trust: pinned, dialled: "", aliases: []).verdict([bytes]).failure?.fault == .tlsPin)
    }
}
