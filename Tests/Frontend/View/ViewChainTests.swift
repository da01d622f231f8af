import Names
import Testing

@testable import Frontend

/// Blocks of one zone and address, told apart by views, on real sockets.
@Suite("Views of a zone", .serialized)
struct ViewChainTests {
    private static func block(_ view: String, _ address: String) -> String {
        """
        v.example:0 {
          bind 127.0.0.1
          prometheus 127.0.0.1:0
          \(view)
          template IN A {
            answer "{{ .Name }} 1 IN A \(address)"
          }
        }

        """
    }

    private static let views = [
        block("view texts {\n expr type() == 'TXT' || name() matches '^special[.]'\n}", "192.0.2.1"),
        block("view streams {\n expr proto() == 'tcp'\n expr incidr(client_ip(), '127.0.0.0/8')\n}", "192.0.2.2"),
        block("", "192.0.2.3"),
    ]

    @Test("the first view that takes a query answers it, the block without view all others, wherever it stands", arguments: [0, 1, 2])
    func order(first: Int) async throws {
        let blocks = (0..<3).map { Self.views[($0 + first) % 3] }.joined()
        let frontend = try await RunningFrontend(blocks)
        #expect(try await frontend.ask("a.v.example").answer == ["a.v.example. 1 IN A 192.0.2.3"])
        #expect(try await frontend.ask("a.v.example", overStream: true).answer == ["a.v.example. 1 IN A 192.0.2.2"])
        #expect(try await frontend.ask("special.v.example").answer == ["special.v.example. 1 IN A 192.0.2.1"])
        let metrics = frontend.metrics
        for view in ["", "texts", "streams"] {
            #expect(metrics.contains(#"zone="v.example.",view="\#(view)",name="template"} 1"#), "\(view)")
            #expect(metrics.contains(#"zone="v.example.",view="\#(view)",class="IN",type="A"} 1"#), "\(view)")
        }
        try await frontend.stop()
    }

    @Test("queries that no view takes are refused, and a view can be changed while it is served")
    func refused() async throws {
        let frontend = try await RunningFrontend(Self.views[1])
        #expect(try await frontend.ask("a.v.example").code == "REFUSED")
        try await frontend.rewrite(Self.block("view streams {\n expr true\n}", "192.0.2.4"))
        #expect(try await frontend.ask("a.v.example").answer == ["a.v.example. 1 IN A 192.0.2.4"])
        try await frontend.stop()
    }
}
