import Names
import RecordTable

extension LabelQuery {
    /// Whether a record's labels fulfil every requirement. Allocates nothing.
    func matches(_ labels: borrowing LabelsView) -> Bool {
        // Through a span, which lends the requirements instead of copying them.
        let lent = requirements.span
        for index in lent.indices {
            if let found = labels.index(of: lent[index].key.span) {
                if !lent[index].isMet(by: labels.value(found)) { return false }
            } else if !lent[index].isMetWithoutLabel {
                return false
            }
        }
        return true
    }
}

extension Span<UInt8> {
    /// Whether both hold the same octets.
    func equals(_ other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for i in 0..<count where self[i] != other[i] { return false }
        return true
    }
}
