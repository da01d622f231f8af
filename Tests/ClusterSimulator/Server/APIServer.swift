import Names
import HTTPTypes
import Hummingbird
import KubernetesObjects
import Logging
import NIOCore

/// Answers API requests from the object store. One instance serves all listeners.
struct APIServer: Sendable {
    let store: ObjectStore
    let discovery: Discovery
    let authenticator: Authenticator
    let conduct: any ServerConduct
    let metricsProxy: MetricsProxy?
    let bookmarks: BookmarkTiming
    let watchTime: WatchTime
    let pages = ListPages()
    let logger: Logger
    let switchboard: FaultSwitchboard
    /// Does what a plan's actions say.
    let perform: @Sendable (FaultAction) throws -> Void

    struct Answer: Sendable {
        var status: Int = 200
        var contentType = "application/json"
        var body: Body
        var headers: [(String, String)] = []

        enum Body: Sendable {
            case bytes(ByteBuffer)
            case watch(WatchSession)
            /// Pieces of a long list.
            case stream(@Sendable (inout any ResponseBodyWriter) async throws -> Void)
        }

        static func json(_ value: JSONValue, status: Int = 200) -> Answer {
            Answer(status: status, body: .bytes(ByteBuffer(bytes: value.encoded)))
        }

        static func text(_ text: String) -> Answer {
            Answer(contentType: "text/plain; charset=utf-8", body: .bytes(ByteBuffer(string: text)))
        }
    }

    /// What handlers need of a request.
    struct Call: Sendable {
        var method: HTTPRequest.Method
        var target: RequestTarget
        var accept: String?
        var contentType: String?
        var authorization: String?
        var body: [UInt8]
        var user: Authenticator.User
        var description: RequestDescription

        func representation(_ type: ResourceType) throws(StatusError) -> Representation {
            let inclusion = target["includeObject"].flatMap { TableRows.Inclusion(rawValue: $0) } ?? .metadata
            return try .negotiate(accept, hasProtobuf: type.hasProtobuf, inclusion: inclusion)
        }

        var isDryRun: Bool { target["dryRun"] == "All" }

        /// The schemas leave pod templates out; a template has the fields of a pod, and is read as one.
        private static func tree(of message: [UInt8], _ resource: Resource) throws -> JSONValue {
            var tree = try JSONValue(parsing: ObjectTranscoder.json(fromProtobuf: message, resource: resource))
            let templateField = [.deployments: 3, .replicaSets: 3, .statefulSets: 3, .daemonSets: 2][resource]
            if let templateField, let spec = ProtobufFields.bytes(2, in: message),
                let bytes = ProtobufFields.bytes(templateField, in: spec)
            {
                let template = try JSONValue(parsing: ObjectTranscoder.json(fromProtobuf: bytes, resource: .pods))
                tree.set(
                    .present(["metadata": template["metadata"], "spec": template["spec"]]), at: "spec", "template")
            }
            return tree
        }

        /// The body as a tree, whatever its encoding; `nil` when there is none.
        func tree(_ resource: Resource?) throws(StatusError) -> JSONValue? {
            guard !body.isEmpty else { return nil }
            let type = contentType?.split(separator: ";").first.map(String.init) ?? "application/json"
            do {
                if type == Representation.protobufType {
                    guard let resource, let message = ProtobufEnvelope.message(in: body) else {
                        throw StatusError.unsupportedMediaType
                    }
                    return try Self.tree(of: message, resource)
                }
                if type.hasSuffix("yaml") {
                    return try JSONValue.documents(yaml: String(decoding: body, as: UTF8.self), place: "body").first
                }
                return try JSONValue(parsing: body)
            } catch let error as StatusError {
                throw error
            } catch {
                throw .badRequest("the body of the request cannot be read: \(error)")
            }
        }
    }

    func answer(_ call: Call) async throws(StatusError) -> Answer {
        let segments = call.target.segments
        let custom = CustomDefinitions(store)
        if let answer = discovery.answer(call.target.path, custom: custom) {
            guard call.method == .get || call.method == .head else { throw .methodNotAllowed }
            return answer
        }
        if segments.starts(with: ["apis", MetricsProxy.group]), let metricsProxy {
            return try await metricsProxy.forward(call)
        }
        if let answer = try review(call, segments) { return answer }
        switch ResourcePath(segments, custom: custom) {
        case .collection(let type, let namespace): return try collection(call, type, namespace)
        case .object(let reference, let subresource): return try object(call, reference, subresource)
        case .other: throw .noSuchResource
        }
    }

    private func collection(
        _ call: Call, _ type: ResourceType, _ namespace: String?
    ) throws(StatusError) -> Answer {
        switch call.method {
        case .get: return call.target.flag("watch") ? try watch(call, type, namespace) : try list(call, type, namespace)
        case .post:
            guard namespace != nil || !type.resource.isNamespaced else { throw .methodNotAllowed }
            guard let body = try call.tree(type.resource) else { throw .badRequest("the request has no body") }
            let created = try store.write { database throws(StatusError) in
                let stored = try database.create(
                    type, namespace: namespace ?? "", body, isDryRun: call.isDryRun)
                return stored
            }
            return try one(latest(created, call), call, status: 201)
        case .delete: return try deleteCollection(call, type, namespace)
        default: throw .methodNotAllowed
        }
    }

    /// What became of a new object after the controllers had a look: clients see the state that they can rely on.
    private func latest(_ object: StoredObject, _ call: Call) throws(StatusError) -> StoredObject {
        if call.isDryRun { return object }
        return try store.read { database throws(StatusError) in
            database.collections[object.type.resource]?[object.key].flatMap { $0.uid == object.uid ? $0 : nil }
                ?? object
        }
    }

    private func object(
        _ call: Call, _ reference: ObjectReference, _ subresource: String?
    ) throws(StatusError) -> Answer {
        if let subresource, !reference.type.subresources.contains(subresource) {
            guard subresource == "finalize" || subresource == "approval" else { throw .noSuchResource }
        }
        if subresource == "scale" { return try scale(call, reference) }
        switch call.method {
        case .get, .head:
            if call.target.flag("watch") { throw .badRequest("use a field selector to watch one object") }
            return try one(try find(reference), call)
        case .put:
            guard let body = try call.tree(reference.type.resource) else {
                throw .badRequest("the request has no body")
            }
            let stored = try store.write { database throws(StatusError) in
                try database.update(reference, body, subresource: subresource, isDryRun: call.isDryRun)
            }
            return try one(try latest(stored, call), call)
        case .patch: return try patch(call, reference, subresource)
        case .delete: return try delete(call, reference)
        default: throw .methodNotAllowed
        }
    }

    func find(_ reference: ObjectReference) throws(StatusError) -> StoredObject {
        try store.read { database throws(StatusError) in
            guard let object = database.collections[reference.type.resource]?[reference.key] else {
                throw .notFound(reference.type, reference.name)
            }
            return object
        }
    }

    func one(_ object: StoredObject, _ call: Call, status: Int = 200) throws(StatusError) -> Answer {
        let representation = try call.representation(object.type)
        let bytes =
            switch representation.encoding {
            case .json: try ObjectEncoder.json(object, representation.view)
            case .protobuf: try ObjectEncoder.protobuf(object, representation.view)
            }
        return Answer(
            status: status, contentType: representation.contentType(isWatch: false),
            body: .bytes(ByteBuffer(bytes: bytes)))
    }

    private func patch(
        _ call: Call, _ reference: ObjectReference, _ subresource: String?
    ) throws(StatusError) -> Answer {
        let type = call.contentType?.split(separator: ";").first.map(String.init) ?? ""
        guard let kind = PatchKind(contentType: type) else { throw .unsupportedMediaType }
        var jsonCall = call
        jsonCall.contentType = type.hasSuffix("yaml") ? "application/yaml" : "application/json"
        guard let patch = try jsonCall.tree(nil) else { throw .badRequest("the request has no body") }
        let (stored, isNew) = try store.write { database throws(StatusError) -> (StoredObject, Bool) in
            guard let existing = database.collections[reference.type.resource]?[reference.key] else {
                guard kind == .apply else { throw .notFound(reference.type, reference.name) }
                var tree = patch
                tree.set(.string(reference.name), at: "metadata", "name")
                return (
                    try database.create(reference.type, namespace: reference.namespace, tree, isDryRun: call.isDryRun),
                    true
                )
            }
            // A patch changes the newest version, whichever that is, unless it names one.
            var tree = existing.tree
            tree.set(nil, at: "metadata", "resourceVersion")
            tree = try kind.apply(patch, to: tree)
            return (
                try database.update(reference, tree, subresource: subresource, isDryRun: call.isDryRun), false
            )
        }
        return try one(try latest(stored, call), call, status: isNew ? 201 : 200)
    }

    private func delete(_ call: Call, _ reference: ObjectReference) throws(StatusError) -> Answer {
        var options = DeleteOptions(try call.tree(nil))
        if call.target["propagationPolicy"] == "Orphan" { options.orphansDependents = true }
        let (object, isGone) = try store.write { database throws(StatusError) in
            let deleted = try database.delete(reference, options, isDryRun: call.isDryRun)
            if reference.type.resource == CustomDefinitions.resource, deleted.isGone, !call.isDryRun {
                database.deleteObjects(definedBy: deleted.object)
            }
            return deleted
        }
        // Pods and objects with finalizers are answered as they are, all others with a success.
        if !isGone || reference.type.kind == "Pod" { return try one(object, call) }
        return .json([
            "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Success",
            "details": .present([
                "name": .string(object.name),
                "group": object.type.resource.group.isEmpty ? nil : .string(object.type.resource.group),
                "kind": .string(object.type.resource.plural), "uid": .string(object.uid),
            ]),
        ])
    }

    private func deleteCollection(
        _ call: Call, _ type: ResourceType, _ namespace: String?
    ) throws(StatusError) -> Answer {
        let selection = try selection(call, type, namespace)
        let deleted = try store.write { database throws(StatusError) in
            let chosen = database.objects(type.resource, namespace: namespace).filter(selection.matches)
            for object in chosen {
                _ = try? database.delete(
                    ObjectReference(type: type, namespace: object.namespace, name: object.name), DeleteOptions(),
                    isDryRun: call.isDryRun)
            }
            return (chosen, database.lastVersion)
        }
        return try listAnswer(
            deleted.0[...], type, metadata: ["resourceVersion": .string(String(deleted.1))],
            try call.representation(type))
    }

    private func labelQuery(_ text: String) throws(StatusError) -> LabelQuery {
        do {
            return try LabelQuery(text)
        } catch {
            throw .badRequest(error.message)
        }
    }

    func selection(
        _ call: Call, _ type: ResourceType, _ namespace: String?
    ) throws(StatusError) -> Selection {
        Selection(
            namespace: namespace,
            labels: try call.target["labelSelector"].map { text throws(StatusError) in try labelQuery(text) }
                ?? .everything,
            fields: try call.target["fieldSelector"].map { text throws(StatusError) in
                try FieldSelector(text, type: type)
            } ?? .everything)
    }
}
