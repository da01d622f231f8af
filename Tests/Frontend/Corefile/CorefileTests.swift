import Names
import Testing

@testable import Frontend

/// Files and variables that a test's Corefile can reach.
func testSurroundings(files: [String: String] = [:], variables: [String: String] = [:]) -> CorefileSurroundings {
    CorefileSurroundings(
        variable: { variables[$0] },
        contents: { files[$0].map { Array($0.utf8) } },
        names: { directory in
            let prefix = directory == "." ? "" : directory
            return files.keys.filter { $0.hasPrefix(prefix) && !$0.dropFirst(prefix.count).contains("/") }
                .map { String($0.dropFirst(prefix.count)) }.sorted()
        })
}

func parse(_ text: String, files: [String: String] = [:], variables: [String: String] = [:]) throws(CorefileError)
    -> FrontendConfiguration
{
    try FrontendConfiguration.parse(
        Array(text.utf8), file: "Corefile", surroundings: testSurroundings(files: files, variables: variables))
}

@Suite("Corefile grammar")
struct CorefileTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var text: String
        var files: [String: String] = [:]
        var variables: [String: String] = [:]
        /// For each block: zones and ports, a colon, the directives.
        var blocks: [String]
        var testDescription: String { name }
    }

    static let cases: [Case] = [
        Case(name: "one zone", text: ". {\n errors\n}", blocks: [".:53: errors"]),
        Case(
            name: "several zones and ports", text: "a.org b.org:1053 dns://c.org dns://:54 {\n errors\n}",
            blocks: ["a.org.:53 b.org.:1053 c.org.:53 .:54: errors"]),
        Case(
            name: "commas between zones", text: "a.org, b.org,\nc.org {\n errors\n}",
            blocks: ["a.org.:53 b.org.:53 c.org.:53: errors"]),
        Case(name: "a brace on the next line", text: "a.org\n{\n errors\n}", blocks: ["a.org.:53: errors"]),
        Case(
            name: "several blocks", text: "a.org {\n errors\n}\nb.org {\n ready\n}\n",
            blocks: ["a.org.:53: errors", "b.org.:53: ready"]),
        Case(name: "one block without braces", text: "a.org\nerrors\nready\n", blocks: ["a.org.:53: ready errors"]),
        Case(name: "a block without directives", text: "a.org {\n}\n", blocks: ["a.org.:53: "]),
        Case(name: "zones alone", text: "a.org b.org\n", blocks: ["a.org.:53 b.org.:53: "]),
        Case(name: "names become lower case", text: "Example.ORG {\n errors\n}", blocks: ["example.org.:53: errors"]),
        Case(
            name: "an IPv4 block on a label", text: "10.0.0.0/8 {\n errors\n}", blocks: ["10.in-addr.arpa.:53: errors"]),
        Case(
            name: "an IPv4 block between labels", text: "10.96.0.0/14:1053 {\n errors\n}",
            blocks: [
                "96.10.in-addr.arpa.:1053 97.10.in-addr.arpa.:1053 98.10.in-addr.arpa.:1053 99.10.in-addr.arpa.:1053: errors"
            ]),
        Case(
            name: "host bits of a block do not count", text: "10.1.2.3/16 {\n errors\n}",
            blocks: ["1.10.in-addr.arpa.:53: errors"]),
        Case(
            name: "an IPv6 block on a digit", text: "2001:db8::/32 {\n errors\n}",
            blocks: ["8.b.d.0.1.0.0.2.ip6.arpa.:53: errors"]),
        Case(
            name: "an IPv6 block between digits", text: "fd00::/7 {\n errors\n}",
            blocks: ["c.f.ip6.arpa.:53 d.f.ip6.arpa.:53: errors"]),
        Case(
            name: "directives in any order run in one order",
            text: ". {\n forward . 192.0.2.1\n hosts\n errors\n bind 127.0.0.1\n}",
            blocks: [".:53: bind errors hosts forward"]),
        Case(name: "a block that closes at once", text: ". {\n ready { }\n}", blocks: [".:53: ready"]),
        Case(
            name: "an option on the brace's line", text: ". {\n ready { monitor continuously\n }\n}",
            blocks: [".:53: ready"]),
        Case(
            name: "a comment after everything", text: "# x\n. { # y\n errors # z\n} # end\n", blocks: [".:53: errors"]),
        Case(name: "a snippet", text: "(s) {\n errors\n ready\n}\n. {\n import s\n}", blocks: [".:53: ready errors"]),
        Case(
            name: "a snippet in a snippet", text: "(a) {\n errors\n}\n(b) {\n import a\n ready\n}\n. {\n import b\n}",
            blocks: [".:53: ready errors"]),
        Case(
            name: "a snippet used twice", text: "(s) {\n errors\n}\na.org {\n import s\n}\nb.org {\n import s\n}",
            blocks: ["a.org.:53: errors", "b.org.:53: errors"]),
        Case(
            name: "a snippet of options", text: "(s) {\n monitor continuously\n}\n. {\n ready {\n  import s\n }\n}",
            blocks: [".:53: ready"]),
        Case(
            name: "a file inside a block", text: ". {\n import part\n}", files: ["part": "errors\nready"],
            blocks: [".:53: ready errors"]),
        Case(
            name: "a file of blocks", text: "import zones/one\n", files: ["zones/one": "a.org {\n errors\n}"],
            blocks: ["a.org.:53: errors"]),
        Case(
            name: "a pattern", text: "import zones/*.conf\n",
            files: ["zones/b.conf": "b.org {\n ready\n}", "zones/a.conf": "a.org {\n errors\n}", "zones/c.txt": "!"],
            blocks: ["a.org.:53: errors", "b.org.:53: ready"]),
        Case(
            name: "an import relative to its own file", text: "import sub/one\n",
            files: ["sub/one": "import two\n", "sub/two": "a.org {\n errors\n}"], blocks: ["a.org.:53: errors"]),
        Case(
            name: "variables in zones", text: "{$ZONE}:{%PORT%} {\n errors\n}",
            variables: ["ZONE": "a.org", "PORT": "1053"], blocks: ["a.org.:1053: errors"]),
        Case(
            name: "variables in directives and arguments", text: ". {\n {$D} 127.0.0.{$N}:80\n}",
            variables: ["D": "ready", "N": "9"], blocks: [".:53: ready"]),
        Case(name: "an unset variable is nothing", text: "a.org {$NONE} {\n errors\n}", blocks: ["a.org.:53: errors"]),
        Case(
            name: "a variable in an import", text: ". {\n import {$F}\n}", files: ["f": "errors"],
            variables: ["F": "f"], blocks: [".:53: errors"]),
        Case(
            name: "the same zone on two ports", text: "a.org:1 {\n errors\n}\na.org:2 {\n errors\n}",
            blocks: ["a.org.:1: errors", "a.org.:2: errors"]),
        Case(
            name: "the same zone on two addresses", text: "a.org {\n bind 127.0.0.1\n}\na.org {\n bind 127.0.0.2\n}",
            blocks: ["a.org.:53: bind", "a.org.:53: bind"]),
        Case(
            name: "a block behind another's brace", text: "a.org {\n errors\n} b.org c.org {\n ready\n}",
            blocks: ["a.org.:53: errors", "b.org.:53 c.org.:53: ready"]),
        Case(name: "a directive on the brace's line", text: ". { errors\n ready\n}", blocks: [".:53: ready errors"]),
        Case(
            name: "an import on the brace's line", text: "(s) { errors\n}\n. { import s\n}", blocks: [".:53: errors"]),
        Case(
            name: "a snippet of blocks", text: "(s) {\n a.org {\n  errors\n }\n}\nimport s\nb.org {\n ready\n}",
            blocks: ["a.org.:53: errors", "b.org.:53: ready"]),
        Case(
            name: "a variable in a variable's value", text: "{$A} {\n errors\n}",
            variables: ["A": "{$B}.org", "B": "b"], blocks: ["b.org.:53: errors"]),
        Case(
            name: "a variable's value is one word", text: ". {\n forward . {$UP}:53 {\n  except {$TWO}\n }\n}",
            variables: ["UP": "192.0.2.1", "TWO": "a.org b.org"], blocks: [".:53: forward"]),
        Case(
            name: "a reference that is not closed", text: "{$A {\n errors\n}", variables: ["A": "b"], blocks: ["{$a.:53: errors"]),
        Case(
            name: "a pattern matches a first dot, but not a ConfigMap volume's own names", text: "import custom/*\n",
            files: ["custom/.one": "a.org {\n errors\n}", "custom/..data": "!", "custom/..2026": "!"],
            blocks: ["a.org.:53: errors"]),
        Case(
            name: "a file whose last line has no end", text: ". {\n import a\n ready\n}", files: ["a": "errors # end"],
            blocks: [".:53: ready errors"]),
        Case(
            name: "an IPv6 block with a port", text: "fd00::/8:1053 {\n errors\n}", blocks: ["d.f.ip6.arpa.:1053: errors"]),
        Case(name: "all of IPv4", text: "0.0.0.0/0 {\n errors\n}", blocks: ["in-addr.arpa.:53: errors"]),
        Case(
            name: "one address", text: "192.0.2.7/32 {\n errors\n}", blocks: ["7.2.0.192.in-addr.arpa.:53: errors"]),
        Case(name: "the root without a port", text: "dns://. {\n errors\n}", blocks: [".:53: errors"]),
    ]

    @Test("what is written is what is read", arguments: cases)
    func blocks(example: Case) throws {
        let configuration = try parse(example.text, files: example.files, variables: example.variables)
        let blocks = configuration.blocks.map { block in
            block.addresses.map { "\($0.zone):\($0.port)" }.joined(separator: " ") + ": "
                + block.directiveNames.joined(separator: " ")
        }
        #expect(blocks == example.blocks)
    }

    @Test("the default port holds where no port is written")
    func defaultPort() throws {
        let configuration = try FrontendConfiguration.parse(
            Array("a.org b.org:54\n".utf8), file: "Corefile", defaultPort: 1053)
        #expect(configuration.blocks[0].addresses.map(\.port) == [1053, 54])
    }

    @Test("variables whose values name each other come to an end")
    func circularVariables() throws {
        let surroundings = testSurroundings(variables: ["A": "{$B}", "B": "{$A}"])
        #expect(surroundings.expanding("x{$A}y") == "x{$A}y")
        #expect(surroundings.expanding("{$}{%NONE%}") == "{$}")
    }

    @Test("every prefix length of a block gives zones that together hold just its addresses")
    func prefixLengths() throws {
        for length in 0...32 {
            let zones = try ZoneName.zones("10.171.205.239/\(length)")
            let step = (8 - length % 8) % 8
            #expect(zones.count == 1 << step)
            #expect(Set(zones).count == zones.count)
            #expect(zones.allSatisfy { $0.text.split(separator: ".").count == 2 + (length + 7) / 8 })
            #expect(zones.contains { $0.contains(ZoneName("239.205.171.10.in-addr.arpa.")!) })
        }
        for length in 0...128 {
            let zones = try ZoneName.zones("2001:db8:1234:5678:9abc:def0:1357:9bdf/\(length)")
            #expect(zones.count == 1 << ((4 - length % 4) % 4))
            #expect(zones.allSatisfy { $0.text.split(separator: ".").count == 2 + (length + 3) / 4 })
        }
    }

    @Test("a comma inside a zone is a warning")
    func commaInZone() throws {
        #expect(
            try parse("a.org,b.org {\n errors\n}").warnings.map(\.description) == [
                "Corefile:1: 'a.org,b.org' is one zone, whose name has a comma in it; put a space behind the comma to list several"
            ])
    }

    @Test("a file without a block serves what CoreDNS serves then", arguments: ["", "# nothing\n", "(unused) {\n errors\n}\n"])
    func emptyFile(text: String) throws {
        let (blocks, warnings) = try CorefileParser.parse(Array(text.utf8), file: "Corefile", surroundings: testSurroundings())
        #expect(blocks.map { $0.keys.map(\.text) } == [["."]])
        #expect(blocks.map { $0.statements.map(\.name.text) } == [["whoami", "log"]])
        #expect(warnings.count == 1)
    }

    @Test("a line of hosts that is no entry is ignored with a warning, as CoreDNS ignores it")
    func hostsLines() throws {
        let configuration = try parse(". {\n hosts {\n  192.0.2.1 \\\n   a.org\n  192.0.2.2 b.org\n }\n}")
        #expect(configuration.blocks[0].hosts[0].entries.map { "\($0.address)" } == ["192.0.2.2"])
        #expect(
            configuration.warnings.map(\.description) == [
                #"Corefile:3: hosts: ignored: '192.0.2.1 \' is neither an option nor an address with names"#,
                "Corefile:4: hosts: ignored: 'a.org' is neither an option nor an address with names",
            ])
    }

    @Test("a pattern without matches is a warning")
    func emptyPattern() throws {
        let configuration = try parse("import zones/*\n. {\n errors\n}")
        #expect(configuration.warnings.map(\.description) == ["Corefile:1: import: no file matches 'zones/*'"])
    }

    @Test("an ignored option is a warning that says why")
    func ignoredOption() throws {
        let configuration = try parse("cluster.local {\n kubernetes {\n  endpoint https://192.0.2.1\n }\n}")
        #expect(
            configuration.warnings.map(\.description) == [
                "Corefile:3: kubernetes: endpoint: ignored: only mizzen-watcher connects to the API server"
            ])
    }

    @Test("every directive of CoreDNS is known, and those not built are refused by name")
    func notBuilt() {
        for case .notBuilt(let name) in DirectiveEntry.executionOrder {
            let error = #expect(throws: CorefileError.self) { try parse(". {\n \(name)\n}") }
            #expect(
                error?.description.hasPrefix("Corefile:2: directive '\(name)' is not built yet; this version has root,") == true
                    || error?.description == "Corefile:2: \(RefusedWords.message(directive: name) ?? "")")
        }
        #expect(DirectiveEntry.executionOrder.count == 55)
    }

    @Test("check says where a Corefile would listen")
    func check() throws {
        let configuration = try parse(
            "a.org:1053 b.org {\n bind 127.0.0.1 lo\n errors\n health 127.0.0.1:1\n ready 127.0.0.1:1\n}\n. {\n}")
        #expect(
            CheckCommand.report(configuration, file: "Corefile") == """
                Corefile: ok
                  dns  a.org.:1053 b.org.:53  on 127.0.0.1 lo: ready health errors
                  dns  .:53  on all addresses: nothing, every query is refused
                  http 127.0.0.1:1: /health /ready

                """)
    }
}
