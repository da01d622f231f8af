import KubernetesObjects

/// Appends the samples of one object and one family, without the family's name and without the labels that every
/// sample of the object has: `,container="web"} 1` and a line feed.
///
/// A line feed ends each sample and occurs nowhere else, because label values have theirs escaped.
struct SampleWriter: Sendable {
    private(set) var bytes: [UInt8] = []

    /// One sample. Labels appear in the order given.
    mutating func sample(_ value: Double, _ labels: (String, String)...) {
        for (name, text) in labels { append(label: name, text) }
        end(value)
    }

    /// One sample of value 1.
    mutating func info(_ labels: (String, String)...) {
        for (name, text) in labels { append(label: name, text) }
        end(1)
    }

    mutating func flag(_ value: Bool, _ labels: (String, String)...) {
        for (name, text) in labels { append(label: name, text) }
        end(value ? 1 : 0)
    }

    /// One sample whose labels are made at run time.
    mutating func sample(_ value: Double, labels: [(String, String)]) {
        for (name, text) in labels { append(label: name, text) }
        end(value)
    }

    /// Seconds since 1970; nothing for a time that is not set.
    mutating func time(_ time: Timestamp?) {
        if let time { sample(Double(time.seconds)) }
    }

    /// Seconds since 1970 of a time that should be there. One that is missing counts as Go's zero time, the beginning
    /// of the year 1, because that is the value dashboards know for it.
    mutating func requiredTime(_ time: Timestamp?, _ labels: (String, String)...) {
        for (name, text) in labels { append(label: name, text) }
        end(Double(time?.seconds ?? Self.zeroTime))
    }

    static let zeroTime: Int64 = -62_135_596_800

    /// One sample for each of true, false and unknown; 1 for the one that holds.
    /// - Parameters:
    ///   - status: `True`, `False` or `Unknown`, as in conditions.
    ///   - label: the label that holds the lower-case status; it comes last.
    mutating func condition(_ status: String, label: String, _ labels: (String, String)...) {
        for (candidate, text) in [("True", "true"), ("False", "false"), ("Unknown", "unknown")] {
            for (name, value) in labels { append(label: name, value) }
            append(label: label, text)
            end(candidate == status ? 1 : 0)
        }
    }

    private mutating func append(label name: String, _ value: String) {
        bytes.append(UInt8(ascii: ","))
        bytes.append(label: name, value: value)
    }

    private mutating func end(_ value: Double) {
        bytes.append(UInt8(ascii: "}"))
        bytes.append(UInt8(ascii: " "))
        bytes.append(number: value)
        bytes.append(UInt8(ascii: "\n"))
    }
}

/// The labels that every sample of one object begins with: `{namespace="default",pod="web-0"`. Never empty.
func identityLabels(_ labels: [(String, String)]) -> [UInt8] {
    var bytes: [UInt8] = []
    for (index, label) in labels.enumerated() {
        bytes.append(index == 0 ? UInt8(ascii: "{") : UInt8(ascii: ","))
        bytes.append(label: label.0, value: label.1)
    }
    return bytes
}

extension [UInt8] {
    /// `name="value"`, with backslash, line feed and double quote of the value escaped.
    mutating func append(label name: String, value: String) {
        append(contentsOf: name.utf8)
        append(UInt8(ascii: "="))
        append(UInt8(ascii: "\""))
        if value.utf8.contains(where: { $0 == UInt8(ascii: "\\") || $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\"") }) {
            for byte in value.utf8 {
                switch byte {
                case UInt8(ascii: "\\"): append(contentsOf: [byte, byte])
                case UInt8(ascii: "\n"): append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "n")])
                case UInt8(ascii: "\""): append(contentsOf: [UInt8(ascii: "\\"), byte])
                default: append(byte)
                }
            }
        } else {
            append(contentsOf: value.utf8)
        }
        append(UInt8(ascii: "\""))
    }
}
