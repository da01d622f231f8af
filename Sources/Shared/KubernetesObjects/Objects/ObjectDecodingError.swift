/// Why bytes are not the object they are said to be.
public struct ObjectDecodingError: Error, Hashable, Sendable {
    public enum Reason: Hashable, Sendable {
        /// The bytes end inside a value.
        case truncated
        /// The bytes break the rules of their encoding; the text says which rule.
        case malformed(String)
        /// The encoding is right, the value is not one of this field: text where a number belongs, a bad timestamp.
        case unexpectedValue(String)
        /// Nested deeper than any Kubernetes object is.
        case nestedTooDeep
        /// A frame or an item is larger than the limit, both in bytes.
        case tooLarge(size: Int, limit: Int)
        /// There is no schema for this resource.
        case unknownResource
    }

    public var reason: Reason
    /// Where in the input, in bytes; never beyond its end. Incremental decoders count from the body's beginning.
    public var offset: Int
    /// The plural name of the resource; empty where the caller did not say what it decodes.
    public var resource: String
    /// The field, as in `status.containerStatuses.state`; empty when it is not known.
    public var field: String

    public init(_ reason: Reason, at offset: Int, resource: String = "", field: String = "") {
        self.reason = reason
        self.offset = offset
        self.resource = resource
        self.field = field
    }
}

extension ObjectDecodingError: CustomStringConvertible {
    public var description: String {
        var text = "cannot decode \(resource.isEmpty ? "an object" : resource)"
        if !field.isEmpty { text += ", field \(field)" }
        return "\(text), at byte \(offset): \(reasonText)"
    }

    private var reasonText: String {
        switch reason {
        case .truncated: "the data ends too early"
        case .malformed(let rule): rule
        case .unexpectedValue(let what): what
        case .nestedTooDeep: "nested too deep"
        case .tooLarge(let size, let limit): "\(size) bytes are more than the limit of \(limit)"
        case .unknownResource: "this resource has no schema here"
        }
    }
}
