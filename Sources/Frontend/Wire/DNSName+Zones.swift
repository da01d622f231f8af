extension [DNSName] {
    /// Which of these zones a name, in lower case, is in: the first of them.
    @inline(__always)
    func firstZone(of name: borrowing DNSName) -> Int? {
        // Through a span, which lends the names instead of copying them.
        let lent = span
        for index in lent.indices where name.hasSuffix(lent[index]) { return index }
        return nil
    }
}
