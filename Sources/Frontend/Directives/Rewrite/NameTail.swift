/// A piece of a name's text that ends with a dot, as a rule's FROM or TO is after CoreDNS has closed it with one: `.svc.example.`
/// begins at a label's border, `ample.org.` inside a label.
struct NameTail: Sendable, Equatable {
    /// What stands in front of the first dot, lower case; may be empty.
    let head: [UInt8]
    /// The whole labels after it, lower case, in wire form without the root's octet.
    let rest: [UInt8]
    let restCount: Int

    /// - Parameter text: in presentation form, with or without its final dot.
    /// - Throws: when a label is empty (but for the dot in front) or too long, or the whole is longer than a name.
    init(_ text: String) throws(WireError) {
        let isHeadEmpty = text.hasPrefix(".") || text.isEmpty
        var name = try DNSName(isHeadEmpty ? String(text.dropFirst()) : text)
        _ = name.lowercase()
        head = isHeadEmpty ? [] : name.range(ofLabel: 0).map { name.storage[$0] }
        rest = Array(name.wire(fromLabel: isHeadEmpty ? 0 : 1).dropLast())
        restCount = name.labelCount - (isHeadEmpty ? 0 : 1)
    }

    /// Whether the text begins inside label `index` of `name` and goes on with the labels after it, whatever follows those.
    func begins(in name: DNSName, label index: Int) -> Bool {
        guard index >= 0, index + restCount < name.labelCount else { return false }
        let range = name.range(ofLabel: index)
        guard range.count >= head.count else { return false }
        let octets = name.storage.span
        let shift = range.upperBound - head.count
        for i in head.indices where lowerCase(octets[shift + i]) != head[i] { return false }
        return name.hasLabels(rest.span, fromLabel: index + 1)
    }

    /// Whether `name` ends with the text.
    func ends(_ name: DNSName) -> Bool {
        if name.labelCount == 0 { return head.isEmpty && restCount == 0 }
        return begins(in: name, label: name.labelCount - restCount - 1)
    }

    /// Whether the text is anywhere in `name`.
    func occurs(in name: DNSName) -> Bool {
        if name.labelCount == 0 { return head.isEmpty && restCount == 0 }
        for index in 0..<name.labelCount where begins(in: name, label: index) { return true }
        return false
    }

    /// `name`, which ends with the text, with `other` in its place; nil when that is no name.
    func replacingEnd(of name: DNSName, by other: NameTail) -> DNSName? {
        replacing(in: name, by: other, fromLabel: max(0, name.labelCount - restCount - 1))
    }

    /// `name` with `other` in the place of each occurrence, those in front first; nil when that is no name.
    func replacingAll(in name: DNSName, by other: NameTail) -> DNSName? { replacing(in: name, by: other, fromLabel: 0) }

    private func replacing(in name: DNSName, by other: NameTail, fromLabel first: Int) -> DNSName? {
        var result = DNSName()
        if name.labelCount == 0 {
            let isWhole = other.head.isEmpty || result.append(label: other.head.span)
            return isWhole && result.append(wireLabels: other.rest.span) ? result : nil
        }
        var at = 0
        while at < name.labelCount {
            guard at >= first, begins(in: name, label: at) else {
                guard result.append(label: name.label(at)) else { return nil }
                at += 1
                continue
            }
            let kept = name.label(at)
            var label: [UInt8] = []
            for i in 0..<(kept.count - head.count) { label.append(kept[i]) }
            label += other.head
            guard result.append(label: label.span), result.append(wireLabels: other.rest.span) else { return nil }
            at += restCount + 1
        }
        return result
    }
}

extension DNSName {
    /// Appends labels in wire form, lengths included, without the root's octet. Returns false, and leaves off where it was, when the
    /// name would be too long or the octets are no labels.
    mutating func append(wireLabels octets: Span<UInt8>) -> Bool {
        var at = 0
        while at < octets.count {
            let end = at + 1 + Int(octets[at])
            guard end <= octets.count, append(label: octets.extracting((at + 1)..<end)) else { return false }
            at = end
        }
        return true
    }
}
