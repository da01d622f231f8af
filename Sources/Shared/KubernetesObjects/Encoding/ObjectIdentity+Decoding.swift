extension ObjectIdentity {
    /// Reads only the identity; the rest of the object is passed over, and nothing after the metadata is looked at.
    ///
    /// - Throws: ``ObjectDecodingError`` when there is no metadata, or no name in it.
    public init(_ encoded: EncodedObject) throws(ObjectDecodingError) { try self.init(ArrivedObject(encoded)) }

    /// As of an object that is kept.
    public init(_ arrived: ArrivedObject) throws(ObjectDecodingError) {
        self.init(namespace: "", name: "", uid: "", resourceVersion: "")
        let found =
            switch arrived.encoding {
            case .protobuf: try read(protobuf: arrived.bytes)
            case .json: try read(json: Array(arrived.bytes))
            }
        try check(found, size: arrived.bytes.count)
    }

    /// - Parameters:
    ///   - found: whether there were metadata.
    ///   - size: bytes of the object, for the error.
    func check(_ found: Bool, size: Int) throws(ObjectDecodingError) {
        guard found else { throw ObjectDecodingError(.malformed("there is no metadata"), at: size) }
        guard !name.isEmpty else {
            throw ObjectDecodingError(.malformed("there is no name"), at: size, field: "metadata.name")
        }
    }

    private mutating func read(protobuf bytes: ArraySlice<UInt8>) throws(ObjectDecodingError) -> Bool {
        var object = WireCursor(bytes)
        while let field = try object.next() {
            guard field.number == MetadataField.inObject else { continue }
            guard field.type == .lengthDelimited else {
                throw ObjectDecodingError(
                    .malformed("metadata is not a message"), at: field.start - bytes.startIndex, field: "metadata")
            }
            var metadata = WireCursor(bytes, field.payload)
            while let member = try metadata.next() { take(member, of: bytes) }
            return true
        }
        return false
    }

    /// Takes what a field of an object's metadata says about its identity.
    mutating func take(_ member: WireCursor.Field, of bytes: ArraySlice<UInt8>) {
        guard member.type == .lengthDelimited else { return }
        switch member.number {
        case MetadataField.name: name = String(decoding: bytes[member.payload], as: UTF8.self)
        case MetadataField.namespace: namespace = String(decoding: bytes[member.payload], as: UTF8.self)
        case MetadataField.uid: uid = String(decoding: bytes[member.payload], as: UTF8.self)
        case MetadataField.resourceVersion: resourceVersion = String(decoding: bytes[member.payload], as: UTF8.self)
        default: break
        }
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
