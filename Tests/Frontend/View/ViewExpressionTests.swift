import Testing

@testable import Frontend

/// A query from 192.0.2.7 for x.v.example. TXT over TCP.
struct SketchedFacts: ExpressionFacts {
    var values: [ExpressionFact: ExpressionValue] = [
        .bufsize: .integer(1232), .recordClass: .string("IN"), .clientIP: .string("192.0.2.7"), .wantsDNSSEC: .boolean(true),
        .id: .integer(4711), .name: .string("x.v.example."), .opcode: .integer(0), .port: .string("5353"), .proto: .string("tcp"),
        .serverIP: .string("2001:db8::1"), .serverPort: .string("53"), .size: .integer(40), .type: .string("TXT"),
    ]

    func value(of fact: ExpressionFact) -> ExpressionValue { values[fact] ?? .null }
    func metadata(_ label: String) -> String { label == "kubernetes/client-namespace" ? "prod" : "" }
}

@Suite("View expressions")
struct ViewExpressionTests {
    private func holds(_ text: String) throws -> Bool {
        try ViewExpression(text).holds(for: SketchedFacts())
    }

    private func fault(_ text: String) -> String? {
        do {
            _ = try ViewExpression(text)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test(
        "conditions that hold",
        arguments: [
            "type() == 'TXT' || name() matches '^special[.]'", "proto() == 'tcp' && bufsize() > 600",
            "incidr(client_ip(), '192.0.2.0/24')", "incidr(server_ip(), '2001:DB8::/32')", "!incidr(server_ip(), '192.0.2.0/24')",
            "not incidr('::ffff:192.0.2.1', '10.0.0.0/8') and incidr('::ffff:10.1.1.1', '10.0.0.0/8')",
            "type() in ['A', \"TXT\"]", "type() not in ['A', 'AAAA']", "name() not matches '^y'", #"name() matches '^x\\.v'"#,
            "name() contains '.v.' and name() startsWith 'x' and name() endsWith 'example.'",
            "metadata('kubernetes/client-namespace') == 'prod'",
            "metadata('none') == ''", "do()", "do() ? true : false", "class() == 'IN' && opcode() == 0 && id() == 4711 && size() < 41",
            "port() == '5353' and server_port() == '53' and int(port()) > 5000", "1 + 2 * 3 == 7 and (1 + 2) * 3 == 9", "7 / 2 == 3.5",
            "2 ** 3 ** 2 == 512 and -2 ** 2 == -4", "7 % 4 == 3 and 10 - 3 - 2 == 5", "size() in 10..40 and 41 not in 10..40",
            "1 < 2 <= 2 < 3", "not (1 < 2 < 2)", "nil ?? true", "len('äb') == 2 and len([1, 2]) == 2",
            "lower('AB') == 'ab' and upper('ab') == 'AB'",
            "trim('  a ') == 'a' and trim('xax', 'x') == 'a' and trimPrefix('ab', 'a') == 'b' and trimSuffix('ab', 'b') == 'a'",
            "split(name(), '.')[0] == 'x' and split(name(), '.')[-1] == ''",
            "split('a.b.c', '.', 2) == ['a', 'b.c'] and split('ab', '') == ['a', 'b']",
            "join(['a', 'b'], '-') == 'a-b' and replace('a-b', '-', '.') == 'a.b' and repeat('ab', 2) == 'abab'",
            "indexOf('abab', 'b') == 1 and lastIndexOf('abab', 'b') == 3 and hasPrefix('ab', 'a') and hasSuffix('ab', 'b')",
            "any(['10.0.0.0/8', '192.0.2.0/24'], incidr(client_ip(), #))",
            "all([1, 2], {# > 0}) and none([1, 2], # > 2) and one([1, 2], # > 1)",
            "filter([1, 2, 3], # > 1) == [2, 3] and map([1, 2], # * 2) == [2, 4] and count([1, 2], # > 1) == 1 and find([1, 2], # > 1) == 2",
            "any([[1], [2]], any(#, # == 2))", "name()[0:1] == 'x' and [1, 2, 3][1:] == [2, 3] and 'abc'[:-1] == 'ab'",
            "max(1, 3, 2) == 3 and min(2, 1.5) == 1.5 and abs(-2) == 2 and first([1]) == 1 and last([1, 2]) == 2 and first([]) == nil",
            "string(12) == '12' and float('1.5') == 1.5", "name() | hasSuffix('example.')", "1_000 == 0x3e8 and 010 == 10 and .5 == 5e-1",
            "true /* yes */ // indeed", "'a' < 'b' and 'b' >= 'b'", "not false == true", "`a\\b` == 'a\\\\b'", "1..3 == [1, 2, 3]",
            "false ? 'a' : true", "(true ?: false)",
        ])
    func holding(text: String) throws { #expect(try holds(text)) }

    @Test(
        "conditions that do not, among them all that have no value",
        arguments: [
            "type() == 'A'", "name() == 'X.v.example.'", "incidr(client_ip(), '127.0.0.2/32')", "incidr(name(), '10.0.0.0/8')",
            "incidr(client_ip(), name())", "[1][5] == 1", "int('x') == 1", "1 % 0 == 1", "'é' == 'e\u{301}'", "len(repeat('a', 70000)) > 1",
            "len(1..1000000) > 1", "2 ** 0.5 > 1", "find([1], # > 1)", "-9223372036854775807 - 1 == 1",
        ])
    func notHolding(text: String) throws { #expect(try !holds(text)) }

    @Test("what an expression has as its value, and what stands behind a decision is not looked at")
    func values() throws {
        #expect(try holds("true || 1 % 0 == 1"))
        #expect(try !holds("false && 1 % 0 == 1"))
        #expect(throws: ExpressionError.tooManySteps) {
            try ViewExpression("any(1..400, any(1..400, # > 400))").value(for: SketchedFacts())
        }
    }

    @Test(
        "faults name the place and what was expected",
        arguments: [
            ("", "expected a value, found the end (at character 1)"),
            ("type()", "expected a condition, which is true or false, found a text (at character 1)"),
            ("type() == A", "unknown name 'A'; texts stand in single quotes: 'A' (at character 11)"),
            ("type == 'A'", "'type' is a function: write type() (at character 1)"),
            ("size() == '1'", "'==' cannot stand between a whole number and a text (at character 8)"),
            ("size() in ['a']", "'in' cannot stand between a whole number and a list (at character 8)"),
            ("name() in 'abc'", "'in' cannot stand between a text and a text (at character 8)"),
            ("size() && true", "expected conditions on both sides of '&&', found a whole number (at character 1)"),
            ("!size()", "expected a condition after 'not', found a whole number (at character 2)"),
            ("type() = 'A'", "expected an operator or the end, found '='; to compare write == (at character 8)"),
            ("(true", "expected ')' for the '(' that opens at character 1, found the end (at character 6)"),
            ("name() == 'a", "expected a closing ' for the text that opens here (at character 11)"),
            (#"name() matches 'a\.b'"#, #"unknown escape '\.'; a backslash itself is \\ (at character 18)"#),
            ("name() matches '('", "'(' is no regular expression: missing ): ( (at character 16)"),
            (
                "name() matches type()",
                "expected a regular expression in quotes after 'matches'; others are not supported (at character 16)"
            ),
            (
                "incidr(client_ip(), '10.0.0.0/33')",
                "expected an address block such as 10.0.0.0/8 or 2001:db8::/32, found '10.0.0.0/33' (at character 21)"
            ),
            ("incidr(client_ip())", "incidr() takes 2 values, found 1 (at character 1)"),
            ("type('x') == 'A'", "type() takes no values, found 1 (at character 1)"),
            ("len(1) == 1", "expected a text or a list as a value of len(), found a whole number (at character 5)"),
            ("# == 1", "'#' is the element at hand inside of any, all, filter and their like, and nothing elsewhere (at character 1)"),
            ("any(name(), # == 1)", "expected a list as the first value of any(), found a text (at character 5)"),
            ("all([1], #)", "expected a boolean as the condition of all(), found a whole number (at character 10)"),
            ("{a: 1} == 1", "maps are not supported (at character 1)"),
            ("let x = 1; true", "'let' is not supported; '? :' chooses between two values (at character 1)"),
            ("name().x", "members are not supported: a query has none (at character 7)"),
            ("true ?? false || true", "expected parentheses around '??' beside '||' (at character 15)"),
            ("99999999999999999999 == 1", "expected a number, found '99999999999999999999' (at character 1)"),
            ("a ~ b", "unexpected '~' (at character 3)"),
        ])
    func faults(text: String, message: String) { #expect(fault(text) == message) }

    @Test("unknown and refused functions are named with what there is")
    func functions() throws {
        #expect(
            try #require(fault("now() == 1")).hasPrefix("'now' of expr-lang is not supported; there are abs, all, any, bufsize, class, "))
        #expect(try #require(fault("nmae() == ''")).hasSuffix("; did you mean 'name'? (at character 1)"))
    }

    @Test("deep and long inputs are refused, long lists of alternatives are not")
    func bounds() throws {
        for open in ["(", "!", "-", "[", "len(", "any([1], "] {
            #expect(fault(String(repeating: open, count: 5000))?.contains("inside one another") == true)
        }
        #expect(fault(String(repeating: "1 + ", count: 5000) + "1 == 1")?.contains("shorter expression") == true)
        #expect(fault(String(repeating: " ", count: 70_000))?.contains("at most 65536 characters") == true)
        #expect(fault("true" + String(repeating: "||true", count: 10_000))?.contains("shorter expression") == true)
        let chain = (0..<2000).map { "name() == 'n\($0)'" }.joined(separator: " || ")
        #expect(try holds(chain + " || true"))
        #expect(try !holds(chain.replacing("||", with: "&&")))
    }
}
