/// Fields of a protobuf message as they stand: enough to say exactly what is in one of dnstap.
enum ProtobufField: Equatable, CustomStringConvertible {
    case number(Int, UInt64)
    case fixed(Int, UInt32)
    case bytes(Int, [UInt8])

    var description: String {
        switch self {
        case .number(let field, let value): "\(field): \(value)"
        case .fixed(let field, let value): "\(field): fixed \(value)"
        case .bytes(let field, let value): "\(field): \(value) \"\(String(decoding: value, as: UTF8.self))\""
        }
    }

    static func text(_ field: Int, _ text: String) -> ProtobufField { .bytes(field, Array(text.utf8)) }

    /// Nil for what is no message.
    static func read(_ bytes: [UInt8]) -> [ProtobufField]? {
        var rest = bytes[...]
        var fields: [ProtobufField] = []
        func varint() -> UInt64? {
            var value: UInt64 = 0
            for shift in stride(from: UInt64(0), to: 64, by: 7) {
                guard let byte = rest.popFirst() else { return nil }
                value |= UInt64(byte & 0x7F) << shift
                if byte < 0x80 { return value }
            }
            return nil
        }
        while !rest.isEmpty {
            guard let tag = varint() else { return nil }
            let field = Int(tag >> 3)
            switch tag & 7 {
            case 0:
                guard let value = varint() else { return nil }
                fields.append(.number(field, value))
            case 2:
                guard let count = varint(), count <= rest.count else { return nil }
                fields.append(.bytes(field, Array(rest.prefix(Int(count)))))
                rest = rest.dropFirst(Int(count))
            case 5:
                guard rest.count >= 4 else { return nil }
                fields.append(.fixed(field, rest.prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }))
                rest = rest.dropFirst(4)
            default: return nil
            }
        }
        return fields
    }
}

/// A stream of frames taken apart.
enum FrameStreamText {
    /// Data frames, and control frames as `START protobuf:dnstap.Dnstap`; `CUT` where the end is missing.
    static func read(_ bytes: [UInt8]) -> (controls: [String], frames: [[UInt8]]) {
        var rest = bytes[...]
        var found: (controls: [String], frames: [[UInt8]]) = ([], [])
        func number() -> Int? {
            guard rest.count >= 4 else { return nil }
            defer { rest = rest.dropFirst(4) }
            return rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        }
        while !rest.isEmpty {
            guard let length = number(), let count = length == 0 ? number() : length, count <= rest.count else {
                found.controls.append("CUT")
                return found
            }
            let frame = Array(rest.prefix(count))
            rest = rest.dropFirst(count)
            if length > 0 {
                found.frames.append(frame)
            } else {
                let names: [UInt8: String] = [1: "ACCEPT", 2: "START", 3: "STOP", 4: "READY", 5: "FINISH"]
                let type = names[frame.count >= 4 ? frame[3] : 0] ?? "?"
                found.controls.append(frame.count > 12 ? "\(type) \(String(decoding: frame[12...], as: UTF8.self))" : type)
            }
        }
        return found
    }
}
