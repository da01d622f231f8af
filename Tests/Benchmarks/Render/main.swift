import DeltaStream
import Exporter
import Foundation
import KubernetesObjects

// Decodes the captured objects of one resource so many times, and renders them, counts their states, or feeds them to an exporter without
// sockets. Instructions for one object are the difference of two runs: CONTRIBUTING.md, "Measuring".

func decode<Object: KubernetesObject & ~Escapable>(_ object: EncodedObject, as type: Object.Type) throws -> Int {
    try object.read(as: type) { $0.metadata.name.utf8.count }
}

func decode(_ object: EncodedObject, _ resource: Resource) throws -> Int {
    switch resource {
    case .pods: try decode(object, as: Pod.self)
    case .nodes: try decode(object, as: Node.self)
    case .services: try decode(object, as: Service.self)
    default: try decode(object, as: Deployment.self)
    }
}

/// The captured objects, as often as is asked for, each time under other UIDs.
func deltas(_ objects: [EncodedObject], _ resource: Resource, copies: Int) -> [Delta] {
    (0..<copies).flatMap { copy in
        objects.indices.map { index in
            let identity = ObjectIdentity(namespace: "n", name: "o\(index)-\(copy)", uid: "uid-\(index)-\(copy)", resourceVersion: "1")
            return Delta(
                streamID: 1, sequence: UInt64(1 + copy), change: .modified, resource: resource, identity: identity, commitTime: 0,
                object: objects[index])
        }
    }
}

func fill(_ probe: FeedProbe, _ resource: Resource, _ deltas: [Delta]) {
    var buckets: [[Delta]] = Array(repeating: [], count: 256)
    for delta in deltas { buckets[Int(delta.bucket)].append(delta) }
    for (bucket, objects) in buckets.enumerated() { probe.replaceBucket(resource, bucket: UInt8(bucket), objects: objects) }
}

/// As a kubelet reports on a pod: with other bytes of the same length in places that families show (phase, container IDs). Of another resource: the same.
func changed(_ object: EncodedObject) -> EncodedObject {
    var text = Data(object.bytes)
    for (old, new) in [("Running", "Pending"), ("containerd://", "container-d:/")] {
        var rest = text.startIndex..<text.endIndex
        while let found = text.range(of: Data(old.utf8), in: rest) {
            text.replaceSubrange(found, with: Data(new.utf8))
            rest = found.upperBound..<text.endIndex
        }
    }
    return EncodedObject(encoding: object.encoding, bytes: Array(text))
}

let usage = """
    usage, where Mizzen's sources are:
      render-bench decode|render pods|nodes|services|deployments ROUNDS
      render-bench count pods ROUNDS             counts states
      render-bench update pods|… ROUNDS          each object of ten copies changed so many times, in its place among the others
      render-bench fill pods|… COPIES [THREADS]  a snapshot of so many copies taken in
    """
let arguments = CommandLine.arguments
guard arguments.count >= 4, let resource = Resource.named(arguments[2]), let rounds = Int(arguments[3]),
    let probe = RenderingProbe(resource)
else {
    print(usage)
    exit(64)
}
let group = resource.group.isEmpty ? "" : resource.group + "_"
let path = "Tests/Fixtures/cluster-a/lists/\(group)\(resource.version)_\(resource.plural).pb"
var decoder = ListDecoder(encoding: .protobuf, resource: resource)
decoder.append(Array(try Data(contentsOf: URL(filePath: path))))
var objects: [EncodedObject] = []
while let arrived = try decoder.next() { objects.append(arrived.object) }

var (count, bytes) = (objects.count * rounds, 0)
let clock = ContinuousClock()
var time = Duration.zero
switch arguments[1] {
case "decode", "render":
    time = try clock.measure {
        for _ in 0..<rounds {
            for object in objects { bytes += arguments[1] == "render" ? try probe.render(object) : try decode(object, resource) }
        }
    }
case "count":
    var probe = try CountingProbe(objects)
    time = clock.measure { for _ in 0..<rounds { bytes = probe.count() } }
case "update":
    let copies = 10
    guard let feed = FeedProbe(resource) else { exit(64) }
    let now = deltas(objects, resource, copies: copies)
    let other = deltas(objects.map(changed), resource, copies: copies)
    fill(feed, resource, now)
    count *= copies
    time = clock.measure {
        for round in 0..<rounds { for delta in round % 2 == 0 ? other : now { feed.apply(delta) } }
    }
    bytes = feed.bytes
case "fill":
    guard let feed = FeedProbe(resource, threads: arguments.count > 4 ? Int(arguments[4]) : nil) else { exit(64) }
    let all = deltas(objects, resource, copies: rounds)
    time = clock.measure { fill(feed, resource, all) }
    bytes = feed.bytes
    print("\(feed.footprint / max(1, count)) bytes of memory for each, by counting")
default:
    print(usage)
    exit(64)
}
let microseconds = count == 0 ? 0 : time / .microseconds(1) / Double(count)
print("\(count) objects, \(bytes) bytes, \(String(format: "%.2f", microseconds)) µs each")
