/// Writes the few protobuf messages that wrap objects: lists, `runtime.Unknown`, watch events, `Status`.
struct ProtobufWriter {
    private(set) var bytes: [UInt8] = []

    init() {}

    mutating func varint(_ field: Int, _ value: UInt64) {
        append(UInt64(field) << 3)
        append(value)
    }

    mutating func string(_ field: Int, _ value: String) {
        header(field, length: value.utf8.count)
        bytes.append(contentsOf: value.utf8)
    }

    mutating func data(_ field: Int, _ value: some Collection<UInt8>) {
        header(field, length: value.count)
        bytes.append(contentsOf: value)
    }

    mutating func message(_ field: Int, _ body: (inout ProtobufWriter) -> Void) {
        var inner = ProtobufWriter()
        body(&inner)
        data(field, inner.bytes)
    }

    /// The tag and the length of a field of that many bytes, which the caller appends.
    mutating func header(_ field: Int, length: Int) {
        append(UInt64(field) << 3 | 2)
        append(UInt64(length))
    }

    mutating func append(contentsOf value: some Collection<UInt8>) { bytes.append(contentsOf: value) }

    private mutating func append(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    static func varintLength(_ value: Int) -> Int {
        var length = 1
        var rest = value >> 7
        while rest > 0 {
            length += 1
            rest >>= 7
        }
        return length
    }
}

/// Kubernetes' envelope of protobuf answers: `k8s\0`, then `runtime.Unknown` with the type and the bare message.
enum ProtobufEnvelope {
    static let magic: [UInt8] = [0x6b, 0x38, 0x73, 0x00]

    static func wrap(_ message: [UInt8], apiVersion: String, kind: String) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.append(contentsOf: head(apiVersion: apiVersion, kind: kind, messageLength: message.count))
        writer.append(contentsOf: message)
        writer.append(contentsOf: tail)
        return writer.bytes
    }

    /// All that stands before a message of a known length, so that a list can be written piece by piece.
    static func head(apiVersion: String, kind: String, messageLength: Int) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.append(contentsOf: magic)
        writer.message(1) { type in
            type.string(1, apiVersion)
            type.string(2, kind)
        }
        writer.header(2, length: messageLength)
        return writer.bytes
    }

    /// The bare message inside an envelope; `nil` when there is none.
    static func message(in bytes: [UInt8]) -> [UInt8]? {
        bytes.starts(with: magic) ? ProtobufFields.bytes(2, in: bytes[magic.count...]) : nil
    }

    /// The empty content encoding and content type.
    static let tail: [UInt8] = [0x1a, 0x00, 0x22, 0x00]
}

/// Looks into messages without a schema.
enum ProtobufFields {
    /// The content of the first length-delimited field of that number; `nil` when it is absent or the message is broken.
    static func bytes(_ field: Int, in message: some Collection<UInt8>) -> [UInt8]? {
        let bytes = Array(message)
        var position = 0
        func varint() -> Int? {
            var value = 0
            for shift in stride(from: 0, to: 63, by: 7) where position < bytes.count {
                let byte = bytes[position]
                position += 1
                value |= Int(byte & 0x7f) << shift
                if byte & 0x80 == 0 { return value }
            }
            return nil
        }
        while position < bytes.count {
            guard let tag = varint() else { return nil }
            switch tag & 7 {
            case 0:
                if varint() == nil { return nil }
            case 1: position += 8
            case 5: position += 4
            case 2:
                guard let length = varint(), length <= bytes.count - position else { return nil }
                if tag >> 3 == field { return Array(bytes[position..<position + length]) }
                position += length
            default: return nil
            }
        }
        return nil
    }
}
