import Logging
import MizzenSystem

/// Writes one line an event, as text that reads like logfmt or as a JSON object.
struct LineLogHandler: LogHandler {
    var label: String
    var format: LoggingOptions.Format
    var logLevel: Logger.Level = .info
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    /// Seconds and nanoseconds since the epoch; injected by tests.
    var clock: @Sendable () -> (seconds: Int, nanoseconds: Int) = Self.wallClock
    var sink: @Sendable ([UInt8]) -> Void

    init(label: String, format: LoggingOptions.Format, sink: @escaping @Sendable ([UInt8]) -> Void) {
        self.label = label
        self.format = format
        self.sink = sink
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { _, new in new } }
        if let own = event.metadata { all.merge(own) { _, new in new } }
        if let error = event.error { all["error"] = .string("\(error)") }
        let pairs = all.sorted { $0.key < $1.key }
        var line = ""
        let now = clock()
        let time = Self.timestamp(seconds: now.seconds, nanoseconds: now.nanoseconds)
        switch format {
        case .text:
            line += "\(time) \(event.level.rawValue) \(label) \(Self.oneLine(event.message.description))"
            for (key, value) in pairs { line += " \(key)=\(Self.quotedIfNeeded(value.description))" }
        case .json:
            line += "{\"time\":\"\(time)\",\"level\":\"\(event.level.rawValue)\",\"process\":"
            line += Self.jsonString(label) + ",\"message\":" + Self.jsonString(event.message.description)
            for (key, value) in pairs {
                line += "," + Self.jsonString(key) + ":" + Self.json(value)
            }
            line += "}"
        }
        line += "\n"
        sink(Array(line.utf8))
    }

    static func wallClock() -> (seconds: Int, nanoseconds: Int) {
        let now = Int(WallClock.nanoseconds()).quotientAndRemainder(dividingBy: 1_000_000_000)
        return (now.quotient, now.remainder)
    }

    /// RFC 3339 in UTC with milliseconds.
    static func timestamp(seconds: Int, nanoseconds: Int) -> String {
        let (date, time) = (seconds.quotientFloor(86_400), seconds.remainderFloor(86_400))
        // Counted from 1 March of year 0, a leap day is the last day of its year and months have a closed formula.
        let days = date + 719_468
        let (era, dayOfEra) = (days.quotientFloor(146_097), days.remainderFloor(146_097))
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shifted + 2) / 5 + 1
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
        let thousandths = String(nanoseconds / 1_000_000 + 1000).dropFirst()
        return "\(year)-\(padded(month))-\(padded(day))"
            + "T\(padded(time / 3600)):\(padded(time / 60 % 60)):\(padded(time % 60)).\(thousandths)Z"
    }

    private static func padded(_ number: Int) -> String {
        number < 10 ? "0\(number)" : "\(number)"
    }

    private static func oneLine(_ text: String) -> String {
        text.contains(where: \.isNewline) ? String(text.map { $0.isNewline ? " " : $0 }) : text
    }

    private static func quotedIfNeeded(_ text: String) -> String {
        let needsQuotes =
            text.isEmpty || text.utf8.contains { $0 <= 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "=") }
        return needsQuotes ? jsonString(text) : text
    }

    private static func json(_ value: Logger.MetadataValue) -> String {
        switch value {
        case .string(let text): jsonString(text)
        case .stringConvertible(let value): jsonString(value.description)
        case .array(let values): "[" + values.map(json).joined(separator: ",") + "]"
        case .dictionary(let values):
            "{"
                + values.sorted { $0.key < $1.key }.map { jsonString($0.key) + ":" + json($0.value) }
                .joined(separator: ",") + "}"
        }
    }

    static func jsonString(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case "\0"..<" ", "\u{7F}": out += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}

extension Int {
    fileprivate func quotientFloor(_ divisor: Int) -> Int { (self - remainderFloor(divisor)) / divisor }
    fileprivate func remainderFloor(_ divisor: Int) -> Int { (self % divisor + divisor) % divisor }
}
