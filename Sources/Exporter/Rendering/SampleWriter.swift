import KubernetesObjects

/// Appends the samples of one object and one family, without the family's name and without the labels that every
/// sample of the object has: `,container="web"} 1` and a line feed.
///
/// Nothing is allocated for a sample but room at the end of the bytes.
struct SampleWriter: ~Copyable {
    private var line = SampleLabels()

    /// Samples as ``TextPiece`` has them; a copy.
    var bytes: [UInt8] { line.buffer.bytes }
    var count: Int { line.buffer.count }

    /// One sample with labels of its own.
    mutating func sample(_ value: Double, _ labels: (inout SampleLabels) -> Void) {
        labels(&line)
        line.end(value)
    }

    /// One sample with at most one label of its own.
    mutating func sample(_ value: Double) { line.end(value) }

    mutating func sample(_ value: Double, _ name: String, _ text: borrowing some LabelValue & ~Escapable) {
        line(name, text)
        line.end(value)
    }

    /// One sample of value 1.
    mutating func info(_ labels: (inout SampleLabels) -> Void) { sample(1, labels) }

    mutating func info(_ name: String, _ text: borrowing some LabelValue & ~Escapable) { sample(1, name, text) }

    /// One sample of value 1 or 0.
    mutating func flag(_ value: Bool) { sample(value ? 1 : 0) }

    mutating func flag(_ value: Bool, _ name: String, _ text: borrowing some LabelValue & ~Escapable) {
        sample(value ? 1 : 0, name, text)
    }

    /// One sample whose labels have names made at run time.
    mutating func sample(_ value: Double, labels: [(String, String)]) {
        for (name, text) in labels { line(name, text) }
        line.end(value)
    }

    /// Seconds since 1970; nothing for a time that is not set.
    mutating func time(_ time: Timestamp?) {
        if let time { sample(Double(time.seconds)) }
    }

    /// Seconds since 1970 of a time that should be there. One that is missing counts as Go's zero time, the beginning
    /// of the year 1, because that is the value dashboards know for it.
    mutating func requiredTime(_ time: Timestamp?) { sample(Double(time?.seconds ?? Self.zeroTime)) }

    mutating func requiredTime(_ time: Timestamp?, _ name: String, _ text: borrowing some LabelValue & ~Escapable) {
        sample(Double(time?.seconds ?? Self.zeroTime), name, text)
    }

    static let zeroTime: Int64 = -62_135_596_800

    /// One sample for each of true, false and unknown; 1 for the one that holds.
    /// - Parameters:
    ///   - status: `True`, `False` or `Unknown`, as in conditions.
    ///   - label: the label that holds the lower-case status; it comes last.
    mutating func condition(_ status: Text, label: String, _ labels: (inout SampleLabels) -> Void = { _ in }) {
        for (candidate, text) in [("True", "true"), ("False", "false"), ("Unknown", "unknown")] {
            labels(&line)
            line(label, text)
            line.end(status == candidate ? 1 : 0)
        }
    }
}

/// The labels that every sample of one object begins with: `{namespace="default",pod="web-0"`. Never empty.
func identityLabels(_ labels: [(String, String)]) -> [UInt8] {
    var buffer = SampleBuffer(capacity: 256)
    for (index, label) in labels.enumerated() {
        buffer.append(index == 0 ? UInt8(ascii: "{") : UInt8(ascii: ","))
        buffer.append(label: label.0, value: label.1)
    }
    return buffer.bytes
}
