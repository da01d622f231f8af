import Testing

@testable import KubernetesObjects

@Suite struct PodAddressingTests {
    private func expectSame(_ object: EncodedObject) throws {
        let short = try PodAddressing(object)
        try object.read(as: Pod.self) { pod in
            #expect(
                short.namespace == pod.metadata.namespace.string && short.name == pod.metadata.name.string
                    && short.uid == pod.metadata.uid.string)
            #expect(
                short.labels == pod.metadata.labels.dictionary() && short.isDeleted == (pod.metadata.deletionTimestamp != nil))
            #expect(short.nodeName == pod.spec.nodeName.string && short.isHostNetwork == pod.spec.hostNetwork)
            #expect(short.phase == pod.status.phase.string && short.podIP == pod.status.podIP.string)
            #expect(short.podIPs == pod.status.podIPs.map { $0.ip.string })
            #expect(short.isReady == (pod.status.conditions.contains { $0.type == "Ready" && $0.status == "True" }))
        }
    }

    @Test("what is read in place of a captured pod is what the whole pod says", arguments: [ObjectEncoding.json, .protobuf])
    func captured(encoding: ObjectEncoding) throws {
        let items = try ClusterFixtures.items(.pods, encoding).items
        var (hosts, addresses, labels, ready) = (0, 0, 0, 0)
        for item in items {
            try expectSame(item)
            try expectSame(item.publishable(as: .pods))
            let short = try PodAddressing(item)
            hosts += short.isHostNetwork ? 1 : 0
            addresses += short.podIPs.count
            labels += short.labels.count
            ready += short.isReady ? 1 : 0
        }
        // Otherwise the comparison was of nothing with nothing.
        #expect(hosts > 0 && addresses > hosts && labels > 0 && ready > 0 && ready < items.count)
    }

    @Test("a pod that is being deleted says so, one without a time of deletion does not", arguments: [#""2024-01-01T00:00:00Z""#, "null"])
    func deletion(time: String) throws {
        let text =
            #"{"metadata":{"name":"p","namespace":"n","uid":"u","labels":{"a":"b"},"deletionTimestamp":\#(time)},"status":{"phase":"Running","podIP":"10.0.0.1"}}"#
        let json = EncodedObject(encoding: .json, bytes: Array(text.utf8))
        try expectSame(json)
        try expectSame(
            EncodedObject(encoding: .protobuf, bytes: try ObjectTranscoder.protobuf(fromJSON: json.bytes, resource: .pods)))
        #expect(try PodAddressing(json).isDeleted == (time != "null"))
    }

    @Test("what comes later in a message counts, as for every reader of protobuf")
    func repetition() throws {
        let item = try #require(try ClusterFixtures.items(.pods, .protobuf).items.first)
        var metadata: [UInt8] = []
        metadata.appendField(MetadataField.name, Array("another".utf8))
        var bytes = item.bytes
        bytes.appendField(MetadataField.inObject, metadata)
        let object = EncodedObject(encoding: .protobuf, bytes: bytes)
        try expectSame(object)
        #expect(try PodAddressing(object).name == "another")
    }
}
