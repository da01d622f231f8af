import MizzenSystem

/// Writes the protobuf of a JSON object in the order of field numbers, as Kubernetes does.
/// Keys without a field are left out.
///
/// Recursion follows the schema, which has no cycles; what the schema lacks is skipped within a depth limit.
enum JSONToProtobuf {
    static func convert(_ json: [UInt8], _ schema: MessageSchema) throws(ObjectDecodingError) -> [UInt8] {
        var cursor = JSONCursor(json)
        let message = try object(&cursor, schema)
        try cursor.expectEnd()
        return message
    }

    /// Orders the fields of one message; members of an inline field come together under its number.
    private struct Place: Hashable, Comparable {
        var number: UInt32
        /// The number inside the inline message; 0 for fields of the message itself.
        var inner: UInt32

        static func < (left: Place, right: Place) -> Bool {
            (left.number, left.inner) < (right.number, right.inner)
        }
    }

    private static func object(
        _ cursor: inout JSONCursor, _ schema: MessageSchema
    ) throws(ObjectDecodingError) -> [UInt8] {
        var parts: [Place: [UInt8]] = [:]
        let inline = schema.inlineField
        try cursor.readObject { key, cursor throws(ObjectDecodingError) in
            if let field = schema.field(named: key), field.number != inline?.number {
                parts[Place(number: field.number, inner: 0)] = try member(&cursor, field)
            } else if let inline, let field = inline.messageSchema.field(named: key) {
                parts[Place(number: inline.number, inner: field.number)] = try member(&cursor, field)
            } else {
                try cursor.skip()
            }
        }
        var message: [UInt8] = []
        var inlineMessage: [UInt8] = []
        var inlineWritten = inline == nil
        for (place, bytes) in parts.sorted(by: { $0.key < $1.key }) {
            if place.inner > 0 {
                inlineMessage += bytes
                continue
            }
            if !inlineWritten, let inline, place.number > inline.number {
                message.appendField(inline.number, inlineMessage)
                inlineWritten = true
            }
            message += bytes
        }
        if !inlineWritten, let inline { message.appendField(inline.number, inlineMessage) }
        return message
    }

    /// The whole field: tag and payload, once for each element of a repeated one; nothing for null.
    private static func member(
        _ cursor: inout JSONCursor, _ field: FieldSchema
    ) throws(ObjectDecodingError) -> [UInt8] {
        do {
            if try cursor.readNull() { return [] }
            var bytes: [UInt8] = []
            guard field.isRepeated else {
                try value(&cursor, field, into: &bytes)
                return bytes
            }
            if field.kind == .message, field.messageSchema.isMapEntry { return try map(&cursor, field) }
            try cursor.readArray { cursor throws(ObjectDecodingError) in
                if try cursor.readNull() {
                    bytes.appendField(field.number, [])
                } else {
                    try value(&cursor, field, into: &bytes)
                }
            }
            return bytes
        } catch {
            throw error.inside(field.name)
        }
    }

    private static func value(
        _ cursor: inout JSONCursor, _ field: FieldSchema, into bytes: inout [UInt8]
    ) throws(ObjectDecodingError) {
        switch field.kind {
        case .bool: bytes.appendField(field.number, varint: try cursor.readBool() ? 1 : 0)
        case .int64: bytes.appendField(field.number, varint: UInt64(bitPattern: try cursor.readInteger()))
        case .int32:
            let start = cursor
            guard let value = Int32(exactly: try cursor.readInteger()) else {
                throw start.unexpected("a number of more than 32 bits")
            }
            bytes.appendField(field.number, varint: UInt64(bitPattern: Int64(value)))
        case .string: bytes.appendField(field.number, try cursor.readStringBytes())
        case .bytes:
            let start = cursor
            guard let value = Base64.decode(try cursor.readStringBytes()) else { throw start.unexpected("not Base64") }
            bytes.appendField(field.number, value)
        case .message: bytes.appendField(field.number, try message(&cursor, field.messageSchema))
        }
    }

    /// A JSON object as `…Entry` messages, in the order of their keys.
    private static func map(_ cursor: inout JSONCursor, _ field: FieldSchema) throws(ObjectDecodingError) -> [UInt8] {
        let valueField = field.messageSchema.field("value")
        var pairs: [(key: [UInt8], entry: [UInt8])] = []
        try cursor.readObject { key, cursor throws(ObjectDecodingError) in
            var entry: [UInt8] = []
            entry.appendField(1, key)
            if try !cursor.readNull() {
                do throws(ObjectDecodingError) {
                    try value(&cursor, valueField, into: &entry)
                } catch {
                    throw error.inside(String(decoding: key, as: UTF8.self))
                }
            } else if valueField.kind == .string {
                entry.appendField(valueField.number, [])
            }
            pairs.append((key, entry))
        }
        pairs.sort { $0.key.lexicographicallyPrecedes($1.key) }
        var bytes: [UInt8] = []
        for pair in pairs { bytes.appendField(field.number, pair.entry) }
        return bytes
    }

    /// The payload of a message field.
    private static func message(
        _ cursor: inout JSONCursor, _ schema: MessageSchema
    ) throws(ObjectDecodingError) -> [UInt8] {
        var bytes: [UInt8] = []
        switch schema.jsonForm {
        case .object: return try object(&cursor, schema)
        case .time:
            let start = cursor
            let text = try cursor.readString()
            guard let time = Timestamp(text) else { throw start.unexpected("\"\(text)\" is not a time of RFC 3339") }
            // Kubernetes writes its zero time as an empty message.
            if time == .zero { return [] }
            bytes.appendField(1, varint: UInt64(bitPattern: time.seconds))
            bytes.appendField(2, varint: UInt64(bitPattern: Int64(time.nanoseconds)))
        case .duration:
            let start = cursor
            let text = try cursor.readString()
            guard let nanoseconds = GoDurationText.parse(text) else {
                throw start.unexpected("\"\(text)\" is not a duration")
            }
            bytes.appendField(1, varint: UInt64(bitPattern: nanoseconds))
        case .quantity:
            let start = cursor
            let isText = cursor.peek() == UInt8(ascii: "\"")
            let text = isText ? try cursor.readString() : try cursor.readNumber()
            guard Quantity(text) != nil else { throw start.unexpected("\"\(text)\" is not a quantity") }
            bytes.appendField(1, Array(text.utf8))
        case .intOrString:
            if cursor.peek() == UInt8(ascii: "\"") {
                bytes.appendField(1, varint: 1)
                bytes.appendField(2, varint: 0)
                bytes.appendField(3, try cursor.readStringBytes())
            } else {
                let start = cursor
                guard let number = Int32(exactly: try cursor.readInteger()) else {
                    throw start.unexpected("a number of more than 32 bits")
                }
                bytes.appendField(1, varint: 0)
                bytes.appendField(2, varint: UInt64(bitPattern: Int64(number)))
                bytes.appendField(3, [])
            }
        case .stringList:
            try cursor.readArray { cursor throws(ObjectDecodingError) in
                bytes.appendField(1, try cursor.readStringBytes())
            }
        case .raw: bytes.appendField(1, Array(cursor.bytes[try cursor.skip()]))
        }
        return bytes
    }
}
