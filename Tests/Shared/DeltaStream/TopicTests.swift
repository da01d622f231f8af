import KubernetesObjects
import Testing

@testable import DeltaStream

@Suite("Topics")
struct TopicTests {
    @Test(
        "the bucket of a UID is the FNV-1a hash folded to a byte",
        arguments: [
            // 0x811c9dc5: 81 ^ 1c ^ 9d ^ c5
            ("", UInt8(0xc5)),
            // FNV-1a of "a" is 0xe40c292c, of "foobar" 0xbf9cf968.
            ("a", UInt8(0xe4 ^ 0x0c ^ 0x29 ^ 0x2c)),
            ("foobar", UInt8(0xbf ^ 0x9c ^ 0xf9 ^ 0x68)),
        ])
    func bucket(uid: String, expected: UInt8) {
        #expect(Topic.bucket(ofUID: uid) == expected)
    }

    @Test("a topic is resource, two hexadecimal digits and namespace")
    func topic() {
        #expect(Topic.string("pods", bucket: 0x3f, namespace: "default") == "pods/3f/default")
        #expect(Topic.string("nodes", bucket: 3, namespace: "") == "nodes/03/")
    }

    @Test("a resource that Mizzen does not know bears its group in topics")
    func foreignResource() {
        let metrics = Resource(
            group: "metrics.k8s.io", version: "v1", plural: "pods", kind: "PodMetrics", isNamespaced: true)
        #expect(Topic.name(of: metrics) == "pods.metrics.k8s.io")
        #expect(Topic.name(of: .deployments) == "deployments")
    }

    @Test("shards share the buckets out without overlap")
    func shards() {
        let shards = (0..<3).map { BucketSet.shard($0, of: 3) }
        #expect(shards.map(\.count).reduce(0, +) == 256)
        #expect(shards[0].union(shards[1]).union(shards[2]) == .all)
        #expect(Array(shards[1].prefix(3)) == [1, 4, 7])
    }

    @Test("filters of one resource are merged, and heartbeats are subscribed to last")
    func merging() {
        let interests = ResourceInterest.merged([
            TopicFilter(.pods, buckets: BucketSet([1]), namespace: "a"), TopicFilter(.nodes),
            TopicFilter(.pods, buckets: BucketSet([2]), namespace: "b"),
        ])
        #expect(interests.map(\.resource) == [.pods, .nodes])
        #expect(
            interests[0].subscriptions == [
                "pods/01/a", "pods/01/b", "pods/02/a", "pods/02/b", "tail/pods/a", "tail/pods/b", "heartbeat/pods",
            ])
        #expect(interests[1].subscriptions == ["nodes/", "heartbeat/nodes"])
    }

    @Test("times are written as RFC 3339, before 1970 and in leap years too")
    func times() {
        #expect(Timestamp(nanosecondsSinceEpoch: 0).text(fractionDigits: 9) == "1970-01-01T00:00:00.000000000Z")
        #expect(Timestamp(nanosecondsSinceEpoch: -1).text(fractionDigits: 9) == "1969-12-31T23:59:59.999999999Z")
        #expect(Timestamp(nanosecondsSinceEpoch: 951_782_400_000_000_000).text(fractionDigits: 9) == "2000-02-29T00:00:00.000000000Z")
        #expect(Timestamp(nanosecondsSinceEpoch: 1_767_225_599_123_456_789).text(fractionDigits: 9) == "2025-12-31T23:59:59.123456789Z")
    }

    @Test("a delta is one line of JSON")
    func line() {
        let delta = Delta(
            streamID: 0xabc, sequence: 7, change: .modified, resource: .pods,
            identity: ObjectIdentity(namespace: "a", name: "quote\"\n", uid: "u", resourceVersion: "9"), commitTime: 1,
            object: EncodedObject(encoding: .json, bytes: Array("{\n\"a\": 1}".utf8)))
        #expect(
            String(decoding: DeltaJSON.line(delta), as: UTF8.self)
                == #"{"change":"modified","resource":"pods","group":"","version":"v1","namespace":"a","#
                + #""name":"quote\"\u000a","uid":"u","resourceVersion":"9","sequence":7,"#
                + #""streamID":"0000000000000abc","commitTime":"1970-01-01T00:00:00.000000001Z","object":{ "a": 1}}"#)
    }
}
