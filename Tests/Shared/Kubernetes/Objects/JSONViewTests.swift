import Testing

@testable import KubernetesObjects

@Suite("JSON values and paths into them")
struct JSONViewTests {
    private static let object = #"""
         {"spec":{"replicas":3,"paused":false,"rate":2.5e1,"rules":[{"host":"a"},{"host":"b","ports":[80,443]}],"none":null},
        "metadata":{"labels":{"app.kubernetes.io/name":"web","n":"x\u00e9"},"name":"first","name":"second"},
        "status":{"conditions":[{"type":"Progressing","status":"False"},{"type":"Ready","status":"True","generation":7}]}}
        """#

    @Test(
        "a path names one value",
        arguments: [
            ("spec.replicas", "3"), ("spec.paused", "false"), ("spec.rate", "2.5e1"), ("spec.none", "null"),
            ("status.conditions[type=Ready].status", #""True""#), ("status.conditions[generation=7].type", #""Ready""#),
            ("status.conditions[type=\"Progressing\"].status", #""False""#),
            (#"metadata.labels["app.kubernetes.io/name"]"#, #""web""#), ("spec.rules[0].host", #""a""#),
            ("spec.rules[-1].ports[1]", "443"), ("spec.rules[host=b].ports", "[80,443]"), ("metadata.name", #""second""#),
        ])
    func found(path: String, text: String) throws {
        let view = try JSONView(Array(Self.object.utf8))
        #expect(String(decoding: try #require(view[JSONPath(path)]).text, as: UTF8.self) == text)
    }

    @Test(
        "a path that leads nowhere is nothing",
        arguments: [
            "spec.nothing", "spec.replicas.more", "spec.rules[2]", "spec.rules[-3]", "spec[0]", "spec.rules.host",
            "status.conditions[type=Done]", "spec.none.x", "[0]", "spec.rules[9223372036854775807]",
            "spec.rules[-9223372036854775808]",
        ])
    func missing(path: String) throws {
        #expect(try JSONView(Array(Self.object.utf8))[JSONPath(path)] == nil)
    }

    @Test(
        "a malformed path says where",
        arguments: [
            ("", 0), (".a", 0), ("[0]a", 3), ("a..b", 2), ("a.", 2), ("a[", 2), ("a[0", 3), ("a[b]", 3), ("a[\"b", 4), ("a[b=]", 4),
        ])
    func malformed(path: String, offset: Int) {
        let fault = #expect(throws: JSONPath.Fault.self) { try JSONPath(path) }
        #expect(fault?.offset == offset && fault?.description.contains(path) == true)
    }

    @Test("values are what they are and nothing else")
    func values() throws {
        let view = try JSONView(Array(Self.object.utf8))
        let spec = try #require(view["spec"])
        #expect(view.kind == .object && spec["rules"]?.kind == .array && spec["none"]?.kind == .null)
        #expect(spec["replicas"]?.integer == 3 && spec["replicas"]?.double == 3 && spec["replicas"]?.string == nil)
        #expect(spec["rate"]?.double == 25 && spec["rate"]?.integer == nil && spec["paused"]?.bool == false)
        #expect(spec["paused"]?.number == nil && spec["rules"]?.elements.count == 2 && spec.elements.isEmpty)
        #expect(view["metadata"]?["labels"]?.strings == ["app.kubernetes.io/name": "web", "n": "xé"])
        #expect(try JSONView(Array("9223372036854775808".utf8)).integer == nil)
        #expect(try JSONView(Array("1e400".utf8)).double == .infinity)
    }

    @Test("text that is not one value, too deep or too large is refused")
    func refused() throws {
        for text in ["", "{", "{} {}", "nul", #"{"a":}"#, String(repeating: "[", count: 200) + String(repeating: "]", count: 200)] {
            #expect(throws: ObjectDecodingError.self) { try JSONView(Array(text.utf8)) }
        }
        let deep = String(repeating: "[", count: 128) + String(repeating: "]", count: 128)
        #expect(throws: Never.self) { try JSONView(Array(deep.utf8)) }
        let large = [UInt8(ascii: "\"")] + Array(repeating: UInt8(ascii: "a"), count: JSONView.sizeLimit) + [UInt8(ascii: "\"")]
        #expect(throws: ObjectDecodingError.self) { try JSONView(large) }
    }

    @Test("every value of the captured objects is found by its path", arguments: [Resource.pods, .ingresses, .horizontalPodAutoscalers])
    func captured(resource: Resource) throws {
        for item in try ClusterFixtures.items(resource, .json).items.prefix(10) {
            let view = try JSONView(item.bytes)
            try expectAll(of: JSONTree(item.bytes), view, at: [])
        }
    }

    private func expectAll(of tree: JSONTree, _ root: JSONView, at path: [JSONPath.Step]) throws {
        let view = try #require(root[JSONPath(path)])
        switch tree {
        case .object(let members):
            #expect(view.kind == .object)
            for (key, value) in members { try expectAll(of: value, root, at: path + [.member(key)]) }
        case .array(let elements):
            #expect(view.elements.count == elements.count)
            for (index, value) in elements.enumerated() {
                try expectAll(of: value, root, at: path + [.element(index)])
                try expectAll(of: value, root, at: path + [.element(index - elements.count)])
            }
        case .scalar(let text): #expect(try JSONTree(Array(view.text)) == .scalar(text))
        }
    }
}
