extension ObjectIdentity {
    /// Reads only the identity; the rest of the object is passed over, and nothing after the metadata is looked at.
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
        guard !name.isEmpty else {
            throw ObjectDecodingError(.malformed("there is no name"), at: encoded.bytes.count, field: "metadata.name")
        }
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
        var cursor = JSONCursor(bytes)
        guard try cursor.enterObject() else { return false }
        while try cursor.readKey() != Array("metadata".utf8) {
            try cursor.skip()
            guard try cursor.hasNextMember() else { return false }
        }
        guard try cursor.enterObject() else { return true }
        repeat {
            switch String(decoding: try cursor.readKey(), as: UTF8.self) {
            case "name": name = try cursor.readNull() ? "" : cursor.readString()
            case "namespace": namespace = try cursor.readNull() ? "" : cursor.readString()
            case "uid": uid = try cursor.readNull() ? "" : cursor.readString()
            case "resourceVersion": resourceVersion = try cursor.readNull() ? "" : cursor.readString()
            default: try cursor.skip()
            }
        } while try cursor.hasNextMember()
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
