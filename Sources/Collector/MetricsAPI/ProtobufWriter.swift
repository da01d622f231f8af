/// Writes protobuf the way Kubernetes' generated code does: fields in order of their numbers, and fields that are not
/// pointers in its Go types even when they are empty.
struct ProtobufWriter {
    private(set) var bytes: [UInt8] = []

    init() {}

    /// Goes on behind fields that stand already.
    init(after fields: ArraySlice<UInt8>) { bytes = Array(fields) }

    static func varint(_ value: UInt64) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.varint(value)
        return writer.bytes
    }

    /// How many bytes a number takes.
    static func size(of value: Int) -> Int { (max(1, Int.bitWidth - value.leadingZeroBitCount) + 6) / 7 }

    mutating func varint(_ value: UInt64) { Self.varint(value) { bytes.append($0) } }

    /// - Parameter put: takes the number's bytes, one after the other.
    static func varint(_ value: UInt64, _ put: (UInt8) -> Void) {
        var rest = value
        while rest >= 0x80 {
            put(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        put(UInt8(rest))
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

    mutating func bytes(_ field: UInt64, _ value: some Collection<UInt8>) {
        varint(field << 3 | 2)
        varint(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    mutating func text(_ field: UInt64, _ write: (inout [UInt8]) -> Void) {
        message(field) { write(&$0.bytes) }
    }

    mutating func message(_ field: UInt64, _ body: (inout ProtobufWriter) -> Void) {
        varint(field << 3 | 2)
        let place = bytes.count
        // The size of nearly all takes one byte; those behind a longer one move once.
        bytes.append(0)
        body(&self)
        let size = bytes.count - place - 1
        guard size >= 0x80 else { return bytes[place] = UInt8(size) }
        bytes.replaceSubrange(place...place, with: Self.varint(UInt64(size)))
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
        var raw = ProtobufWriter()
        body(&raw)
        let frame = frame(apiVersion: apiVersion, kind: kind, size: raw.bytes.count)
        return frame.head + raw.bytes + frame.tail
    }

    /// What stands around the raw bytes of an envelope.
    static func frame(apiVersion: String, kind: String, size: Int) -> (head: [UInt8], tail: [UInt8]) {
        var head = ProtobufWriter()
        head.bytes = [0x6B, 0x38, 0x73, 0x00]
        head.message(1) { type in
            type.string(1, apiVersion)
            type.string(2, kind)
        }
        head.varint(2 << 3 | 2)
        head.varint(UInt64(size))
        var tail = ProtobufWriter()
        tail.string(3, "")
        tail.string(4, "")
        return (head.bytes, tail.bytes)
    }
}
