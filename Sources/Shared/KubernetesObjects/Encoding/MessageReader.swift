internal import CProtobufC

/// Reads the fields of a decoded protobuf-c message by their schema or their Kubernetes names: for code that knows no kind,
/// as the transcoders. Whoever knows the kind reads its view.
///
/// Only valid inside the `withMessage` call that made it: what leaves that call are the values read here,
/// never a reader.
/// A missing pointer reads as absent; counts come from the decoder together with the arrays they count.
@safe
struct MessageReader {
    private let base: UnsafeRawPointer
    let schema: MessageSchema

    init(_ message: UnsafePointer<ProtobufCMessage>, _ schema: MessageSchema) {
        unsafe base = UnsafeRawPointer(message)
        self.schema = schema
    }

    // MARK: Scalars. The plain form gives the empty value for an absent field.

    func string(_ name: StaticString) -> String { optionalString(name) ?? "" }
    func int32(_ name: StaticString) -> Int32 { optionalInt32(name) ?? 0 }
    func int64(_ name: StaticString) -> Int64 { optionalInt64(name) ?? 0 }
    func bool(_ name: StaticString) -> Bool { optionalBool(name) ?? false }

    func optionalString(_ name: StaticString) -> String? { string(schema.field(name)) }
    func optionalInt32(_ name: StaticString) -> Int32? { int32(schema.field(name)) }
    func optionalInt64(_ name: StaticString) -> Int64? { int64(schema.field(name)) }
    func optionalBool(_ name: StaticString) -> Bool? { bool(schema.field(name)) }

    // MARK: Messages

    func message(_ name: StaticString) -> MessageReader? { message(schema.field(name)) }

    func strings(_ name: StaticString) -> [String] {
        let field = schema.field(name)
        let count = count(field)
        return count == 0 ? [] : (0..<count).map { string(field, at: $0) }
    }
}

// MARK: - By field, for code that walks a schema

extension MessageReader {
    func string(_ field: FieldSchema) -> String? {
        expect(field, .string, isRepeated: false)
        return unsafe text(pointer(field, as: UnsafePointer<CChar>?.self).pointee)
    }

    func int32(_ field: FieldSchema) -> Int32? {
        expect(field, .int32, isRepeated: false)
        // Safe: `offset` of an int32 field is that of an Int32.
        return isPresent(field) ? unsafe pointer(field, as: Int32.self).pointee : nil
    }

    func int64(_ field: FieldSchema) -> Int64? {
        expect(field, .int64, isRepeated: false)
        return isPresent(field) ? unsafe pointer(field, as: Int64.self).pointee : nil
    }

    func bool(_ field: FieldSchema) -> Bool? {
        expect(field, .bool, isRepeated: false)
        return isPresent(field) ? unsafe pointer(field, as: protobuf_c_boolean.self).pointee != 0 : nil
    }

    func bytes(_ field: FieldSchema) -> [UInt8]? {
        expect(field, .bytes, isRepeated: false)
        guard isPresent(field) else { return nil }
        let data = unsafe pointer(field, as: ProtobufCBinaryData.self).pointee
        // Safe: protobuf-c sets `len` to the size of what `data` points to; NULL only with 0 bytes.
        return unsafe Array(UnsafeBufferPointer(start: data.data, count: data.data == nil ? 0 : data.len))
    }

    func message(_ field: FieldSchema) -> MessageReader? {
        expect(field, .message, isRepeated: false)
        guard let message = unsafe pointer(field, as: UnsafePointer<ProtobufCMessage>?.self).pointee else { return nil }
        // Safe: a message field points to a message of the field's schema, or is NULL.
        return unsafe MessageReader(message, field.messageSchema)
    }

    /// How many elements a repeated field has.
    func count(_ field: FieldSchema) -> Int {
        // The field is a constant of the code that asks; the schemas are compiled in.
        precondition(field.isRepeated, "field \(field.name) is not repeated")
        // Safe: a repeated field's `quantifier_offset` is that of its size_t count; no array means no elements.
        let count = unsafe base.load(fromByteOffset: Int(field.descriptor.pointee.quantifier_offset), as: Int.self)
        return unsafe pointer(field, as: UnsafeRawPointer?.self).pointee == nil ? 0 : max(count, 0)
    }

    func string(_ field: FieldSchema, at index: Int) -> String {
        expect(field, .string, isRepeated: true)
        // The index comes from a loop over `count(field)`.
        precondition(index >= 0 && index < count(field))
        // Safe: the array has `count` elements, checked above.
        let elements = unsafe pointer(field, as: UnsafePointer<UnsafePointer<CChar>?>.self).pointee
        return unsafe text(elements[index]) ?? ""
    }

    func message(_ field: FieldSchema, at index: Int) -> MessageReader? {
        expect(field, .message, isRepeated: true)
        // The index comes from a loop over `count(field)`.
        precondition(index >= 0 && index < count(field))
        // Safe: the array has `count` elements, checked above, each a message of the field's schema or NULL.
        let elements = unsafe pointer(field, as: UnsafePointer<UnsafePointer<ProtobufCMessage>?>.self).pointee
        guard let message = unsafe elements[index] else { return nil }
        return unsafe MessageReader(message, field.messageSchema)
    }

    private func expect(_ field: FieldSchema, _ kind: FieldSchema.Kind, isRepeated: Bool) {
        precondition(
            field.kind == kind && field.isRepeated == isRepeated, "\(schema.name).\(field.name) has another type")
    }

    /// Whether an optional number, bool or bytes field is in the message.
    private func isPresent(_ field: FieldSchema) -> Bool {
        // Safe: for these kinds `quantifier_offset` is that of the has_… flag.
        unsafe base.load(
            fromByteOffset: Int(field.descriptor.pointee.quantifier_offset), as: protobuf_c_boolean.self) != 0
    }

    /// Safe to read while the message lives, if `Value` is the C type of the field: callers check the kind first.
    private func pointer<Value>(_ field: FieldSchema, as type: Value.Type) -> UnsafePointer<Value> {
        unsafe (base + Int(field.descriptor.pointee.offset)).assumingMemoryBound(to: type)
    }

    private func text(_ characters: UnsafePointer<CChar>?) -> String? {
        guard let characters = unsafe characters else { return nil }
        // Safe: protobuf-c ends every string with NUL. Bytes that are not UTF-8 become U+FFFD.
        return unsafe String(cString: characters)
    }
}

extension ObjectDecodingError {
    /// The same error with one more step at the front of its field path.
    func inside(_ name: String) -> ObjectDecodingError {
        var error = self
        error.field = field.isEmpty ? name : "\(name).\(field)"
        return error
    }

    func named(_ resource: Resource) -> ObjectDecodingError {
        var error = self
        error.resource = resource.plural
        return error
    }

    /// The same error, when what was decoded began at `offset` of a larger input.
    func shifted(by offset: Int) -> ObjectDecodingError {
        var error = self
        error.offset += offset
        return error
    }
}
