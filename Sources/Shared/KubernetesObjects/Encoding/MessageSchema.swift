internal import CProtobufC
internal import CSchemas

/// The layout of one message of our schemas: a safe view of protobuf-c's descriptor.
///
/// Descriptors are constants of the program, written by protoc-c; every pointer in them is valid for good.
@safe
public struct MessageSchema: @unchecked Sendable {
    // @unchecked Sendable: what it points to is constant.
    let descriptor: UnsafePointer<ProtobufCMessageDescriptor>

    init(_ descriptor: UnsafePointer<ProtobufCMessageDescriptor>) {
        unsafe self.descriptor = descriptor
    }

    /// The top-level message with this full name, `core.Pod`; nil when CSchemas does not register it.
    init?(named name: String) {
        // Safe: the function reads the name only during the call and returns a constant or NULL.
        guard let descriptor = unsafe mizzen_schema_named(name) else { return nil }
        unsafe self.descriptor = descriptor
    }

    /// The schema of an object, which CSchemas registers.
    static func object(_ name: String) -> MessageSchema {
        guard let schema = MessageSchema(named: name) else { preconditionFailure("CSchemas does not register \(name)") }
        return schema
    }

    /// Full name: `core.Pod`.
    // Safe: a constant, NUL-terminated string.
    var name: String { unsafe String(cString: descriptor.pointee.name) }

    /// In the order of their numbers.
    var fields: Fields { Fields(schema: self) }

    /// - Parameter name: UTF-8, compared byte by byte.
    func field(named name: some Collection<UInt8>) -> FieldSchema? {
        fields.first { $0.hasName(name) }
    }

    func field(numbered number: UInt32) -> FieldSchema? {
        // Safe: the descriptor is a constant, and so is what the look-up returns.
        guard let field = unsafe protobuf_c_message_descriptor_get_field(descriptor, number) else { return nil }
        return unsafe FieldSchema(field)
    }

    /// What a mapping in this module calls; a name that the schema lacks is a mistake in the program, not in input.
    func field(_ name: StaticString) -> FieldSchema {
        // Safe: a static string is NUL-terminated; the look-up reads it only during the call.
        let found = name.withUTF8Buffer { buffer in
            unsafe buffer.withMemoryRebound(to: CChar.self) { characters in
                unsafe protobuf_c_message_descriptor_get_field_by_name(descriptor, characters.baseAddress)
            }
        }
        guard let found = unsafe found else { preconditionFailure("\(self.name) has no field \(name)") }
        return unsafe FieldSchema(found)
    }

    struct Fields: RandomAccessCollection {
        let schema: MessageSchema
        var startIndex: Int { 0 }
        // Safe: constant descriptor.
        var endIndex: Int { unsafe Int(schema.descriptor.pointee.n_fields) }

        subscript(index: Int) -> FieldSchema {
            // A collection is not asked for what lies outside its indices.
            precondition(index >= 0 && index < endIndex)
            // Safe: `fields` has `n_fields` elements, checked above.
            return unsafe FieldSchema(schema.descriptor.pointee.fields + index)
        }
    }
}

/// One field of a schema.
@safe
struct FieldSchema: @unchecked Sendable {
    // @unchecked Sendable: what it points to is constant.
    let descriptor: UnsafePointer<ProtobufCFieldDescriptor>

    init(_ descriptor: UnsafePointer<ProtobufCFieldDescriptor>) {
        unsafe self.descriptor = descriptor
    }

    enum Kind: Equatable {
        case int32
        case int64
        case bool
        case string
        case bytes
        case message
    }

    // Safe (all below): a constant of the program; strings in it are NUL-terminated.
    var name: String { unsafe String(cString: descriptor.pointee.name) }
    var number: UInt32 { unsafe descriptor.pointee.id }
    var isRepeated: Bool { unsafe descriptor.pointee.label == PROTOBUF_C_LABEL_REPEATED }

    /// Whether the field is held by value in Kubernetes: absent and empty mean the same.
    var isImplicit: Bool { unsafe descriptor.pointee.default_value != nil }

    var kind: Kind {
        switch unsafe descriptor.pointee.type {
        case PROTOBUF_C_TYPE_INT32: .int32
        case PROTOBUF_C_TYPE_INT64: .int64
        case PROTOBUF_C_TYPE_BOOL: .bool
        case PROTOBUF_C_TYPE_STRING: .string
        case PROTOBUF_C_TYPE_BYTES: .bytes
        case PROTOBUF_C_TYPE_MESSAGE: .message
        default: preconditionFailure("field \(name) has a type that our schemas do not use")
        }
    }

    /// The message type of a `message` field.
    var messageSchema: MessageSchema {
        // Safe: for message fields, and only for them, protoc-c puts a message descriptor here.
        guard kind == .message, let pointer = unsafe descriptor.pointee.descriptor else {
            // As above: names are constants, and the tests decode every kind.
            preconditionFailure("field \(name) is not a message")
        }
        return unsafe MessageSchema(pointer.assumingMemoryBound(to: ProtobufCMessageDescriptor.self))
    }

    func hasName(_ name: some Collection<UInt8>) -> Bool {
        // Safe: the name is NUL-terminated, and no byte after the terminator is read: the comparison stops at it.
        var character = unsafe descriptor.pointee.name
        for byte in name {
            guard let current = unsafe character?.pointee, current != 0, UInt8(bitPattern: current) == byte else {
                return false
            }
            unsafe character = character?.successor()
        }
        return unsafe character?.pointee == 0
    }
}
