/// An object of ``Resource/all``, read in place; what it says is the same from either encoding.
public protocol KubernetesObject: MessageView, ~Escapable {
    static var resource: Resource { get }
    static var schema: MessageSchema { get }

    var metadata: Meta.ObjectMeta {
        @_lifetime(copy self)
        get
    }
}

/// A row of `status.conditions` of any object.
public protocol ConditionView: MessageView, ~Escapable {
    var type: Text {
        @_lifetime(copy self)
        get
    }

    /// `True`, `False` or `Unknown`.
    var status: Text {
        @_lifetime(copy self)
        get
    }

    var reason: Text {
        @_lifetime(copy self)
        get
    }

    var message: Text {
        @_lifetime(copy self)
        get
    }

    var lastTransitionTime: Timestamp? { get }
}

extension EncodedObject {
    /// Decodes the object and calls `body` with it. Nothing of the object is copied that `body` does not copy.
    ///
    /// - Throws: ``ObjectDecodingError`` with the place where the bytes stop being such an object, or what `body` throws.
    public func read<Object: KubernetesObject & ~Escapable, Result>(
        as type: Object.Type, _ body: (Object) throws(ObjectDecodingError) -> Result
    ) throws(ObjectDecodingError) -> Result {
        do {
            return try withMessage(Object.schema) { message throws(ObjectDecodingError) in
                // Safe: the message was decoded by the schema of this type.
                try body(unsafe Object(message))
            }
        } catch {
            throw error.named(Object.resource)
        }
    }

    /// Decodes the metadata of an object of any kind and calls `body` with them; the rest of the object is passed over.
    ///
    /// - Throws: ``ObjectDecodingError`` when there are none or they cannot be decoded, or what `body` throws.
    public func readMetadata<Result>(
        _ body: (Meta.ObjectMeta) throws(ObjectDecodingError) -> Result
    ) throws(ObjectDecodingError) -> Result {
        let object = try protobuf(.partialObjectMetadata)
        var fields = WireCursor(object)
        while let field = try fields.next() {
            guard field.number == MetadataField.inObject, field.type == .lengthDelimited else { continue }
            return try KubernetesObjects.withMessage(Array(object[field.payload]), .objectMeta) { message throws(ObjectDecodingError) in
                // Safe: the message was decoded by the schema of metadata.
                try body(unsafe Meta.ObjectMeta(message))
            }
        }
        throw ObjectDecodingError(.malformed("there is no metadata"), at: object.count)
    }
}
