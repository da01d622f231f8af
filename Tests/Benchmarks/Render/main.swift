import Exporter
import Foundation
import KubernetesObjects

// Decodes, decodes and renders, or decodes and counts the states of, the captured objects of one resource so many times. Instructions for
// one object are the difference of two runs: CONTRIBUTING.md, "Measuring".

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

let arguments = CommandLine.arguments
guard arguments.count == 4, let resource = Resource.named(arguments[2]), let rounds = Int(arguments[3]),
    let probe = RenderingProbe(resource)
else {
    print("usage: render-bench decode|render|count pods|nodes|services|deployments ROUNDS, where Mizzen's sources are")
    exit(64)
}
let group = resource.group.isEmpty ? "" : resource.group + "_"
let path = "Tests/Fixtures/cluster-a/lists/\(group)\(resource.version)_\(resource.plural).pb"
var decoder = ListDecoder(encoding: .protobuf, resource: resource)
decoder.append(Array(try Data(contentsOf: URL(filePath: path))))
var objects: [EncodedObject] = []
while let arrived = try decoder.next() { objects.append(arrived.object) }
var bytes = 0
if arguments[1] == "count" {
    var probe = try CountingProbe(objects)
    for _ in 0..<rounds { bytes = probe.count() }
    print("\(objects.count * rounds) objects, \(bytes) series")
    exit(0)
}
for _ in 0..<rounds {
    for object in objects {
        bytes += arguments[1] == "render" ? try probe.render(object) : try decode(object, resource)
    }
}
print("\(objects.count * rounds) objects, \(bytes) bytes")
