/// Writes protobuf the way Kubernetes' generated code does: fields in order of their numbers, and fields that are not
/// pointers in its Go types even when they are empty.
struct ProtobufWriter {
    private(set) var bytes: [UInt8] = []

    mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func integer(_ field: UInt64, _ value: Int64) {
        varint(field << 3)
        varint(UInt64(bitPattern: value))
    }

    mutating func string(_ field: UInt64, _ value: String) {
        varint(field << 3 | 2)
        varint(UInt64(value.utf8.count))
        bytes.append(contentsOf: value.utf8)
    }

    mutating func message(_ field: UInt64, _ body: (inout ProtobufWriter) -> Void) {
        var inner = ProtobufWriter()
        body(&inner)
        varint(field << 3 | 2)
        varint(UInt64(inner.bytes.count))
        bytes.append(contentsOf: inner.bytes)
    }

    /// A `map<string, …>`, sorted by key.
    mutating func map<Value>(
        _ field: UInt64, _ map: [String: Value], _ value: (inout ProtobufWriter, Value) -> Void
    ) {
        for (key, element) in map.sorted(by: { $0.key < $1.key }) {
            message(field) { entry in
                entry.string(1, key)
                value(&entry, element)
            }
        }
    }

    /// `k8s\0` and a `runtime.Unknown` with `body` as its raw bytes.
    static func envelope(apiVersion: String, kind: String, _ body: (inout ProtobufWriter) -> Void) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.bytes = [0x6B, 0x38, 0x73, 0x00]
        writer.message(1) { type in
            type.string(1, apiVersion)
            type.string(2, kind)
        }
        writer.message(2, body)
        writer.string(3, "")
        writer.string(4, "")
        return writer.bytes
    }
}
