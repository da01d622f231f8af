import Names
import TestSupport
import Testing

@testable import Frontend

/// What `forward` takes as TO, and what becomes of it.
@Suite("Upstreams in a Corefile")
struct ForwardTargetTests {
    private func settings(_ targets: String, options: String = "") throws -> ForwardSettings {
        try parse(". {\n forward . \(targets) {\n\(options)\n }\n}").blocks[0].forward[0]
    }

    private static let v6 = IPAddress.v6(high: 0x2001_0DB8_0000_0000, low: 1)
    private static let linkLocal = IPAddress.v6(high: 0xFE80_0000_0000_0000, low: 1)

    @Test(
        "an address is taken in each form that CoreDNS takes, with its transport's port unless one is given",
        arguments: [
            ("192.0.2.1", ForwardSettings.Target.address(.v4(0xC000_0201), port: 53)),
            ("192.0.2.1:5353", .address(.v4(0xC000_0201), port: 5353)),
            ("dns://192.0.2.1", .address(.v4(0xC000_0201), port: 53)),
            ("dns://192.0.2.1:54", .address(.v4(0xC000_0201), port: 54)),
            ("2001:db8::1", .address(v6, port: 53)), ("[2001:db8::1]", .address(v6, port: 53)),
            ("[2001:db8::1]:54", .address(v6, port: 54)), ("dns://[2001:db8::1]:54", .address(v6, port: 54)),
            ("dns://2001:db8::1", .address(v6, port: 53)),
            ("fe80::1%eth0", .address(linkLocal, port: 53, interface: "eth0")),
            ("[fe80::1%eth0]:54", .address(linkLocal, port: 54, interface: "eth0")),
            ("[fe80::1%2]", .address(linkLocal, port: 53, interface: "2")),
            ("tls://192.0.2.1", .tls(.v4(0xC000_0201), port: 853)), ("tls://192.0.2.1:8853", .tls(.v4(0xC000_0201), port: 8853)),
            ("tls://2001:db8::1", .tls(v6, port: 853)), ("tls://[2001:db8::1]:54", .tls(v6, port: 54)),
            ("tls://192.0.2.1%dns.example.org", .tls(.v4(0xC000_0201), port: 853, serverName: .name("dns.example.org"))),
            ("tls://192.0.2.1%dns.example.org:10853", .tls(.v4(0xC000_0201), port: 10_853, serverName: .name("dns.example.org"))),
            ("tls://[2001:db8::1%dns.example.org.]:54", .tls(v6, port: 54, serverName: .name("dns.example.org"))),
            ("tls://2001:db8::1%192.0.2.7", .tls(v6, port: 853, serverName: .address(.v4(0xC000_0207)))),
            ("/etc/resolv.conf", .resolverFile("/etc/resolv.conf")), ("./a", .resolverFile("./a")), ("conf/a", .resolverFile("conf/a")),
            ("upstream.conf", .resolverFile("upstream.conf")), ("dns:///etc/resolv.conf", .resolverFile("/etc/resolv.conf")),
        ])
    func forms(text: String, target: ForwardSettings.Target) throws {
        #expect(try settings(text).targets == [target])
    }

    private static let expected =
        "Corefile:2: forward: expected an upstream such as 192.0.2.1, 192.0.2.1:53, [2001:db8::1]:53, tls://192.0.2.1 or /etc/resolv.conf, found"

    @Test(
        "what is none of them is refused with the forms that there are",
        arguments: [
            "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:+53", "192.0.2.1:", "192.0.2.300", "[192.0.2.1]:53", "[2001:db8::1]53",
            "[2001:db8::1", "2001:db8::1%", "2001:db8::1%eth0:53", "dns.example.org", "dns://", "tls://", "tls://dns.example.org",
            "tls://192.0.2.1%", "tls://192.0.2.1%a:b", "ftp://192.0.2.1", "tls://192.0.2.1:domain",
        ])
    func refusedForms(text: String) {
        let error = #expect(throws: CorefileError.self) { try settings(text) }
        #expect(error?.description == "\(Self.expected) '\(text)'")
    }

    @Test(
        "what cannot be meant is refused with the reason",
        arguments: [
            ("192.0.2.1%eth0", "only an IPv6 address can have an interface after '%', found '192.0.2.1%eth0'"),
            ("tls://192.0.2.1%a_b", "expected a server's name after '%', found 'tls://192.0.2.1%a_b'"),
            (
                "tls:///etc/resolv.conf",
                "a file names upstreams for plain DNS; name those over TLS one by one, found 'tls:///etc/resolv.conf'"
            ),
        ])
    func refusals(text: String, message: String) {
        let error = #expect(throws: CorefileError.self) { try settings(text) }
        #expect(error?.description == "Corefile:2: forward: \(message)")
    }

    @Test("transports that forward does not have are refused by name", arguments: ["https", "https3", "grpc", "quic", "unix"])
    func otherTransports(name: String) {
        let error = #expect(throws: CorefileError.self) { try settings("\(name)://192.0.2.1") }
        #expect(
            error?.description
                == "Corefile:2: forward: upstreams over '\(name)://' are not supported; give an address for plain DNS such as 192.0.2.1, or for DNS over TLS such as tls://192.0.2.1"
        )
    }

    @Test("files stand among addresses, and their servers take their place")
    func files() throws {
        let folder = try TemporaryFolder()
        try folder.write(
            Array("# nameserver 192.0.2.9\nsearch a\nnameserver 192.0.2.2\nnameserver ::1%lo\nnameserver fe80::2%no0\n".utf8), to: "a.conf")
        try folder.write(Array("nameserver\t192.0.2.3\noptions ndots:5\nnameserver 2001:db8::1\n".utf8), to: "b")
        let text = "192.0.2.1 \(folder.path("a.conf")) tls://192.0.2.4%a.org \(folder.path("b"))"
        let endpoints = try settings(text).endpoints()
        #expect(
            endpoints.map { "\($0.address) \($0.address.scope) \($0.serverName?.description ?? "-")" } == [
                "192.0.2.1:53 0 -", "192.0.2.2:53 0 -", "[::1]:53 1 -", "192.0.2.4:853 0 a.org", "192.0.2.3:53 0 -",
                "[2001:db8::1]:53 0 -",
            ])
    }

    @Test("an interface, a file, a server in it that are not there are said when the frontend starts")
    func missing() throws {
        let folder = try TemporaryFolder()
        try folder.write(Array("search a\n".utf8), to: "empty")
        func fault(_ targets: String) -> String? {
            #expect(throws: ForwardSource.ForwardFault.self) { try settings(targets).endpoints() }?.message
        }
        #expect(fault("fe80::1%no0") == "forward: fe80::1%no0: this host has no interface 'no0'")
        #expect(fault(folder.path("none")) == "forward: cannot read \(folder.path("none")): no such file or directory")
        // Neither waits for ever nor fills the memory.
        #expect(fault("/dev/zero") == "forward: cannot read /dev/zero: it is not a regular file")
        try folder.write([UInt8](repeating: 0x0A, count: 2 << 20), to: "large")
        #expect(fault(folder.path("large")) == "forward: cannot read \(folder.path("large")): it is larger than 1048576 bytes")
        #expect(
            fault(folder.path("empty")) == "forward: \(folder.path("empty")) has no 'nameserver' line with an address that can be used")
        let lines = (1...15).map { "nameserver 192.0.2.\($0)\n" }.joined()
        try folder.write(Array(lines.utf8), to: "many")
        #expect(fault("\(folder.path("many")) 192.0.2.1") == "forward: expected at most 15 upstreams, found 16")
    }

    @Test("who an upstream has to be is its own name, the directive's, or its address")
    func serverNames() throws {
        func names(_ targets: String, _ options: String = "") throws -> [TLSServerName?] {
            try settings(targets, options: options).endpoints().map(\.serverName)
        }
        #expect(try names("tls://192.0.2.1%a.org tls://192.0.2.2 192.0.2.3") == [.name("a.org"), .address(.v4(0xC000_0202)), nil])
        #expect(try names("tls://192.0.2.1 192.0.2.3", "tls_servername b.org.") == [.name("b.org"), nil])
        #expect(try names("tls://192.0.2.1", "tls_servername 192.0.2.9") == [.address(.v4(0xC000_0209))])
    }

    @Test("the options of TLS take CoreDNS's arguments")
    func options() throws {
        func files(_ line: String) throws -> [String?] {
            let files = try settings("tls://192.0.2.1", options: line).tlsFiles
            return [files.identity?.certificate.text, files.identity?.key.text, files.authorities?.text]
        }
        #expect(try files("") == [nil, nil, nil])
        #expect(try files("tls") == [nil, nil, nil])
        #expect(try files("tls a.crt") == [nil, nil, "a.crt"])
        #expect(try files("tls b.crt b.key") == ["b.crt", "b.key", nil])
        #expect(try files("tls b.crt b.key a.crt") == ["b.crt", "b.key", "a.crt"])
    }

    @Test(
        "mistakes in the options of TLS",
        arguments: [
            ("192.0.2.1", "tls a b c d", "3: forward: tls: expected 0 to 3 words after it, found 4; usage: tls [CERT KEY] [CA]"),
            (
                "192.0.2.1", "tls_servername",
                "3: forward: tls_servername: expected 1 word after it, found 0; usage: tls_servername NAME"
            ),
            (
                "192.0.2.1", "tls_servername a..org",
                "3: forward: tls_servername: expected a server's name such as dns.example.org, found 'a..org'"
            ),
            (
                "tls://192.0.2.1%a.org", "tls_servername b.org",
                "2: forward: tls_servername 'b.org' and the name behind '%' of upstream 192.0.2.1 ('a.org') contradict each other; leave one out"
            ),
        ])
    func mistakes(targets: String, line: String, message: String) {
        let error = #expect(throws: CorefileError.self) { try settings(targets, options: line) }
        #expect(error?.description == "Corefile:\(message)")
    }

    @Test("a file that is not there or holds something else is said with the place of its name")
    func brokenFiles() throws {
        let folder = try TemporaryFolder()
        try folder.write(Array("no certificate".utf8), to: "text")
        let (text, none) = (folder.path("text"), folder.path("none"))
        func fault(_ line: String) throws -> String? {
            let settings = try settings("tls://192.0.2.1", options: line)
            return #expect(throws: ForwardSource.ForwardFault.self) {
                try settings.tlsConfiguration(for: settings.endpoints(), relativeTo: "")
            }?.message
        }
        #expect(try fault("tls \(none)") == "Corefile:3: forward: tls: cannot read '\(none)': no such file or directory")
        #expect(try fault("tls \(folder.path)") == "Corefile:3: forward: tls: cannot read '\(folder.path)': is a directory")
        #expect(try fault("tls \(text)") == "Corefile:3: forward: tls: '\(text)' holds no certificate in PEM, or a broken one")
        #expect(try fault("tls \(none) \(text)") == "Corefile:3: forward: tls: cannot read '\(none)': no such file or directory")
    }

    @Test("options of later versions of CoreDNS are known by name", arguments: ForwardSettings.laterOptions.map(\.name))
    func laterOptions(name: String) {
        let error = #expect(throws: CorefileError.self) { try settings("192.0.2.1", options: "\(name) 1") }
        #expect(
            error?.description == "Corefile:3: forward: \(name): this option is not built yet; remove the line to go on without it")
    }

    @Test("settings whose files are the same are the same, wherever they stand")
    func equality() throws {
        let one = try settings("tls://192.0.2.1", options: "tls a b c")
        let moved = try settings("tls://192.0.2.1", options: "\n\ntls a b c")
        #expect(one == moved)
        #expect(try settings("tls://192.0.2.1", options: "tls a b d") != one)
        #expect(try settings("tls://192.0.2.1", options: "tls a x c") != one)
    }

    @Test("a CIDR block that ends within a label is forwarded whole, and `except` leaves apexes alone")
    func networks() throws {
        let bench = try ChainBench(".:0 {\n forward 10.0.0.0/15 192.0.2.53 {\n except 0.10.in-addr.arpa 1.1.10.in-addr.arpa\n}\n}") {
            _, _ in
            .answer(0, [])
        }
        for (name, isForwarded) in [
            ("4.3.2.1.10.in-addr.arpa", true), ("1.2.1.10.in-addr.arpa", true), ("0.10.in-addr.arpa", true), ("1.0.10.in-addr.arpa", false),
            ("7.1.1.10.in-addr.arpa", false), ("1.2.2.10.in-addr.arpa", false),
        ] {
            _ = try bench.ask(name, .ptr)
            #expect(bench.asked.contains("\(name). PTR") == isForwarded, "\(name)")
        }
    }
}
