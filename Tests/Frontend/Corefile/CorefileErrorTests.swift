import Testing

@testable import Frontend

/// Each fault with the whole text that an operator sees.
@Suite("Corefile errors")
struct CorefileErrorTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var text: String
        var error: String
        var files: [String: String] = [:]
        var testDescription: String { error }

        init(_ text: String, _ error: String, files: [String: String] = [:]) {
            self.text = text
            self.error = error
            self.files = files
        }
    }

    static let grammar: [Case] = [
        Case("a.org{\n errors\n}", "Corefile:1: expected a space before the '{' of 'a.org{'"),
        Case(". {\n health\n {\n }\n}", "Corefile:3: expected a directive or an option, found '{'"),
        Case(". {\n health {\n  lameduck 5s }\n}", "Corefile:3: expected '}' on a line of its own"),
        Case(". {\n errors\n} import x", "Corefile:3: expected the end of the line after '}', found 'import'"),
        Case(". {\n errors\n} b.org\n", "Corefile:3: expected the end of the line after '}', found 'b.org'"),
        Case("{\n}", "Corefile:1: expected a zone before '{', for example '. {' or 'example.org:53 {'"),
        Case("}", "Corefile:1: unexpected '}': no block is open here"),
        Case(
            ". {\n errors\n",
            "Corefile:1: expected a closing '}' for the block that opens here, found the end of the file"),
        Case(
            ". {\n ready {\n}",
            "Corefile:1: expected a closing '}' for the block that opens here, found the end of the file"),
        Case(". {\n errors }\n", "Corefile:2: expected '}' on a line of its own"),
        Case(". {\n errors\n} ready", "Corefile:3: expected the end of the line after '}', found 'ready'"),
        Case(". {\n {\n }\n}", "Corefile:2: expected a directive or an option, found '{'"),
        Case("a.org, {\n}", "Corefile:1: expected another zone after the comma, found '{'"),
        Case("a.org,\n", "Corefile:1: expected another zone after the comma, found the end of the file"),
        Case("a.org\nerrors\n}\n", "Corefile:3: unexpected '}': no block is open here"),
        Case(". {\n erors\n}", "Corefile:2: unknown directive 'erors'; did you mean 'errors'?"),
        Case(". {\n frobnicate\n}", "Corefile:2: unknown directive 'frobnicate'"),
        Case(". {\n forword . 192.0.2.1\n}", "Corefile:2: unknown directive 'forword'; did you mean 'forward'?"),
    ]

    static let zones: [Case] = [
        Case(
            "tls://a.org {\n}",
            "Corefile:1: the scheme 'tls://' of 'tls://a.org' is not built yet; this version serves dns:// (plain UDP and TCP)"
        ),
        Case(
            "a.org https://b.org {\n}",
            "Corefile:1: the scheme 'https://' of 'https://b.org' is not built yet; this version serves dns:// (plain UDP and TCP)"
        ),
        Case(
            "grpc://a.org {\n}",
            "Corefile:1: the scheme 'grpc://' of 'grpc://a.org' is not built yet; this version serves dns:// (plain UDP and TCP)"
        ),
        Case(
            "ftp://a.org {\n}",
            "Corefile:1: expected one of the schemes dns, tls, https, https3, quic, grpc, found 'ftp://' in 'ftp://a.org'"
        ),
        Case("a.org: {\n}", "Corefile:1: expected a port after the last ':' of 'a.org:'"),
        Case("a.org:65536 {\n}", "Corefile:1: expected a port from 1 to 65535 in 'a.org:65536'"),
        Case("a.org:dns {\n}", "Corefile:1: expected a domain name or a CIDR block, found 'a.org:dns'"),
        Case("a..org {\n}", "Corefile:1: expected a domain name or a CIDR block, found 'a..org'"),
        Case(
            "\(String(repeating: "a", count: 64)).org {\n}",
            "Corefile:1: expected a domain name or a CIDR block, found '\(String(repeating: "a", count: 64)).org'"),
        Case("10.0.0.0/33 {\n}", "Corefile:1: expected a prefix length from 0 to 32 in '10.0.0.0/33'"),
        Case("fd00::/x {\n}", "Corefile:1: expected a prefix length from 0 to 128 in 'fd00::/x'"),
        Case(
            "a.org a.org {\n}",
            "Corefile:1: cannot serve dns://a.org.:53 twice: it is already served by the block at Corefile:1"),
        Case(
            "a.org {\n}\nb.org A.ORG:53 {\n}",
            "Corefile:3: cannot serve dns://a.org.:53 twice: it is already served by the block at Corefile:1"),
        Case(
            "a.org {\n bind 127.0.0.1\n}\na.org {\n}",
            "Corefile:4: cannot serve dns://a.org.:53 twice: it is already served by the block at Corefile:1"),
        Case(
            "a.org {\n bind 127.0.0.1\n}\na.org {\n bind 127.0.0.2 127.0.0.1\n}",
            "Corefile:4: cannot serve dns://a.org.:53 twice: it is already served by the block at Corefile:1"),
    ]

    static let imports: [Case] = [
        Case(". {\n import\n}", "Corefile:2: import: expected one snippet name, file or pattern, found 0 words"),
        Case(". {\n import a b\n}", "Corefile:2: import: expected one snippet name, file or pattern, found 2 words"),
        Case(
            ". {\n import \"\"\n}", "Corefile:2: import: expected a snippet name, file or pattern, found an empty word"),
        Case(
            ". {\n import nope\n}",
            "Corefile:2: import: 'nope' is neither a snippet defined above this line nor a file that can be read (looked for nope)"
        ),
        Case(
            ". {\n import */*\n}",
            "Corefile:2: import: expected at most one '*' and one '?' and no '[…]' in a pattern, found '*/*'"),
        Case(
            ". {\n import [ab]\n}",
            "Corefile:2: import: expected at most one '*' and one '?' and no '[…]' in a pattern, found '[ab]'"),
        Case(
            ". {\n import late\n}\n(late) {\n errors\n}",
            "Corefile:2: import: 'late' is neither a snippet defined above this line nor a file that can be read (looked for late)"),
        Case(
            "(a) {\n import a\n}\n. {\n import a\n}",
            "Corefile:2: import: more than 10000 imports; does 'a' import itself?"),
        Case("import a\n", "a:1: import: more than 10000 imports; does 'a' import itself?", files: ["a": "import a"]),
        Case("(a) {\n}\n(a) {\n}", "Corefile:3: the snippet 'a' is already defined at Corefile:1"),
        Case("(a)\nerrors\n", "Corefile:2: expected '{' after the snippet '(a)', found 'errors'"),
        Case("(a)", "Corefile:1: expected '{' after the snippet '(a)', found the end of the file"),
        Case(
            "(a) {\n errors\n",
            "Corefile:1: expected a closing '}' for the block that opens here, found the end of the file"),
        Case(
            "import a\n", "b:1: import: more than 10000 imports; does 'a' import itself?",
            files: ["a": "import b", "b": "import a"]),
        Case(". {\n import part\n}", "part:2: unknown directive 'nope'", files: ["part": "errors\nnope"]),
    ]

    static let directives: [Case] = [
        Case(
            ". {\n errors\n errors\n}",
            "Corefile:3: errors: expected once in a server block, already given at Corefile:2"),
        Case(". {\n errors loud\n}", "Corefile:2: errors: expected 'stdout' or nothing, found 'loud'"),
        Case(
            ". {\n errors {\n  stacktrase\n }\n}",
            "Corefile:3: errors: unknown option 'stacktrase': there are stacktrace, consolidate; did you mean 'stacktrace'?"
        ),
        Case(
            ". {\n errors {\n  stacktrace on\n }\n}",
            "Corefile:3: errors: stacktrace: expected nothing after it, found 1; usage: stacktrace"),
        Case(
            ". {\n errors {\n  consolidate 5 .*\n }\n}",
            "Corefile:3: errors: consolidate: expected a duration from 1ms to 24h, like 5s or 1m30s, found '5'"),
        Case(
            ". {\n errors {\n  consolidate 5m (\n }\n}",
            "Corefile:3: errors: consolidate: expected a regular expression, found '(': missing ): ("),
        Case(
            ". {\n errors {\n  consolidate 5m x loud\n }\n}",
            "Corefile:3: errors: consolidate: expected a level (error, warning, info, debug) and then 'show_first', found 'loud'"
        ),
        Case(". {\n ready 8181\n}", "Corefile:2: ready: expected HOST:PORT or :PORT, found '8181'"),
        Case(
            ". {\n ready a:1 b:2\n}",
            "Corefile:2: ready: expected 0 to 1 words after it, found 2; usage: ready [ADDRESS]"),
        Case(
            ". {\n ready {\n  monitor untilready\n }\n}",
            "Corefile:3: ready: monitor: expected one of until-ready, continuously, found 'untilready'; did you mean 'until-ready'?"
        ),
        Case(
            ". {\n health {\n  lameduck five\n }\n}",
            "Corefile:3: health: lameduck: expected a duration from 0s to 1h, like 5s or 1m30s, found 'five'"),
        Case(
            ". {\n health {\n  lameduck 5s {\n  }\n }\n}",
            "Corefile:3: health: lameduck: expected no '{' here; usage: lameduck DURATION"),
        Case(
            ". {\n prometheus {\n  tls x\n }\n}",
            "Corefile:3: prometheus: tls: this option is not built yet; remove the line to go on without it"),
        Case(
            ". {\n bind\n}",
            "Corefile:2: bind: expected at least 1 word after it, found 0; usage: bind ADDRESS|INTERFACE..."),
        Case(
            ". {\n bind 127.0.0.1/8\n}",
            "Corefile:2: bind: expected an IP address or an interface's name, found '127.0.0.1/8'"),
        Case(
            ". {\n hosts {\n  ttl 0\n }\n}",
            "Corefile:3: hosts: ttl: expected a whole number from 1 to 65535, found '0'"),
        Case(
            ". {\n hosts {\n  ttl\n }\n}",
            "Corefile:3: hosts: ttl: expected 1 word after it, found 0; usage: ttl SECONDS"),
        Case(
            ". {\n hosts {\n  falthrough\n }\n}",
            "Corefile:3: hosts: expected an option (ttl, no_reverse, reload, fallthrough) or an entry 'ADDRESS NAMES...', found 'falthrough'; did you mean 'fallthrough'?"
        ),
        Case(
            ". {\n hosts {\n  fallthrough\n  192.0.2.1 a.org\n }\n}",
            "Corefile:4: hosts: expected entries before 'fallthrough', found '192.0.2.1' after it"),
        Case(
            ". {\n forward .\n}",
            "Corefile:2: forward: expected at least 2 words after it, found 1; usage: forward FROM TO..."),
        Case(
            ". {\n forward . example.org\n}",
            "Corefile:2: forward: expected an upstream such as 192.0.2.1, 192.0.2.1:53, [2001:db8::1]:53, tls://192.0.2.1 or /etc/resolv.conf, found 'example.org'"
        ),
        Case(
            ". {\n forward . \((1...16).map { "192.0.2.\($0)" }.joined(separator: " "))\n}",
            "Corefile:2: forward: expected at most 15 upstreams, found 16"),
        Case(
            ". {\n forward . 192.0.2.1 {\n  policy randomly\n }\n}",
            "Corefile:3: forward: policy: expected one of random, round_robin, sequential, found 'randomly'; did you mean 'random'?"
        ),
        Case(
            ". {\n forward . 192.0.2.1 {\n  next LATER\n }\n}",
            "Corefile:3: forward: next: expected response codes (NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, NOTIMPL, REFUSED, YXDOMAIN, YXRRSET, NXRRSET, NOTAUTH, NOTZONE, BADSIG, BADVERS, BADKEY, BADTIME, BADMODE, BADNAME, BADALG, BADTRUNC, BADCOOKIE), found 'LATER'"
        ),
        Case(
            ". {\n forward . 192.0.2.1 {\n  failover NOERROR\n }\n}",
            "Corefile:3: forward: failover: expected response codes other than NOERROR"),
        Case(
            ". {\n forward . 192.0.2.1 {\n  health_check 1s domain\n }\n}",
            "Corefile:3: forward: health_check: expected a domain name after 'domain'"),
        Case(
            ". {\n forward . 192.0.2.1 {\n  max_fails -1\n }\n}",
            "Corefile:3: forward: max_fails: expected a whole number from 0, found '-1'"),
    ]

    @Test("a fault is said with file, line and what was expected", arguments: grammar + zones + imports + directives)
    func text(example: Case) {
        let error = #expect(throws: CorefileError.self) { try parse(example.text, files: example.files) }
        #expect(error?.description == example.error)
    }
}
