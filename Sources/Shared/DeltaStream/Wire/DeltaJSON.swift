import KubernetesObjects

/// A delta as one line of JSON, as `mizzen-watcher tail` prints it.
public enum DeltaJSON {
    /// - Returns: one JSON object in UTF-8, without a line break at its end or inside. An object that cannot be rendered
    ///   as JSON is `null`, with the reason in `objectError`.
    public static func line(_ delta: Delta) -> [UInt8] {
        var writer = LineWriter()
        writer.field("change", "\(delta.change)")
        writer.field("resource", delta.resource.plural)
        writer.field("group", delta.resource.group)
        writer.field("version", delta.resource.version)
        writer.field("namespace", delta.namespace)
        writer.field("name", delta.name)
        writer.field("uid", delta.uid)
        writer.field("resourceVersion", delta.resourceVersion)
        writer.field("sequence", raw: "\(delta.sequence)")
        // 64 bits do not fit a JavaScript number.
        writer.field("streamID", hexadecimal(delta.streamID))
        // Never nil: 64 bits of nanoseconds reach the years 1677 to 2262.
        writer.field("commitTime", Timestamp(nanosecondsSinceEpoch: delta.commitTime).text(fractionDigits: 9) ?? "")
        do throws(ObjectDecodingError) {
            writer.field("object", json: try json(delta))
        } catch {
            writer.field("object", raw: "null")
            writer.field("objectError", error.description)
        }
        return writer.end()
    }

    private static func json(_ delta: Delta) throws(ObjectDecodingError) -> [UInt8] {
        // Deleted while no watcher ran.
        if delta.object.bytes.isEmpty { return Array("null".utf8) }
        return switch delta.object.encoding {
        case .json: delta.object.bytes
        case .protobuf: try ObjectTranscoder.json(fromProtobuf: delta.object.bytes, resource: delta.resource)
        }
    }

    /// 16 digits.
    static func hexadecimal(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

private struct LineWriter {
    private var bytes: [UInt8] = [UInt8(ascii: "{")]

    mutating func field(_ name: StaticString, _ value: String) {
        key(name)
        bytes.append(UInt8(ascii: "\""))
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0..<0x20, 0x7f:
                let digits = String(byte, radix: 16)
                bytes += "\\u00\(byte < 16 ? "0" : "")\(digits)".utf8
            default:
                bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    mutating func field(_ name: StaticString, raw: String) {
        key(name)
        bytes += raw.utf8
    }

    /// Line breaks between JSON tokens are blanks; inside JSON texts there are none.
    mutating func field(_ name: StaticString, json: [UInt8]) {
        key(name)
        bytes += json.lazy.map { $0 == 0x0a || $0 == 0x0d ? 0x20 : $0 }
    }

    private mutating func key(_ name: StaticString) {
        if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
        bytes += "\"\(name)\":".utf8
    }

    func end() -> [UInt8] { bytes + [UInt8(ascii: "}")] }
}
