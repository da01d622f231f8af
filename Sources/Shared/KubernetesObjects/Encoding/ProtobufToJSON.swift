import MizzenSystem

/// Writes the JSON of a decoded message as Kubernetes would, for the fields of the schema.
///
/// Fields that Kubernetes holds by value are left out when they are empty.
struct ProtobufToJSON {
    private var text: [UInt8] = []

    /// - Parameter typed: when given, `kind` and `apiVersion` come first.
    static func convert(
        _ protobuf: [UInt8], _ schema: MessageSchema, kind: String = "", apiVersion: String = ""
    ) throws(ObjectDecodingError) -> [UInt8] {
        try withMessage(protobuf, schema) { message throws(ObjectDecodingError) in
            var writer = ProtobufToJSON()
            writer.text.append(UInt8(ascii: "{"))
            var isFirst = true
            if !kind.isEmpty {
                writer.text.appendJSONKey("kind".utf8, isFirst: &isFirst)
                writer.text.appendJSONString(kind.utf8)
                writer.text.appendJSONKey("apiVersion".utf8, isFirst: &isFirst)
                writer.text.appendJSONString(apiVersion.utf8)
            }
            writer.members(message, isFirst: &isFirst)
            writer.text.append(UInt8(ascii: "}"))
            return writer.text
        }
    }

    private mutating func members(_ message: MessageReader, isFirst: inout Bool) {
        let inline = message.schema.inlineField
        for field in message.schema.fields {
            if let inline, inline.number == field.number {
                if let source = message.message(field) { members(source, isFirst: &isFirst) }
            } else if field.isRepeated {
                repeated(message, field, isFirst: &isFirst)
            } else {
                single(message, field, isFirst: &isFirst)
            }
        }
    }

    private mutating func key(_ field: FieldSchema, isFirst: inout Bool) {
        text.appendJSONKey(field.name.utf8, isFirst: &isFirst)
    }

    private mutating func single(_ message: MessageReader, _ field: FieldSchema, isFirst: inout Bool) {
        let skipsEmpty = field.isImplicit
        switch field.kind {
        case .bool:
            guard let value = message.bool(field), !skipsEmpty || value else { return }
            key(field, isFirst: &isFirst)
            text += (value ? "true" : "false").utf8
        case .int32:
            guard let value = message.int32(field), !skipsEmpty || value != 0 else { return }
            key(field, isFirst: &isFirst)
            text += String(value).utf8
        case .int64:
            guard let value = message.int64(field), !skipsEmpty || value != 0 else { return }
            key(field, isFirst: &isFirst)
            text += String(value).utf8
        case .string:
            guard let value = message.string(field), !skipsEmpty || !value.isEmpty else { return }
            key(field, isFirst: &isFirst)
            text.appendJSONString(value.utf8)
        case .bytes:
            guard let value = message.bytes(field), !skipsEmpty || !value.isEmpty else { return }
            key(field, isFirst: &isFirst)
            text.appendJSONString(Base64.encode(value))
        case .message:
            guard let value = message.message(field), !Self.isZeroTime(value) else { return }
            key(field, isFirst: &isFirst)
            self.value(value)
        }
    }

    private static func isZeroTime(_ message: MessageReader) -> Bool {
        guard case .time = message.schema.jsonForm else { return false }
        return message.optionalInt64("seconds") == nil && message.optionalInt32("nanos") == nil
    }

    private mutating func repeated(_ message: MessageReader, _ field: FieldSchema, isFirst: inout Bool) {
        let count = message.count(field)
        if count == 0 { return }
        key(field, isFirst: &isFirst)
        let isMap = field.kind == .message && field.messageSchema.isMapEntry
        text.append(UInt8(ascii: isMap ? "{" : "["))
        var isFirstElement = true
        for index in 0..<count {
            if isMap {
                if let pair = message.message(field, at: index) { entry(pair, isFirst: &isFirstElement) }
                continue
            }
            if !isFirstElement { text.append(UInt8(ascii: ",")) }
            isFirstElement = false
            if field.kind == .string {
                text.appendJSONString(message.string(field, at: index).utf8)
            } else if let element = message.message(field, at: index) {
                value(element)
            } else {
                text += "null".utf8
            }
        }
        text.append(UInt8(ascii: isMap ? "}" : "]"))
    }

    private mutating func entry(_ pair: MessageReader, isFirst: inout Bool) {
        text.appendJSONKey(pair.string("key").utf8, isFirst: &isFirst)
        let field = pair.schema.field("value")
        switch field.kind {
        case .string: text.appendJSONString((pair.string(field) ?? "").utf8)
        case .bytes: text.appendJSONString(Base64.encode(pair.bytes(field) ?? []))
        case .message:
            if let message = pair.message(field) { value(message) } else { text += "null".utf8 }
        case .bool, .int32, .int64: preconditionFailure("no map of our schemas has such values")
        }
    }

    private mutating func value(_ message: MessageReader) {
        switch message.schema.jsonForm {
        case .object:
            text.append(UInt8(ascii: "{"))
            var isFirst = true
            members(message, isFirst: &isFirst)
            text.append(UInt8(ascii: "}"))
        case .time(let fractionDigits):
            let time = Timestamp(
                seconds: message.int64("seconds"), nanoseconds: min(max(message.int32("nanos"), 0), 999_999_999))
            if let time = time.text(fractionDigits: fractionDigits) {
                text.appendJSONString(time.utf8)
            } else {
                text += "null".utf8
            }
        case .duration: text.appendJSONString(GoDurationText.format(message.int64("duration")).utf8)
        case .quantity: text.appendJSONString(message.string("string").utf8)
        case .intOrString:
            if message.int64("type") == 0 {
                text += String(message.int32("intVal")).utf8
            } else {
                text.appendJSONString(message.string("strVal").utf8)
            }
        case .stringList:
            text.append(UInt8(ascii: "["))
            for (index, item) in message.strings("items").enumerated() {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                text.appendJSONString(item.utf8)
            }
            text.append(UInt8(ascii: "]"))
        case .raw: raw(message)
        }
    }

    /// Embedded JSON goes in as it is, if it is JSON; anything else as null.
    private mutating func raw(_ message: MessageReader) {
        let bytes = message.bytes(message.schema.field("raw")) ?? []
        var cursor = JSONCursor(bytes)
        if let range = try? cursor.skip(), (try? cursor.expectEnd()) != nil {
            text += bytes[range]
        } else {
            text += "null".utf8
        }
    }
}
