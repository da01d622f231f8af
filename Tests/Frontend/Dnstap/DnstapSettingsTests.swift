import Names
import Testing

@testable import Frontend

@Suite("What dnstap is told")
struct DnstapSettingsTests {
    /// The settings of the first statement of a block, or the error's text.
    private func read(_ text: String) throws -> DnstapSettings {
        let surroundings = CorefileSurroundings(variable: { _ in nil }, contents: { _ in nil }, names: { _ in [] })
        let block = try CorefileParser.parse(Array(". {\n\(text)\n}\n".utf8), file: "Corefile", surroundings: surroundings).blocks[0]
        var settings = DnstapSettings()
        var warnings: [CorefileWarning] = []
        try DnstapSettings.row.read(block.statements[0], into: &settings, zones: [], warnings: &warnings)
        return settings
    }

    private func settings(_ endpoint: DnstapSettings.Endpoint, _ change: (inout DnstapSettings) -> Void = { _ in }) -> DnstapSettings {
        var settings = DnstapSettings()
        settings.endpoint = endpoint
        change(&settings)
        return settings
    }

    @Test("a local socket is a path, with or without its scheme; other sockets are host and port")
    func endpoints() throws {
        #expect(try read("dnstap dnstap.sock") == settings(.local(path: "dnstap.sock")))
        #expect(try read("dnstap unix:///tmp/dnstap.sock") == settings(.local(path: "/tmp/dnstap.sock")))
        #expect(try read("dnstap tcp://127.0.0.1:6000") == settings(.tcp(host: "127.0.0.1", port: 6000)))
        #expect(try read("dnstap tcp://[::1]:6000") == settings(.tcp(host: "::1", port: 6000)))
        #expect(try read("dnstap tcp://collector.example.com:6000/") == settings(.tcp(host: "collector.example.com", port: 6000)))
        #expect(try read("dnstap tls://[::1]:6000") == settings(.tls(.address(.v6(high: 0, low: 1)), port: 6000)))
        #expect(try read("dnstap tls://tap.example.com:6000") == settings(.tls(.name("tap.example.com"), port: 6000)))
        #expect(try read("dnstap tls://[::1]:6000").endpoint.description == "tls://[::1]:6000")
        #expect(try read("dnstap tcp://[::1]:6000").endpoint.description == "tcp://[::1]:6000")
        #expect(try read("dnstap a/b").endpoint.description == "unix://a/b")
    }

    @Test("full, the write buffer and the queue follow in this order; the block has the rest")
    func all() throws {
        #expect(try read("dnstap a full") == settings(.local(path: "a")) { $0.full = true })
        #expect(
            try read("dnstap a full 1024 4096")
                == settings(.local(path: "a")) {
                    $0.full = true
                    $0.writeBuffer = 1024
                    $0.queue = 4096
                })
        #expect(try read("dnstap a - 2") == settings(.local(path: "a")) { $0.writeBuffer = 2 })
        #expect(
            try read("dnstap a {\n identity NAME\n version VER-1\n extra \"upstream: {/forward/upstream}\"\n skipverify\n}")
                == settings(.local(path: "a")) {
                    $0.identity = "NAME"
                    $0.version = "VER-1"
                    $0.extra = "upstream: {/forward/upstream}"
                    $0.skipsVerification = true
                })
    }

    @Test(
        "what CoreDNS refuses, or would not do as it reads, is refused with its line",
        arguments: [
            ("dnstap", "dnstap: expected 1 to 4 words after it, found 0; usage: \(DnstapSettings.row.usageLine)"),
            ("dnstap a ful", "dnstap: expected 'full' or nothing, found 'ful'"),
            ("dnstap a 8", "dnstap: expected 'full' or nothing, found '8'"),
            ("dnstap a full 1025 1", "dnstap: expected a whole number from 1 to 1024, found '1025'"),
            ("dnstap a full x 10", "dnstap: expected a whole number from 1 to 1024, found 'x'"),
            ("dnstap a full 1 4097", "dnstap: expected a whole number from 1 to 4096, found '4097'"),
            ("dnstap a full 10 0", "dnstap: expected a whole number from 1 to 4096, found '0'"),
            ("dnstap tcp://127.0.0.1", "dnstap: expected tcp://HOST:PORT, found 'tcp://127.0.0.1'"),
            ("dnstap tcp://::1:6000", "dnstap: expected tcp://HOST:PORT, found 'tcp://::1:6000'"),
            ("dnstap tcp://:6000", "dnstap: expected tcp://HOST:PORT, found 'tcp://:6000'"),
            ("dnstap tls://h:x", "dnstap: expected tls://HOST:PORT, found 'tls://h:x'"),
            (
                "dnstap tls://a_b:6000",
                "dnstap: expected the name or the address of a host, as its certificate says it, found 'a_b'"
            ),
            (
                "dnstap listen a full",
                "dnstap: 'listen' is a word of CoreDNS 1.14: this version connects to collectors; name the socket of one"
            ),
            ("dnstap unix://", "dnstap: expected the path of a socket, of at most 107 bytes, found 'unix://'"),
        ])
    func mistakes(text: String, message: String) {
        #expect(throws: CorefileError(file: "Corefile", line: 2, message: message)) { try read(text) }
    }

    @Test("an option without its value, or an unknown one, is refused with its line")
    func options() {
        #expect(
            throws: CorefileError(
                file: "Corefile", line: 3, message: "dnstap: identity: expected 1 word after it, found 0; usage: identity NAME")
        ) { try read("dnstap a {\n identity\n}") }
        #expect(
            throws: CorefileError(
                file: "Corefile", line: 3,
                message:
                    "dnstap: unknown option 'extras': there are identity, version, extra, skipverify; did you mean 'extra'?")
        ) { try read("dnstap a {\n extras x\n}") }
    }
}
