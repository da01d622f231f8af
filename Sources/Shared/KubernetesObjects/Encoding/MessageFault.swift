/// Finds where bytes stop being a message. protobuf-c only says that they do; this runs after it has said so.
enum MessageFault {
    static func find(in bytes: [UInt8], _ schema: MessageSchema) -> ObjectDecodingError {
        do {
            try check(bytes[...], 0..<bytes.count, schema)
        } catch {
            return error
        }
        return ObjectDecodingError(.malformed("protobuf-c refuses the message"), at: 0)
    }

    /// Recursion is bounded by the schema, which has no cycles.
    private static func check(
        _ bytes: ArraySlice<UInt8>, _ range: Range<Int>, _ schema: MessageSchema
    ) throws(ObjectDecodingError) {
        var cursor = WireCursor(bytes, range)
        while let found = try cursor.next() {
            guard let field = schema.field(numbered: found.number) else { continue }
            let expected: WireCursor.WireType
            switch field.kind {
            case .int32, .int64, .bool: expected = .varint
            case .string, .bytes, .message: expected = .lengthDelimited
            }
            guard found.type == expected else {
                throw ObjectDecodingError(
                    .malformed("a value of another wire type than the field's"), at: found.start, field: field.name)
            }
            if field.kind == .message {
                do { try check(bytes, found.payload, field.messageSchema) } catch { throw error.inside(field.name) }
            }
        }
    }
}
