import ProcessRuntime
import Testing

@testable import Collector

@Suite("Text forms of the metrics API")
struct TextFormsTests {
    @Test(
        "durations read and print as Go's",
        arguments: [
            ("15s", 15_000_000_000, "15s"), ("1m30s", 90_000_000_000, "1m30s"), ("90s", 90_000_000_000, "1m30s"),
            ("1h", 3_600_000_000_000, "1h0m0s"), ("1.5s", 1_500_000_000, "1.5s"), ("250ms", 250_000_000, "250ms"),
            ("15001ms", 15_001_000_000, "15.001s"), ("2us", 2000, "2µs"), ("7ns", 7, "7ns"), ("0", 0, "0s"),
            ("-3s", -3_000_000_000, "-3s"),
        ] as [(String, Int64, String)])
    func durations(text: String, nanoseconds: Int64, printed: String) {
        #expect(GoDuration(argument: text)?.nanoseconds == nanoseconds)
        #expect(GoDuration(nanoseconds: nanoseconds).description == printed)
    }

    @Test("what is no duration is refused", arguments: ["", "15", "s", "15 s", "1x", "-", "1s2", "9999999999h"])
    func noDurations(text: String) {
        #expect(GoDuration(argument: text) == nil)
    }

    @Test(
        "CPU is printed in the largest unit that holds it exactly",
        arguments: [
            (0, "0"), (1, "1n"), (999, "999n"), (1000, "1u"), (731_062_500, "731062500n"), (702_000_000, "702m"),
            (1_000_000_000, "1"), (2_500_000_000, "2500m"), (1_000_000_000_000, "1k"),
            (1_048_576_000_000_000, "1048576"),
        ] as [(UInt64, String)])
    func cores(nanos: UInt64, text: String) {
        #expect(QuantityText.cores(nanos: nanos) == text)
    }

    @Test(
        "memory is printed in binary units where they divide it",
        arguments: [
            (0, "0"), (1, "1"), (1000, "1k"), (1023, "1023"), (1024, "1Ki"), (1025, "1025"), (1_048_576, "1Mi"),
            (1_616_273_408, "1578392Ki"), (52_015_005, "52015005"), (1 << 30, "1Gi"), (3 << 40, "3Ti"),
        ] as [(UInt64, String)])
    func memory(bytes: UInt64, text: String) {
        #expect(QuantityText.memory(bytes: bytes) == text)
    }

    @Test(
        "YAML quotes what would read as something else",
        arguments: [
            ("web", "web"), ("15s", "15s"), ("1578392Ki", "1578392Ki"),
            ("metrics.k8s.io/v1beta1", "metrics.k8s.io/v1beta1"),
            ("", "\"\""), ("12", "\"12\""), ("1e3", "\"1e3\""), ("0x1f", "\"0x1f\""), ("true", "\"true\""),
            ("No", "\"No\""),
            ("null", "\"null\""), ("2026-11-23T03:25:15Z", "\"2026-11-23T03:25:15Z\""), ("-x", "\"-x\""),
            ("a b", "\"a b\""), ("1.5", "\"1.5\""), ("1_000", "\"1_000\""), ("0b1", "\"0b1\""), ("a: b", "\"a: b\""),
        ])
    func yaml(text: String, written: String) {
        #expect(
            String(decoding: JSONValue.members(["k": .string(text)]).yaml(), as: UTF8.self) == "k: \(written)\n")
    }
}

@Suite("Selectors")
struct SelectorTests {
    @Test(
        "field selectors select by name and namespace",
        arguments: [
            ("", true), ("metadata.name=a", true), ("metadata.name==b", false), ("metadata.name!=b", true),
            ("metadata.namespace=ns,metadata.name=a", true), ("metadata.namespace!=ns", false),
        ])
    func fieldSelectors(text: String, matches: Bool) throws {
        #expect(try FieldQuery(text).matches(name: "a", namespace: "ns") == matches)
    }

    @Test(
        "a field selector that cannot be read is refused in apimachinery's words",
        arguments: [
            ("status.phase=x", #""status.phase" is not a known field selector: only "metadata.name", "metadata.namespace""#),
            ("metadata.name", "invalid selector: 'metadata.name'; can't understand 'metadata.name'"),
            ("metadata.name=a=b", "invalid field selector: unescaped character in value: 61"),
            (#"metadata.name=a\b"#, #"invalid field selector: invalid escape sequence: \b"#),
            (#"metadata.name=a\"#, #"invalid field selector: invalid escape sequence: \"#),
            ("z=1,b", "invalid selector: 'z=1,b'; can't understand 'b'"),
        ])
    func unreadableFields(text: String, message: String) {
        #expect {
            try FieldQuery(text)
        } throws: { error in
            error as? Refusal == .badRequest(message)
        }
    }

    @Test("values of field selectors may have escapes, and nodes have no namespace")
    func fieldEscapes() throws {
        #expect(try FieldQuery(#"metadata.name=a\,b\=c\\"#).exactName == #"a,b=c\"#)
        #expect(try FieldQuery(#"metadata.name!=a\,b,metadata.name=c"#).exactName == "c")
        #expect(try FieldQuery("metadata.namespace=").matches(name: "n", namespace: ""))
        #expect(try !FieldQuery("metadata.namespace=x").matches(name: "n", namespace: ""))
    }

    @Test(
        "the form of an answer follows the Accept header",
        arguments: [
            ("", .json), ("*/*", .json), ("application/json", .json), ("application/yaml", .yaml), ("application/*", .json),
            ("application/vnd.kubernetes.protobuf,application/json", .protobuf), ("application/vnd.kubernetes.protobuf, */*", .protobuf),
            ("application/json;q=0.5, application/yaml", .yaml), ("text/html, */*;q=0.1", .json),
            ("*/*, application/yaml", .yaml), ("application/*,application/yaml", .yaml), ("application/yaml;q=0,*/*", .json),
            ("application/cbor, application/json;q=0.9", .json), ("application/cbor", nil),
            ("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", .table(.v1)),
            ("application/json;as=Table;v=v1beta1;g=meta.k8s.io", .table(.v1beta1)),
            ("application/json;as=Table;g=meta.k8s.io", nil),
            ("application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,application/json", .json),
            ("application/yaml;as=Table;v=v1;g=meta.k8s.io", AnswerFormat(encoding: .yaml, conversion: .table(.v1))),
            (
                "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
                AnswerFormat(encoding: .protobuf, conversion: .metadataList(.v1))
            ),
            ("application/json;as=Other;v=v1;g=meta.k8s.io,application/json", .json), ("text/html", nil),
            ("application/json;stream=watch", .json), ("application/json;stream=other", nil), ("application/json;sv=v1", nil),
            ("application/json;pretty=1", AnswerFormat(encoding: .json, isPretty: true)),
        ] as [(String, AnswerFormat?)])
    func formats(accept: String, format: AnswerFormat?) {
        #expect(AnswerFormat.negotiate(accept, for: .resource) == format)
    }
}
