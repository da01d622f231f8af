/// A name in presentation form with its final dot, on the stack: what patterns are matched with.
///
/// Escapes are those of the DNS library that CoreDNS uses, since patterns are written for its names: a backslash before
/// `. ' @ ; ( ) " \` and the space, `\DDD` for what is no printable ASCII. So the text is ASCII, whatever the name.
struct NameText {
    /// Four octets for each of a longest name's.
    private var storage = InlineArray<1024, UInt8>(repeating: 0)
    private(set) var count = 0

    init(_ name: DNSName) {
        if name.labelCount == 0 { append(0x2E) }
        let octets = name.storage.span
        for label in 0..<name.labelCount {
            for i in name.range(ofLabel: label) { append(escaping: octets[i]) }
            append(0x2E)
        }
    }

    var octets: Span<UInt8> {
        @_lifetime(borrow self)
        get { storage.span.extracting(first: count) }
    }

    private mutating func append(_ octet: UInt8) {
        storage[count] = octet
        count += 1
    }

    private mutating func append(escaping octet: UInt8) {
        switch octet {
        case 0x20, 0x22, 0x27, 0x28, 0x29, 0x2E, 0x3B, 0x40, 0x5C:
            append(0x5C)
            append(octet)
        case 0x21...0x7E:
            append(octet)
        default:
            append(0x5C)
            append(0x30 + octet / 100)
            append(0x30 + octet / 10 % 10)
            append(0x30 + octet % 10)
        }
    }
}

extension DNSName {
    /// Reads presentation text given as octets; the same contract as for text.
    init(octets: [UInt8]) throws(WireError) { try self.init(String(decoding: octets, as: UTF8.self)) }

    /// The labels from `first` on in wire form, with the root's octet.
    func wire(fromLabel first: Int = 0) -> [UInt8] {
        let octets = storage.span
        let start = offset(ofLabel: first)
        return (start..<length).map { octets[$0] }
    }

    /// Where label `index` has its length octet; for `labelCount`, where the root's octet is.
    func offset(ofLabel index: Int) -> Int { index < labelCount ? Int(labelOffsets.span[index]) : length - 1 }

    /// Whether the octets from label `first` on begin with `labels`: whole labels in wire form and lower case, the root's octet left
    /// out or behind the name's end. Letter case of this name does not count.
    func hasLabels(_ labels: Span<UInt8>, fromLabel first: Int) -> Bool {
        let start = offset(ofLabel: first)
        guard start + labels.count <= length else { return false }
        let octets = storage.span
        // Length octets are below 64, where no letter is.
        for i in 0..<labels.count where lowerCase(octets[start + i]) != labels[i] { return false }
        return true
    }
}

/// A–Z as a–z, every other octet as it is (RFC 4343).
func lowerCase(_ octet: UInt8) -> UInt8 { octet &- 0x41 < 26 ? octet | 0x20 : octet }
