import Testing

@testable import KubernetesObjects

@Suite("Views of objects")
struct ViewTests {
    /// What the transcoder writes of the same message, by walking its schema.
    private func expectAgreement(_ object: EncodedObject, _ resource: Resource) throws {
        let view = try viewTree(object, resource)
        let protobuf =
            switch object.encoding {
            case .protobuf: object.bytes
            case .json: try ObjectTranscoder.protobuf(fromJSON: object.bytes, resource: resource)
            }
        let text = try JSONTree(ProtobufToJSON.convert(protobuf, .of(resource))).withAmounts(of: view)
        // A view reads an absent message that Kubernetes holds by value as an empty one.
        #expect(text.difference(from: view, allowingMissingEmptyObjects: true) == nil)
    }

    @Test("every resource has one")
    func complete() {
        #expect(Set(viewTrees.keys) == Set(Resource.all))
    }

    @Test("say of each captured object what its JSON says, from either encoding", arguments: Resource.all)
    func captured(resource: Resource) throws {
        for encoding in [ObjectEncoding.json, .protobuf] {
            let items = try ClusterFixtures.items(resource, encoding).items
            #expect(!items.isEmpty)
            for item in items { try expectAgreement(item, resource) }
        }
    }

    @Test("read every field from its place: each field of each kind is set to a value of its own", arguments: Resource.all)
    func everyField(resource: Resource) throws {
        var filler = FieldFiller()
        let bytes = filler.message(try .of(resource))
        #expect(filler.fields >= 10 || ![Resource.pods, .nodes, .services].contains(resource))
        try expectAgreement(EncodedObject(encoding: .protobuf, bytes: bytes), resource)
        // And where everything is absent.
        try expectAgreement(EncodedObject(encoding: .protobuf, bytes: []), resource)
        try expectAgreement(EncodedObject(encoding: .json, bytes: Array("{}".utf8)), resource)
    }

    @Test("metadata alone are read of objects of any kind, from either encoding", arguments: Resource.all)
    func metadataAlone(resource: Resource) throws {
        for encoding in [ObjectEncoding.json, .protobuf] {
            for item in try ClusterFixtures.items(resource, encoding).items {
                let identity = try ObjectIdentity(item)
                try item.readMetadata { metadata in
                    #expect(metadata.name == identity.name && metadata.namespace == identity.namespace && metadata.uid == identity.uid)
                }
            }
        }
    }

    @Test("an object without metadata, or with some that cannot be read, has none to read")
    func noMetadata() {
        let json = EncodedObject(encoding: .json, bytes: Array(#"{"spec":{}}"#.utf8))
        let objects =
            [json]
            + [[], [0xff], [0x0a, 0x05, 0x0a], [0x12, 0x00], [0x0a, 0x02, 0x0a, 0x7f]].map { EncodedObject(encoding: .protobuf, bytes: $0) }
        for object in objects { #expect(throws: ObjectDecodingError.self) { try object.readMetadata { _ in } } }
    }

    @Test("texts compare as bytes, and are repaired only when copied")
    func texts() throws {
        try pod(#"{"metadata":{"name":"naïve","labels":{"a":"1","b":"2"}},"spec":{"nodeName":"ab"}}"#) { pod in
            let node = pod.spec.nodeName
            #expect(node == "ab" && node != "a" && node != "abc" && node != "" && node != "ab\0")
            #expect(node.hasPrefix("a") && node.hasPrefix("") && node.hasPrefix("ab") && !node.hasPrefix("abc"))
            #expect(node == pod.spec.nodeName && node != pod.metadata.name && node.utf8.count == 2)
            #expect(pod.metadata.name == "naïve" && pod.metadata.name.utf8.count == 6)
            #expect(pod.metadata.labels["b"] == "2" && pod.metadata.labels["c"] == nil)
            #expect(pod.spec.hostname.isEmpty && pod.spec.hostname == "" && pod.spec.runtimeClassName == nil)
            #expect(pod.spec.runtimeClassName.orEmpty == "" && pod.spec.runtimeClassName.string == nil)
        }
        var metadata: [UInt8] = []
        metadata.appendField(1, [0x61, 0xff, 0x62])
        var object: [UInt8] = []
        object.appendField(1, metadata)
        try EncodedObject(encoding: .protobuf, bytes: object).read(as: Pod.self) { pod in
            #expect(pod.metadata.name.string == "a\u{fffd}b" && pod.metadata.name.utf8[1] == 0xff)
        }
    }

    @Test("of two pairs with one key the later holds")
    func repeatedKeys() throws {
        var metadata: [UInt8] = []
        for value in ["1", "2"] {
            var pair: [UInt8] = []
            pair.appendField(1, Array("k".utf8))
            pair.appendField(2, Array(value.utf8))
            metadata.appendField(11, pair)
        }
        var object: [UInt8] = []
        object.appendField(1, metadata)
        try EncodedObject(encoding: .protobuf, bytes: object).read(as: Pod.self) { pod in
            #expect(pod.metadata.labels["k"] == "2" && pod.metadata.labels.dictionary() == ["k": "2"])
        }
    }

    @Test("times and amounts that Kubernetes could not have written read as absent")
    func impossibleValues() throws {
        var time: [UInt8] = []
        time.appendField(1, varint: 5)
        time.appendField(2, varint: 1_000_000_000)
        var metadata: [UInt8] = []
        metadata.appendField(8, time)
        var quantity: [UInt8] = []
        quantity.appendField(1, Array("much".utf8))
        var pairs: [UInt8] = []
        for value in [quantity, nil] {
            var pair: [UInt8] = []
            pair.appendField(1, Array((value == nil ? "none" : "bad").utf8))
            if let value { pair.appendField(2, value) }
            pairs.appendField(1, pair)
        }
        var object: [UInt8] = []
        object.appendField(1, metadata)
        object.appendField(3, pairs)
        try EncodedObject(encoding: .protobuf, bytes: object).read(as: Node.self) { node in
            #expect(node.metadata.creationTimestamp == nil)
            #expect(node.status.capacity["bad"] == nil && node.status.capacity["none"] == .zero)
            #expect(node.status.capacity.dictionary == ["none": .zero])
        }
    }

    private func pod(_ json: String, _ body: (Pod) -> Void) throws {
        try EncodedObject(encoding: .json, bytes: Array(json.utf8)).read(as: Pod.self, body)
    }
}

/// Writes a message in which every field is set, each to another value.
private struct FieldFiller {
    private(set) var fields = 0

    mutating func message(_ schema: MessageSchema) -> [UInt8] {
        switch schema.jsonForm {
        case .time:
            var time: [UInt8] = []
            time.appendField(1, varint: next())
            time.appendField(2, varint: next() * 1000)
            return time
        case .quantity:
            var quantity: [UInt8] = []
            quantity.appendField(1, Array("\(next())m".utf8))
            return quantity
        case .intOrString:
            var value: [UInt8] = []
            value.appendField(1, varint: next() % 2)
            value.appendField(2, varint: next())
            value.appendField(3, Array("\(next())%".utf8))
            return value
        case .object, .duration, .stringList, .raw: break
        }
        var message: [UInt8] = []
        for field in schema.fields {
            for _ in 0..<(field.isRepeated ? 2 : 1) { value(field, &message) }
        }
        return message
    }

    private mutating func value(_ field: FieldSchema, _ message: inout [UInt8]) {
        switch field.kind {
        case .int32, .int64: message.appendField(field.number, varint: next())
        case .bool: message.appendField(field.number, varint: next() % 2)
        case .string, .bytes: message.appendField(field.number, Array("value \(next())".utf8))
        case .message: message.appendField(field.number, self.message(field.messageSchema))
        }
    }

    private mutating func next() -> UInt64 {
        fields += 1
        return UInt64(fields)
    }
}
