import KubernetesObjects
import Testing

@testable import Exporter

@Suite struct ValuePathTests {
    static let object = """
        {"spec": {"replicas": 3, "paused": false, "nothing": null, "a.b/c": "dotted", "k=v": "whole", "k": "w", "mode": "fast",
          "order": [{"id": 1, "value": 5}, {"id": 3, "value": 6, "on": true}, {"id": "x", "value": 7, "on": "yes"}],
          "zones": ["eu-1", "eu-2"]},
         "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Odd", "status": "Unknown"}, 7, {"n": "2026-01-02T03:04:05Z"}]}}
        """

    private func found(_ path: [String]) throws -> String? {
        try ValuePath(path).value(in: ObjectValue(JSONView(Array(Self.object.utf8))))?.labelText
    }

    @Test(
        "a path leads through maps, lists, indices and matches",
        arguments: [
            (["spec", "replicas"], "3"), (["spec", "a.b/c"], "dotted"), (["spec", "zones", "0"], "eu-1"),
            (["spec", "zones", "-1"], "eu-2"), (["spec", "zones", "+1"], "eu-2"), (["spec", "order", "1", "value"], "6"),
            (["spec", "order", "-3", "value"], "5"), (["spec", "order", "[id=3]", "value"], "6"),
            (["spec", "order", "[id=x]", "value"], "7"), (["spec", "order", "[on=true]", "value"], "6"),
            (["spec", "order", "[value=7.0]", "id"], "x"), (["spec", "order", "[value=7000m]", "id"], "x"),
            (["status", "conditions", "[type=Ready]", "status"], "True"),
            // Conditions are compared as the numbers that they become: Unknown is 0, as False is.
            (["status", "conditions", "[status=False]", "type"], "Odd"), (["status", "conditions", "[status=yes]", "type"], "Ready"),
            (["status", "conditions", "[n=2026-01-02T04:04:05+01:00]", "n"], "2026-01-02T03:04:05Z"),
            (["spec", "mode=fast"], "fast"), (["spec", "k=v"], "whole"), (["spec", "k=w"], "w"), (["spec", "paused"], "false"),
        ] as [([String], String)])
    func leads(path: [String], text: String) throws {
        #expect(try found(path) == text)
    }

    @Test(
        "a path that leads nowhere, or to null, has no value",
        arguments: [
            ["spec", "nowhere"], ["spec", "nothing"], ["spec", "nothing", "more"], ["spec", "replicas", "0"], ["spec", "zones", "2"],
            ["spec", "zones", "-3"], ["spec", "zones", "x"], ["spec", "zones", "99999999999999999999"],
            ["spec", "zones", "-9223372036854775808"],
            ["spec", "order", "[id=9]", "value"], ["spec", "[id=1]"], ["spec", "mode=slow"], ["status", "conditions", "[type=]"],
        ])
    func nowhere(path: [String]) throws {
        #expect(try found(path) == nil)
    }

    @Test("an empty path is the value itself")
    func empty() throws {
        #expect(ValuePath.empty.value(in: .integer(4)) == .integer(4))
        #expect(ValuePath.empty.value(in: .null) == nil)
    }

    @Test("brackets without an equals sign are no element, and say so", arguments: ["[]", "[type]"])
    func brackets(element: String) {
        #expect(throws: ValuePath.Fault.self) { try ValuePath(["status", element]) }
    }

    @Test("a label shows maps, lists, numbers and null as Go prints them")
    func labels() throws {
        let json = #"{"m": {"b": 1, "a": {"x": null}}, "l": ["p", 2, true, 1.5, 2e6, 12345678901234567890]}"#
        let value = try ObjectValue(JSONView(Array(json.utf8)))
        #expect(value["m"]?.labelText == "map[a:map[x:<nil>] b:1]")
        #expect(value["l"]?.labelText == "[p 2 true 1.5 2e+06 1.2345678901234567e+19]")
    }

    @Test("of two members with one key the later counts")
    func duplicates() throws {
        #expect(try ObjectValue(JSONView(Array(#"{"a": 1, "b": 0, "a": 2}"#.utf8)))["a"] == .integer(2))
    }
}
