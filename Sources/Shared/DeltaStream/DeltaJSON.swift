import Kubernetes

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
        writer.field("commitTime", RFC3339.text(nanoseconds: delta.commitTime))
        do throws(ObjectDecodingError) {
            writer.field("object", json: try json(delta))
        } catch {
            writer.field("object", raw: "null")
            writer.field("objectError", error.description)
        }
        return writer.end()
    }

    private static func json(_ delta: Delta) throws(ObjectDecodingError) -> [UInt8] {
        switch delta.object.encoding {
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

/// Times as RFC 3339 writes them.
public enum RFC3339 {
    /// - Parameter nanoseconds: since 1970-01-01 UTC.
    /// - Returns: `2026-02-03T04:05:06.000000007Z`, always with nine digits.
    public static func text(nanoseconds: Int64) -> String {
        let (seconds, fraction) = floored(nanoseconds, by: 1_000_000_000)
        let (days, time) = floored(seconds, by: 86_400)
        let date = civil(days: days)
        return "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))"
            + "T\(padded(time / 3600, 2)):\(padded(time / 60 % 60, 2)):\(padded(time % 60, 2)).\(padded(fraction, 9))Z"
    }

    private static func floored(_ value: Int64, by divisor: Int64) -> (Int64, Int64) {
        let remainder = value % divisor
        return remainder < 0 ? (value / divisor - 1, remainder + divisor) : (value / divisor, remainder)
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    /// Days since 1970-01-01 as a date of the proleptic Gregorian calendar. Years are taken to begin in March, so that the
    /// leap day is the last, and repeat every 146,097 days.
    private static func civil(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = floored(days + 719_468, by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }
}
