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
}
