import Foundation
import MizzenSystem
import Testing

@testable import KubernetesObjects

@Suite struct PublishableTests {
    static let encodings: [ObjectEncoding] = [.json, .protobuf]

    static func contains(_ bytes: [UInt8], _ text: String) -> Bool {
        Data(bytes).range(of: Data(text.utf8)) != nil
    }

    /// The fixtures' canary as it is and in Base64, whose letters depend on where in a group of three it begins.
    static let canaries: [String] =
        ["TOP-SECRET-VALUE"]
        + (0..<3).map { shift in
            let letters = Base64.encode(
                Array(repeating: UInt8(ascii: " "), count: shift) + Array("TOP-SECRET-VALUE".utf8))
            return String(decoding: letters.dropFirst(shift == 0 ? 0 : 4).dropLast(4), as: UTF8.self)
        }

    @Test("no managed fields and no secret leave the watcher", arguments: Resource.all)
    func nothingLeaks(resource: Resource) throws {
        var seen = 0
        for encoding in Self.encodings {
            for item in try ClusterFixtures.items(resource, encoding).items {
                if Self.canaries.contains(where: { Self.contains(item.bytes, $0) }) { seen += 1 }
                let published = try item.publishable(as: resource)
                for canary in Self.canaries { #expect(!Self.contains(published.bytes, canary)) }
                #expect(!Self.contains(published.bytes, "managedFields") && !Self.contains(published.bytes, "fieldsV1"))
                #expect(!Self.contains(published.bytes, "FieldsV1"))
                #expect(try ObjectIdentity(published) == ObjectIdentity(item))
                #expect(try published.publishable(as: resource) == published)
            }
        }
        // Otherwise this test proves nothing.
        if resource == .secrets { #expect(seen > 0) }
    }

    @Test("all but managed fields is kept", arguments: encodings)
    func valuesSurvive(encoding: ObjectEncoding) throws {
        for item in try ClusterFixtures.items(.pods, encoding).items {
            let published = try item.publishable(as: .pods)
            #expect(try viewTree(published, .pods) == viewTree(item, .pods))
            #expect(published.bytes.count <= item.bytes.count)
        }
        for item in try ClusterFixtures.items(.endpointSlices, encoding).items {
            #expect(try viewTree(item.publishable(as: .endpointSlices), .endpointSlices) == viewTree(item, .endpointSlices))
        }
    }

    @Test("what is kept takes the room that it needs, not that of the object as it came")
    func room() throws {
        for item in try ClusterFixtures.items(.pods, .protobuf).items {
            let published = try item.publishable(as: .pods)
            // Otherwise there is nothing to see: the captured pods have managed fields.
            #expect(item.bytes.count > published.bytes.count + 256)
            // malloc's steps, and the heads of messages.
            #expect(published.bytes.capacity < published.bytes.count + 64)
        }
    }

    @Test("what metrics report of a secret is kept")
    func secretMetadata() throws {
        for encoding in Self.encodings {
            for item in try ClusterFixtures.items(.secrets, encoding).items {
                let before = try metadata(item)
                let after = try metadata(item.publishable(as: .secrets))
                for key in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp", "labels", "ownerReferences"] {
                    #expect(after[key] == before[key])
                }
                #expect(after["annotations"] == before["annotations"]?.without("kubectl.kubernetes.io/last-applied-configuration"))
                let type = try item.read(as: Secret.self) { $0.type.string }
                #expect(try item.publishable(as: .secrets).read(as: Secret.self) { $0.type.string } == type)
            }
        }
    }

    private func metadata(_ object: EncodedObject) throws -> [String: JSONTree] {
        try object.read(as: Secret.self) { $0.metadata.tree.members }
    }

    @Test("fields that no schema knows survive in protobuf, byte for byte")
    func unknownFieldsInProtobuf() throws {
        let item = try #require(try ClusterFixtures.items(.pods, .protobuf).items.first)
        var metadata: [UInt8] = []
        metadata.appendField(1, Array("pod".utf8))
        metadata.appendField(900, Array("unknown in metadata".utf8))
        metadata.appendField(17, Array("managed".utf8))
        metadata.appendField(901, varint: .max)
        var object: [UInt8] = []
        object.appendField(1, metadata)
        object.appendField(800, Array("unknown".utf8))
        object.append(contentsOf: item.bytes)
        let published = try EncodedObject(encoding: .protobuf, bytes: object).publishable(as: .pods).bytes
        var expectedMetadata: [UInt8] = []
        expectedMetadata.appendField(1, Array("pod".utf8))
        expectedMetadata.appendField(900, Array("unknown in metadata".utf8))
        expectedMetadata.appendField(901, varint: .max)
        var expected: [UInt8] = []
        expected.appendField(1, expectedMetadata)
        expected.appendField(800, Array("unknown".utf8))
        expected.append(contentsOf: try item.publishable(as: .pods).bytes)
        #expect(published == expected)
    }

    @Test("JSON keeps the text of every value but the managed fields")
    func jsonText() throws {
        let text =
            #"{"kind":"Pod", "metadata" : {"managedFields":[{"a":1}],"name":"p","x":[1.50, 2e3]} ,"spec":{"new":"é\u00e9\n"}}"#
        let published = try EncodedObject(encoding: .json, bytes: Array(text.utf8)).publishable(as: .pods)
        #expect(
            String(decoding: published.bytes, as: UTF8.self)
                == #"{"kind":"Pod","metadata":{"name":"p","x":[1.50, 2e3]},"spec":{"new":"é\u00e9\n"}}"#)
    }

    @Test("a secret's data is not let through under an escaped key, twice, or in a field of tomorrow")
    func trickySecrets() throws {
        let text =
            #"{"metadata":{"name":"s","annotations":{"kubectl.kubernetes.io/last-applied-configuration":"v","a":"b"},"future":"v"},"d\u0061ta":{"a":"dg=="},"data":{"a":"dg=="},"data":{"a":"dg=="},"stringData":{"a":"v"},"futureData":"v","type":"Opaque"}"#
        let published = try EncodedObject(encoding: .json, bytes: Array(text.utf8)).publishable(as: .secrets)
        #expect(
            String(decoding: published.bytes, as: UTF8.self)
                == #"{"metadata":{"name":"s","annotations":{"a":"b"}},"type":"Opaque"}"#)
        var object = try ObjectTranscoder.protobuf(fromJSON: Array(text.utf8), resource: .secrets)
        object.appendField(99, Array("v-in-a-new-field".utf8))
        let bytes = try EncodedObject(encoding: .protobuf, bytes: object).publishable(as: .secrets).bytes
        #expect(
            bytes
                == (try ObjectTranscoder.protobuf(
                    fromJSON: Array(#"{"metadata":{"name":"s","annotations":{"a":"b"}},"type":"Opaque"}"#.utf8),
                    resource: .secrets)))
    }

    @Test("cut or changed objects never crash, and errors lie inside them", arguments: encodings)
    func brokenObjects(encoding: ObjectEncoding) throws {
        var random = SeededRandom(seed: 5)
        var refused = 0
        for resource in [Resource.pods, .secrets, .services] {
            let items = try ClusterFixtures.items(resource, encoding).items
            let item = try #require(items.min { $0.bytes.count < $1.bytes.count })
            for length in 0..<item.bytes.count { refused += examine(Array(item.bytes[..<length]), encoding, resource) }
            for _ in 0..<300 {
                var bytes = item.bytes
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
                refused += examine(bytes, encoding, resource)
            }
        }
        #expect(refused > 1_000)
    }

    /// - Returns: how many readings of the object were refused.
    private func examine(_ bytes: [UInt8], _ encoding: ObjectEncoding, _ resource: Resource) -> Int {
        let object = EncodedObject(encoding: encoding, bytes: bytes)
        let attempts: [() throws -> Void] = [
            { _ = try object.publishable(as: resource) }, { _ = try ObjectIdentity(object) },
            // Every field of the view, whatever the bytes are.
            { _ = try viewTree(object, .pods) }, { _ = try viewTree(object, .services) },
            { _ = try PodAddressing(object) }, { _ = try ArrivedObject(object).watched(as: resource) },
            { _ = try ObjectTranscoder.json(fromProtobuf: bytes, resource: resource) },
        ]
        var refused = 0
        for attempt in attempts {
            do { try attempt() } catch let error as ObjectDecodingError {
                refused += 1
                #expect(error.offset >= 0 && error.offset <= bytes.count)
            } catch {
                Issue.record(error)
            }
        }
        return refused
    }
}
