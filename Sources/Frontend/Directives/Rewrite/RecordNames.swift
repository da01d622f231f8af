/// The names inside record data that may be rewritten: hosts and domains. Mailboxes (SOA's RNAME, RP's first name) are none,
/// and names that a signature covers together with others (NSEC, RRSIG) stay.
enum RecordNames {
    /// What comes before the names and how many there are: octets, character strings, names to step over, names to change.
    private struct Shape {
        var octets = 0
        var strings = 0
        var skipped = 0
        var names = 1
    }

    private static func shape(of type: RecordType) -> Shape? {
        switch type.rawValue {
        case 2, 3, 4, 5, 7, 8, 9, 12, 39: Shape()  // NS, MD, MF, CNAME, MB, MG, MR, PTR, DNAME
        case 6: Shape()  // SOA: MNAME
        case 15, 18, 21, 36, 107: Shape(octets: 2)  // MX, AFSDB, RT, KX, LP
        case 17: Shape(skipped: 1)  // RP: the name of the text
        case 26: Shape(octets: 2, names: 2)  // PX
        case 33: Shape(octets: 6)  // SRV
        case 35: Shape(octets: 4, strings: 3)  // NAPTR
        case 64, 65: Shape(octets: 2)  // SVCB, HTTPS (RFC 9460)
        default: nil
        }
    }

    /// Whether records of this type hold names that may be rewritten.
    static func hold(_ type: RecordType) -> Bool { shape(of: type) != nil }

    /// Writes a record's data with changed names to the end of `result`.
    ///
    /// - Parameters:
    ///   - data: without compression.
    ///   - change: changes one name and says whether it did.
    /// - Returns: whether a name was changed; when not, or when the new data would be longer than a record may be, `result` is as it
    ///   was.
    /// - Throws: when the data does not have the type's form, which includes a compressed name; `result` is as it was.
    static func edit(
        _ data: Span<UInt8>, of type: RecordType, into result: inout [UInt8], change: (inout DNSName) -> Bool
    ) throws(WireError) -> Bool {
        guard let shape = shape(of: type) else { return false }
        let start = result.count
        do throws(WireError) {
            var at = shape.octets
            for _ in 0..<shape.strings {
                guard at < data.count else { throw .truncated(at: data.count) }
                at += 1 + Int(data[at])
            }
            for _ in 0..<shape.skipped { at = try endOfName(data, at: at) }
            guard at <= data.count else { throw .truncated(at: data.count) }
            for i in 0..<at { result.append(data[i]) }
            var isChanged = false
            for _ in 0..<shape.names {
                _ = try endOfName(data, at: at)
                var name = DNSName()
                at = try name.read(data, at: at)
                if change(&name) { isChanged = true }
                let octets = name.storage.span
                for i in 0..<name.length { result.append(octets[i]) }
            }
            for i in at..<data.count { result.append(data[i]) }
            if isChanged, result.count - start <= 65_535 { return true }
        } catch {
            result.removeSubrange(start...)
            throw error
        }
        result.removeSubrange(start...)
        return false
    }

    /// The offset behind a name without a pointer, which in data cut out of its message would lead anywhere.
    private static func endOfName(_ data: Span<UInt8>, at start: Int) throws(WireError) -> Int {
        var at = start
        while true {
            guard at < data.count else { throw .truncated(at: data.count) }
            let size = Int(data[at])
            if size == 0 { return at + 1 }
            guard size < 64 else { throw .reservedLabelType(at: at) }
            at += 1 + size
        }
    }
}
