/// What of an object may leave the watcher.
private enum Disclosure {
    /// Everything but `managedFields`.
    case whole
    /// Of a secret: the metadata that metrics report, and the type. A list of what is allowed, so that a field which
    /// Kubernetes adds some day does not leak.
    case secret
    /// Of a config map: the metadata, without the copy of its data that kubectl keeps in an annotation.
    case metadataOnly

    init(_ resource: Resource) {
        switch (resource.group, resource.plural) {
        case ("", "secrets"): self = .secret
        case ("", "configmaps"): self = .metadataOnly
        default: self = .whole
        }
    }

    /// The annotation in which `kubectl apply` keeps the whole object, data included.
    static let lastApplied = Array("kubectl.kubernetes.io/last-applied-configuration".utf8)

    var hidesLastApplied: Bool {
        switch self {
        case .whole: false
        case .secret, .metadataOnly: true
        }
    }

    func keeps(objectField number: UInt32) -> Bool {
        switch self {
        case .whole: true
        case .secret: number == MetadataField.inObject || number == 3
        case .metadataOnly: number == MetadataField.inObject
        }
    }

    func keeps(objectKey key: [UInt8]) -> Bool {
        switch self {
        case .whole: true
        case .secret: ["kind", "apiVersion", "metadata", "type"].contains(String(decoding: key, as: UTF8.self))
        case .metadataOnly: ["kind", "apiVersion", "metadata"].contains(String(decoding: key, as: UTF8.self))
        }
    }

    func keeps(metadataField number: UInt32) -> Bool {
        switch self {
        case .whole, .metadataOnly: number != MetadataField.managedFields
        case .secret:
            [
                MetadataField.name, MetadataField.namespace, MetadataField.uid, MetadataField.resourceVersion,
                MetadataField.creationTimestamp, MetadataField.deletionTimestamp, MetadataField.labels,
                MetadataField.annotations, MetadataField.ownerReferences,
            ].contains(number)
        }
    }

    func keeps(metadataKey key: [UInt8]) -> Bool {
        let key = String(decoding: key, as: UTF8.self)
        return switch self {
        case .whole, .metadataOnly: key != "managedFields"
        case .secret:
            [
                "name", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "labels",
                "annotations", "ownerReferences",
            ].contains(key)
        }
    }
}

extension EncodedObject {
    /// The object as it may leave the watcher: without `managedFields`; of secrets and config maps only what metrics
    /// report. Of a secret that is name, namespace, uid, resourceVersion, type, labels, annotations without the last
    /// applied configuration, owners and times; of a config map its metadata without that annotation.
    ///
    /// Everything else is kept byte for byte, fields without a schema too.
    public func publishable(as resource: Resource) throws(ObjectDecodingError) -> EncodedObject {
        try ArrivedObject(self).published(as: resource).object
    }
}

extension ArrivedObject {
    /// The object as it may leave the watcher (``EncodedObject/publishable(as:)``) with its identity: one pass over the bytes, and
    /// one copy of what is kept.
    public func watched(as resource: Resource) throws(ObjectDecodingError) -> WatchedObject {
        let (object, identity) = try published(as: resource)
        guard let identity else { return try WatchedObject(resource: resource, identity: ObjectIdentity(object), object: object) }
        try identity.check(true, size: object.bytes.count)
        return WatchedObject(resource: resource, identity: identity, object: object)
    }

    /// - Returns: no identity where the pass did not come by it: in JSON, and without metadata.
    fileprivate func published(
        as resource: Resource
    ) throws(ObjectDecodingError) -> (object: EncodedObject, identity: ObjectIdentity?) {
        let disclosure = Disclosure(resource)
        do {
            switch encoding {
            case .protobuf: return try protobuf(disclosure)
            case .json: return (EncodedObject(encoding: .json, bytes: try json(disclosure)), nil)
            }
        } catch {
            throw error.named(resource)
        }
    }

    // MARK: protobuf

    private func protobuf(
        _ disclosure: Disclosure
    ) throws(ObjectDecodingError) -> (object: EncodedObject, identity: ObjectIdentity?) {
        var kept = KeptRanges()
        var identity: ObjectIdentity?
        var object = WireCursor(bytes)
        while let field = try object.next() {
            guard disclosure.keeps(objectField: field.number) else { continue }
            guard field.number == MetadataField.inObject else {
                kept.keep(field.whole)
                continue
            }
            guard field.type == .lengthDelimited else {
                throw ObjectDecodingError(
                    .malformed("metadata is not a message"), at: field.start - bytes.startIndex, field: "metadata")
            }
            let found = try protobufMetadata(field.payload, disclosure, &kept)
            identity = identity ?? found
        }
        return (EncodedObject(encoding: .protobuf, bytes: kept.copy(from: bytes)), identity)
    }

    private func protobufMetadata(
        _ range: Range<Int>, _ disclosure: Disclosure, _ kept: inout KeptRanges
    ) throws(ObjectDecodingError) -> ObjectIdentity {
        var identity = ObjectIdentity(namespace: "", name: "", uid: "", resourceVersion: "")
        kept.beginMessage(MetadataField.inObject, at: range.lowerBound)
        var metadata = WireCursor(bytes, range)
        while let field = try metadata.next() {
            guard disclosure.keeps(metadataField: field.number) else { continue }
            if disclosure.hidesLastApplied, field.number == MetadataField.annotations, try isLastApplied(field) { continue }
            identity.take(field, of: bytes)
            kept.keep(field.whole)
        }
        kept.endMessage()
        return identity
    }

    /// Whether a pair of the annotations map has that key. Any of several keys counts: decoders take the last.
    private func isLastApplied(_ field: WireCursor.Field) throws(ObjectDecodingError) -> Bool {
        guard field.type == .lengthDelimited else { return true }
        var pair = WireCursor(bytes, field.payload)
        while let member = try pair.next() {
            if member.number == 1, member.type == .lengthDelimited,
                bytes[member.payload].elementsEqual(Disclosure.lastApplied)
            {
                return true
            }
        }
        return false
    }

    // MARK: JSON

    private func json(_ disclosure: Disclosure) throws(ObjectDecodingError) -> [UInt8] {
        let bytes = Array(bytes)
        var cursor = JSONCursor(bytes)
        let kept = try filtered(bytes, &cursor) { key, cursor throws(ObjectDecodingError) in
            guard disclosure.keeps(objectKey: key) else { return nil }
            guard key == Array("metadata".utf8), cursor.peek() != UInt8(ascii: "n") else { return [] }
            return try self.jsonMetadata(bytes, &cursor, disclosure)
        }
        try cursor.expectEnd()
        return kept
    }

    private func jsonMetadata(
        _ bytes: [UInt8], _ cursor: inout JSONCursor, _ disclosure: Disclosure
    ) throws(ObjectDecodingError) -> [UInt8] {
        try filtered(bytes, &cursor) { key, cursor throws(ObjectDecodingError) in
            guard disclosure.keeps(metadataKey: key) else { return nil }
            guard disclosure.hidesLastApplied, key == Array("annotations".utf8), cursor.peek() != UInt8(ascii: "n")
            else { return [] }
            return try self.filtered(bytes, &cursor) { key, _ in key == Disclosure.lastApplied ? nil : [] }
        }
    }

    /// Copies an object's members as `decide` says for each: nil drops it, an empty array keeps its text, anything
    /// else takes the value's place (and `decide` has then read the value).
    private func filtered(
        _ bytes: [UInt8], _ cursor: inout JSONCursor,
        _ decide: (_ key: [UInt8], _ cursor: inout JSONCursor) throws(ObjectDecodingError) -> [UInt8]?
    ) throws(ObjectDecodingError) -> [UInt8] {
        var kept: [UInt8] = [UInt8(ascii: "{")]
        var isFirst = true
        try cursor.readObject { key, cursor throws(ObjectDecodingError) in
            guard let replacement = try decide(key, &cursor) else {
                try cursor.skip()
                return
            }
            let value = replacement.isEmpty ? bytes[try cursor.skip()] : replacement[...]
            kept.appendJSONKey(key, isFirst: &isFirst)
            kept.append(contentsOf: value)
        }
        kept.append(UInt8(ascii: "}"))
        return kept
    }
}
