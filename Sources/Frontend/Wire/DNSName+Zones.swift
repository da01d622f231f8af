/// Zones that a name, in lower case, is compared with. All go through a span, which lends the names instead of copying them.
extension [DNSName] {
    /// Which of these zones a name, in lower case, is in: the first of them.
    @inline(__always)
    func firstZone(of name: borrowing DNSName) -> Int? {
        let lent = span
        for index in lent.indices where name.hasSuffix(lent[index]) { return index }
        return nil
    }

    /// Whether a name is in one of these zones.
    @inline(__always)
    func containZone(of name: borrowing DNSName) -> Bool { firstZone(of: name) != nil }

    /// Which of these zones a name is in: the longest of them.
    @inline(__always)
    func longestZone(of name: borrowing DNSName) -> Int? {
        let lent = span
        var found: Int?
        var labels = -1
        for index in lent.indices where lent[index].labelCount > labels {
            if name.hasSuffix(lent[index]) { (found, labels) = (index, lent[index].labelCount) }
        }
        return found
    }
}
