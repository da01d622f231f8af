import Foundation
import Testing

@testable import KubernetesObjects

/// The captured cluster in Tests/Fixtures/cluster-a.
enum ClusterFixtures {
    static let folder = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Fixtures/cluster-a")

    static func bytes(_ path: String) throws -> [UInt8] {
        Array(try Data(contentsOf: folder.appending(path: path)))
    }

    static func list(_ resource: Resource, _ encoding: ObjectEncoding) throws -> [UInt8] {
        let group = resource.group.isEmpty ? "" : resource.group + "_"
        return try bytes("lists/\(group)\(resource.version)_\(resource.plural).\(encoding.suffix)")
    }

    /// The items of a captured list, of which there are some, and its metadata, decoded from one piece.
    static func items(
        _ resource: Resource, _ encoding: ObjectEncoding
    ) throws -> (items: [EncodedObject], metadata: ListMetadata) {
        let list = try split(list(resource, encoding), encoding, resource, pieces: [])
        try #require(!list.items.isEmpty, "nothing captured of \(resource): a test would look at nothing")
        return list
    }

    /// Feeds `body` to a decoder, cut at the offsets in `pieces`.
    static func split(
        _ body: [UInt8], _ encoding: ObjectEncoding, _ resource: Resource, pieces: [Int]
    ) throws -> (items: [EncodedObject], metadata: ListMetadata) {
        var decoder = ListDecoder(encoding: encoding, resource: resource)
        var items: [EncodedObject] = []
        var start = 0
        for end in pieces + [body.count] {
            decoder.append(Array(body[start..<end]))
            start = end
            while let item = try decoder.next() { items.append(item.object) }
        }
        return (items, try decoder.finish())
    }

    static let watches = [
        "namespaces.resume", "namespaces.watchlist", "services.resume", "services.watchlist", "services.expired",
        "endpointslices.resume", "endpointslices.watchlist",
    ]

    static func frames(_ watch: String, _ encoding: ObjectEncoding, pieces: [Int] = []) throws -> [WatchFrame] {
        let body = try bytes("watch/\(watch).\(encoding.suffix)")
        var decoder = WatchFrameDecoder(encoding: encoding, maximumFrameSize: 1 << 20)
        var frames: [WatchFrame] = []
        var start = 0
        for end in pieces.filter({ $0 < body.count }) + [body.count] {
            decoder.append(Array(body[start..<end]))
            start = end
            while let frame = try decoder.next() { frames.append(frame) }
        }
        if decoder.isInsideFrame { throw ObjectDecodingError(.truncated, at: body.count) }
        return frames
    }
}

extension ObjectEncoding {
    var suffix: String { self == .json ? "json" : "pb" }
}

/// One frame of a watch in protobuf, around an object in its envelope.
func watchFrame(type: String, object: [UInt8]) -> [UInt8] {
    var extensionMessage: [UInt8] = []
    extensionMessage.appendField(1, object)
    var event: [UInt8] = []
    event.appendField(1, Array(type.utf8))
    event.appendField(2, extensionMessage)
    return (0..<4).map { UInt8(truncatingIfNeeded: event.count >> (24 - 8 * $0)) } + event
}
