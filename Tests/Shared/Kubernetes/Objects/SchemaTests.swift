import Testing

@testable import KubernetesObjects

@Suite struct SchemaTests {
    @Test("the resources are those of the captured cluster, with its paths and names")
    func resources() throws {
        let index = String(decoding: try ClusterFixtures.bytes("INDEX.tsv"), as: UTF8.self)
        let paths = index.split(separator: "\n").dropFirst().map { String($0.prefix { $0 != "\t" }) }
        #expect(Set(paths) == Set(Resource.all.map(\.listPath)) && Resource.all.count == 39)
        let core = String(decoding: try ClusterFixtures.bytes("api_v1.json"), as: UTF8.self)
        for resource in Resource.all {
            #expect(Resource.named(resource.plural) == resource)
            #expect(throws: Never.self) { try MessageSchema.of(resource) }
            if resource.group.isEmpty {
                #expect(
                    core.contains("\"kind\":\"\(resource.kind)\"") || core.contains("\"kind\": \"\(resource.kind)\""))
            }
        }
        #expect(Resource.named("nonsense") == nil)
        #expect(Resource.pods.path(namespace: "a", name: "b") == "/api/v1/namespaces/a/pods/b")
        #expect(Resource.nodes.path(namespace: "", name: "b") == "/api/v1/nodes/b")
    }

    @Test("two groups may share a plural: the first has it, the other is called by its group too")
    func sharedPlural() {
        let other = Resource(group: "events.example", version: "v1", plural: "pods", kind: "Pod", isNamespaced: true)
        let index = Resource.index([.pods, .nodes, other])
        #expect(index == ["pods": .pods, "nodes": .nodes, "pods.events.example": other])
    }

    @Test("no message contains itself, and each has its metadata where every object has it")
    func shapes() throws {
        for resource in Resource.all + Resource.reviewsAndMetrics {
            let schema = try MessageSchema.of(resource)
            #expect(schema.field(numbered: 1)?.name == "metadata")
            #expect(schema.field(numbered: 1)?.messageSchema.name == "meta.ObjectMeta")
            try expectTree(schema, above: [])
        }
    }

    private func expectTree(_ schema: MessageSchema, above: [String]) throws {
        try #require(!above.contains(schema.name), "\(above)")
        for field in schema.fields {
            #expect(schema.field(named: Array(field.name.utf8))?.number == field.number)
            #expect(schema.field(numbered: field.number)?.name == field.name)
            // The reader has no repeated numbers.
            if field.isRepeated { #expect(field.kind == .string || field.kind == .message) }
            if field.kind == .message { try expectTree(field.messageSchema, above: above + [schema.name]) }
        }
        #expect(schema.field(named: Array("nonsense".utf8)) == nil)
        #expect(schema.field(numbered: 12_345) == nil)
    }

    @Test("managed fields have no place in our schema")
    func managedFields() throws {
        #expect(MessageSchema.objectMeta.field(numbered: MetadataField.managedFields) == nil)
        for (number, name) in [
            (MetadataField.name, "name"), (MetadataField.namespace, "namespace"), (MetadataField.uid, "uid"),
            (MetadataField.resourceVersion, "resourceVersion"),
            (MetadataField.creationTimestamp, "creationTimestamp"),
            (MetadataField.deletionTimestamp, "deletionTimestamp"), (MetadataField.labels, "labels"),
            (MetadataField.annotations, "annotations"), (MetadataField.ownerReferences, "ownerReferences"),
        ] {
            #expect(MessageSchema.objectMeta.field(numbered: number)?.name == name)
        }
    }

    @Test("bytes made to waste memory are decoded within the limit of their arena")
    func wastefulBytes() {
        var status: [UInt8] = []
        // Two bytes each announce a structure of hundreds of bytes: container statuses, then statuses to be merged.
        for _ in 0..<200_000 { status.appendField(8, []) }
        var pod: [UInt8] = []
        pod.appendField(3, status)
        let small = EncodedObject(encoding: .protobuf, bytes: pod)
        #expect(throws: Never.self) { try small.read(as: Pod.self) { _ in } }
        var deep: [UInt8] = []
        for _ in 0..<400_000 { deep.append(contentsOf: [0x1a, 0x00]) }
        #expect(throws: Never.self) {
            try EncodedObject(encoding: .protobuf, bytes: deep).read(as: Pod.self) { _ in }
        }
    }

    @Test("a fault in protobuf names the field and the byte")
    func faults() throws {
        var metadata: [UInt8] = []
        metadata.appendField(1, varint: 5)
        var pod: [UInt8] = []
        pod.appendField(1, metadata)
        let error = #expect(throws: ObjectDecodingError.self) {
            try EncodedObject(encoding: .protobuf, bytes: pod).read(as: Pod.self) { _ in }
        }
        #expect(error?.field == "metadata.name" && error?.offset == 2 && error?.resource == "pods")
        #expect(error?.description.contains("metadata.name") == true)
    }
}
