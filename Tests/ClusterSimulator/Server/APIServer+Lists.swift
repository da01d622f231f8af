import Hummingbird
import KubernetesObjects
import NIOCore
import Synchronization

/// Pages of lists that are being read: what `continue` tokens refer to. Bounded; the oldest page is forgotten first.
final class ListPages: Sendable {
    private struct Page {
        var resource: Resource
        var version: UInt64
        var objects: [StoredObject]
    }

    private let pages = Mutex<[Page]>([])
    private static let limit = 64

    func keep(_ objects: [StoredObject], _ resource: Resource, version: UInt64) {
        pages.withLock { pages in
            if pages.contains(where: { $0.resource == resource && $0.version == version }) { return }
            pages.append(Page(resource: resource, version: version, objects: objects))
            if pages.count > Self.limit { pages.removeFirst() }
        }
    }

    func objects(_ resource: Resource, version: UInt64) -> [StoredObject]? {
        pages.withLock { $0.first { $0.resource == resource && $0.version == version }?.objects }
    }

    /// As when etcd compacts.
    func forget() { pages.withLock { $0.removeAll() } }
}

extension APIServer {
    func list(_ call: Call, _ type: ResourceType, _ namespace: String?) throws(StatusError) -> Answer {
        let representation = try call.representation(type)
        let selection = try selection(call, type, namespace)
        let limit = call.target["limit"].flatMap { Int($0) } ?? 0
        let (objects, version, start) = try listed(call, type, limit)
        var page: [StoredObject] = []
        var metadata: JSONValue = ["resourceVersion": .string(String(version))]
        // Without a selector a namespace is a range, and nothing need be compared.
        let candidates = ObjectCollection.range(of: objects, namespace: namespace)
        var rest = candidates[max(candidates.startIndex, min(start ?? 0, candidates.endIndex))...]
        if limit == 0, selection.isEverything {
            return try listAnswer(rest, type, metadata: metadata, representation)
        }
        while let object = rest.first, limit == 0 || page.count < limit {
            rest.removeFirst()
            if selection.matches(object) { page.append(object) }
        }
        if limit > 0, let next = rest.firstIndex(where: { selection.isEverything || selection.matches($0) }) {
            pages.keep(objects, type.resource, version: version)
            let token: JSONValue = [
                "v": "meta.k8s.io/v1", "rv": .integer(Int64(version)), "start": .string(objects[next].key),
            ]
            metadata["continue"] = .string(Base64.encode(token.encoded))
            if selection.isEverything { metadata["remainingItemCount"] = .integer(Int64(rest.count)) }
        }
        return try listAnswer(page[...], type, metadata: metadata, representation)
    }

    /// All objects of the type as of the version asked for, and where to start in them.
    private func listed(
        _ call: Call, _ type: ResourceType, _ limit: Int
    ) throws(StatusError) -> (objects: [StoredObject], version: UInt64, start: Int?) {
        if let text = call.target["continue"], !text.isEmpty {
            guard let token = Base64.decode(text).flatMap({ try? JSONValue(parsing: $0) }),
                let version = token["rv"]?.integer, let key = token["start"]?.string
            else { throw .badRequest("continue key is not valid") }
            guard let objects = pages.objects(type.resource, version: UInt64(version)) else { throw .expiredContinue }
            return (objects, UInt64(version), objects.firstIndex { $0.key >= key } ?? objects.count)
        }
        let asked = call.target["resourceVersion"].flatMap { UInt64($0) } ?? 0
        let match = call.target["resourceVersionMatch"]
        if match != nil, call.target["resourceVersion"] ?? "" == "" {
            throw .badRequest("resourceVersionMatch is forbidden unless resourceVersion is provided")
        }
        let (objects, version) = try store.read { database throws(StatusError) in
            (database.collections[type.resource]?.objects ?? [], database.lastVersion)
        }
        if asked > version { throw .tooLarge(requested: asked, current: version) }
        if match == "Exact", asked != version {
            guard let kept = pages.objects(type.resource, version: asked) else {
                throw .expired(requested: asked, oldest: version)
            }
            return (kept, asked, nil)
        }
        return (objects, version, nil)
    }

    func listAnswer(
        _ objects: ArraySlice<StoredObject>, _ type: ResourceType, metadata: JSONValue, _ representation: Representation
    ) throws(StatusError) -> Answer {
        var pieces = try ObjectEncoder.ListPieces(objects, type, metadata: metadata, representation)
        let contentType = representation.contentType(isWatch: false)
        let first = pieces.next() ?? ByteBuffer()
        guard let second = pieces.next() else { return Answer(contentType: contentType, body: .bytes(first)) }
        // An iterator that only this one answer uses.
        let rest = PieceQueue(pieces)
        return Answer(
            contentType: contentType,
            body: .stream { writer in
                try await writer.write(first)
                try await writer.write(second)
                while let piece = rest.next() { try await writer.write(piece) }
                try await writer.finish(nil)
            })
    }
}

/// The pieces of one answer, taken one by one by the task that writes it.
private final class PieceQueue: Sendable {
    private let pieces: Mutex<ObjectEncoder.ListPieces>

    init(_ pieces: ObjectEncoder.ListPieces) { self.pieces = Mutex(pieces) }

    func next() -> ByteBuffer? { pieces.withLock { $0.next() } }
}
