import MizzenSystem
import Testing

@testable import KubernetesObjects

@Suite struct ObjectEncodingTests {
    static let expectedCounts: [String: Int] = [
        "configmaps": 27, "endpoints": 39, "pods": 59, "services": 52, "endpointslices": 69, "nodes": 4,
        "namespaces": 8, "deployments": 9, "clusterroles": 72,
    ]

    @Test("each captured list has the same items and metadata in either encoding", arguments: Resource.all)
    func sameItems(resource: Resource) throws {
        let json = try ClusterFixtures.items(resource, .json)
        let protobuf = try ClusterFixtures.items(resource, .protobuf)
        #expect(json.metadata.resourceVersion == protobuf.metadata.resourceVersion || resource == .leases)
        #expect(!json.metadata.resourceVersion.isEmpty && json.metadata.continueToken.isEmpty)
        #expect(json.items.count == protobuf.items.count && !json.items.isEmpty)
        if let count = Self.expectedCounts[resource.plural] { #expect(json.items.count == count) }
        for (json, protobuf) in zip(json.items, protobuf.items) {
            #expect(try ObjectIdentity(json) == ObjectIdentity(protobuf))
        }
    }

    @Test("JSON turned into protobuf decodes to what the server's protobuf decodes to", arguments: Resource.all)
    func transcoding(resource: Resource) throws {
        let json = try ClusterFixtures.items(resource, .json).items
        let protobuf = try ClusterFixtures.items(resource, .protobuf).items
        #expect(json.count == protobuf.count)
        for (json, protobuf) in zip(json, protobuf) {
            let transcoded = try ObjectTranscoder.protobuf(fromJSON: json.bytes, resource: resource)
            let ours = try JSONTree(ObjectTranscoder.json(fromProtobuf: transcoded, resource: resource))
            let theirs = try JSONTree(ObjectTranscoder.json(fromProtobuf: protobuf.bytes, resource: resource))
            // Kubernetes writes structures that it holds by value even when they are empty; JSON may lack them.
            let difference = ours.difference(from: theirs, allowingMissingEmptyObjects: true)
            #expect(difference == nil)
            // And the text that we make of protobuf reads as the same message again.
            let again = try ObjectTranscoder.protobuf(
                fromJSON: ObjectTranscoder.json(fromProtobuf: protobuf.bytes, resource: resource), resource: resource)
            let round = try JSONTree(ObjectTranscoder.json(fromProtobuf: again, resource: resource))
            #expect(round.difference(from: theirs, allowingMissingEmptyObjects: false) == nil)
        }
    }

    @Test("what comes out of our schema is in the server's JSON, value for value", arguments: Resource.all)
    func noInventedValues(resource: Resource) throws {
        let json = try ClusterFixtures.items(resource, .json).items
        for json in json {
            let transcoded = try ObjectTranscoder.protobuf(fromJSON: json.bytes, resource: resource)
            let ours = try JSONTree(ProtobufToJSON.convert(transcoded, .of(resource)))
            #expect(ours.firstMissing(from: try JSONTree(json.bytes)) == nil)
        }
    }

    @Test("reviews and metrics pass through the transcoder")
    func reviewsAndMetrics() throws {
        let cases: [(Resource, String)] = [
            (
                .tokenReviews,
                #"{"spec":{"token":"t","audiences":["a"]},"status":{"authenticated":true,"user":{"username":"u","groups":["g"],"extra":{"k":["v","w"]}}}}"#
            ),
            (
                .subjectAccessReviews,
                #"{"spec":{"resourceAttributes":{"namespace":"n","verb":"get","group":"g","resource":"r"},"user":"u"},"status":{"allowed":true}}"#
            ),
            (
                .nodeMetrics,
                #"{"metadata":{"name":"n"},"timestamp":"2026-01-01T00:00:00Z","window":"10.05s","usage":{"cpu":"1"}}"#
            ),
            (
                .podMetrics,
                #"{"metadata":{"name":"p"},"timestamp":"2026-01-01T00:00:00Z","window":"1m0s","containers":[{"name":"c","usage":{"cpu":"10n","memory":"4Ki"}}]}"#
            ),
        ]
        for (resource, json) in cases {
            let text = Array(json.utf8)
            let protobuf = try ObjectTranscoder.protobuf(fromJSON: text, resource: resource)
            let again = try JSONTree(ProtobufToJSON.convert(protobuf, .of(resource)))
            #expect(again.difference(from: try JSONTree(text), allowingMissingEmptyObjects: false) == nil)
        }
    }

    @Test("a list decodes the same however it is cut", arguments: [ObjectEncoding.json, .protobuf])
    func cutLists(encoding: ObjectEncoding) throws {
        var random = SeededRandom(seed: 7)
        for resource in [Resource.limitRanges, .endpointSlices, .secrets, .pods] {
            let body = try ClusterFixtures.list(resource, encoding)
            let whole = try ClusterFixtures.split(body, encoding, resource, pieces: [])
            for _ in 0..<20 {
                let pieces = (0..<Int.random(in: 1...40, using: &random)).map { _ in
                    Int.random(in: 0...body.count, using: &random)
                }
                let cut = try ClusterFixtures.split(body, encoding, resource, pieces: pieces.sorted())
                #expect(cut.items == whole.items && cut.metadata == whole.metadata)
            }
        }
        let body = try ClusterFixtures.list(.namespaces, encoding)
        let whole = try ClusterFixtures.split(body, encoding, .namespaces, pieces: [])
        let bytewise = try ClusterFixtures.split(body, encoding, .namespaces, pieces: Array(1..<body.count))
        #expect(bytewise.items == whole.items && bytewise.metadata == whole.metadata)
        for cut in 0...body.count {
            let halves = try ClusterFixtures.split(body, encoding, .namespaces, pieces: [cut])
            #expect(halves.items == whole.items)
        }
    }

    @Test("a list that ends too early is an error inside its bytes", arguments: [ObjectEncoding.json, .protobuf])
    func truncatedLists(encoding: ObjectEncoding) throws {
        let body = try ClusterFixtures.list(.limitRanges, encoding)
        // What a list may lack: the line feed after the captured JSON, the two empty fields at the envelope's end.
        let end = encoding == .json ? body.lastIndex(of: UInt8(ascii: "}")) ?? 0 : body.count - 4
        for length in 0..<end {
            let error = #expect(throws: ObjectDecodingError.self) {
                try ClusterFixtures.split(Array(body[..<length]), encoding, .limitRanges, pieces: [])
            }
            if let error { #expect(error.offset >= 0 && error.offset <= length && error.resource == "limitranges") }
        }
    }

    @Test("a list of another kind is refused", arguments: [ObjectEncoding.json, .protobuf])
    func wrongKind(encoding: ObjectEncoding) throws {
        let body = try ClusterFixtures.list(.services, encoding)
        let error = #expect(throws: ObjectDecodingError.self) {
            try ClusterFixtures.split(body, encoding, .pods, pieces: [])
        }
        #expect(error?.field == "kind" && error?.resource == "pods")
    }

    @Test("metadata after the items, spaces, unknown keys and null items are all a list")
    func looseList() throws {
        let text =
            #" { "items" : [ {"a":"]}\"" } , {} ] , "other": [1,{"b":2}], "metadata":{"resourceVersion":"7","continue":"c"} } "#
        let loose = try ClusterFixtures.split(Array(text.utf8), .json, .pods, pieces: Array(1..<text.utf8.count))
        #expect(loose.items.map { String(decoding: $0.bytes, as: UTF8.self) } == [#"{"a":"]}\"" }"#, "{}"])
        #expect(loose.metadata == ListMetadata(resourceVersion: "7", continueToken: "c"))
        let empty = Array(#"{"metadata":{"resourceVersion":"9","remainingItemCount":4},"items":null}"#.utf8)
        let none = try ClusterFixtures.split(empty, .json, .pods, pieces: [])
        #expect(none.items.isEmpty && none.metadata.remainingItemCount == 4)
    }

    @Test("a list made here is read back item for item")
    func madeList() throws {
        let captured = try ClusterFixtures.items(.services, .protobuf)
        let metadata = ListMetadata(resourceVersion: "12", continueToken: "next", remainingItemCount: 3)
        let body = ProtobufEnvelope.list(captured.items.map(\.bytes), metadata: metadata, resource: .services)
        let again = try ClusterFixtures.split(body, .protobuf, .services, pieces: [100, 5000])
        #expect(again.items == captured.items && again.metadata == metadata)
    }
}
