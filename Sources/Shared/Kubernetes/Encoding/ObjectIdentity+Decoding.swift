extension ObjectIdentity {
    /// Reads only the identity; the rest of the object is passed over, not decoded, and nothing after the metadata is looked at.
    ///
    /// - Throws: ``ObjectDecodingError`` when there is no metadata, or no name in it.
    public init(_ encoded: EncodedObject) throws(ObjectDecodingError) {
        self.init(namespace: "", name: "", uid: "", resourceVersion: "")
        let found =
            switch encoded.encoding {
            case .protobuf: try read(protobuf: encoded.bytes)
            case .json: try read(json: encoded.bytes)
            }
        guard found else { throw ObjectDecodingError(.malformed("there is no metadata"), at: encoded.bytes.count) }
    }

    private mutating func read(protobuf bytes: [UInt8]) throws(ObjectDecodingError) -> Bool {
        var object = WireCursor(bytes)
        while let field = try object.next() {
            guard field.number == MetadataField.inObject else { continue }
            guard field.type == .lengthDelimited else {
                throw ObjectDecodingError(.malformed("metadata is not a message"), at: field.start, field: "metadata")
            }
            var metadata = WireCursor(bytes, field.payload)
            while let member = try metadata.next() {
                guard member.type == .lengthDelimited else { continue }
                switch member.number {
                case MetadataField.name: name = String(decoding: bytes[member.payload], as: UTF8.self)
                case MetadataField.namespace: namespace = String(decoding: bytes[member.payload], as: UTF8.self)
                case MetadataField.uid: uid = String(decoding: bytes[member.payload], as: UTF8.self)
                case MetadataField.resourceVersion:
                    resourceVersion = String(decoding: bytes[member.payload], as: UTF8.self)
                default: break
                }
            }
            return true
        }
        return false
    }

    private mutating func read(json bytes: [UInt8]) throws(ObjectDecodingError) -> Bool {
        var metadata: JSONCursor?
        var object = JSONCursor(bytes)
        do {
            try object.readObject { key, cursor throws(ObjectDecodingError) in
                if key == Array("metadata".utf8) {
                    metadata = cursor
                    // What follows is not needed: leave the object by the only way out of its loop.
                    throw ObjectDecodingError(.truncated, at: -1)
                }
                try cursor.skip()
            }
        } catch where metadata == nil {
            throw error
        } catch {}
        guard var metadata else { return false }
        var found = self
        try metadata.readObject { key, cursor throws(ObjectDecodingError) in
            switch String(decoding: key, as: UTF8.self) {
            case "name": found.name = try cursor.readNull() ? "" : try cursor.readString()
            case "namespace": found.namespace = try cursor.readNull() ? "" : try cursor.readString()
            case "uid": found.uid = try cursor.readNull() ? "" : try cursor.readString()
            case "resourceVersion": found.resourceVersion = try cursor.readNull() ? "" : try cursor.readString()
            default: try cursor.skip()
            }
        }
        self = found
        return true
    }
}

/// Field numbers that are read without a schema, in `metav1.ObjectMeta` unless said otherwise.
enum MetadataField {
    /// `metadata` in every object.
    static let inObject: UInt32 = 1
    static let name: UInt32 = 1
    static let namespace: UInt32 = 3
    static let uid: UInt32 = 5
    static let resourceVersion: UInt32 = 6
    static let creationTimestamp: UInt32 = 8
    static let deletionTimestamp: UInt32 = 9
    static let labels: UInt32 = 11
    static let annotations: UInt32 = 12
    static let ownerReferences: UInt32 = 13
    static let managedFields: UInt32 = 17
}
