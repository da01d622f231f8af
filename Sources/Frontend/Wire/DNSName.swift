/// A domain name in wire form, without pointers, in storage of its own: no value of this type breaks a length rule.
///
/// A name is at most 255 octets with its length octets and the root's, a label at most 63 (RFC 1035 2.3.4). Letter case is kept
/// as given; `lowercase()` makes the form that is compared.
///
/// A name is about 400 octets. Indexing an inline array through a property may copy all of it (41 % of an SRV answer's time
/// once), so whatever reads in a loop takes `storage.span` first.
struct DNSName: Sendable {
    static let longest = 255
    /// Pointers that one name may follow: more than a real message needs, few enough that a hostile one costs nothing.
    static let pointerLimit = 16

    /// The labels with their length octets, then the root's 0; only the first `length` octets mean anything.
    private(set) var storage: InlineArray<256, UInt8>
    /// Octets in use, the root's included: 1…255.
    private(set) var length: Int
    /// Where each label's length octet is in `storage`; only the first `labelCount` mean anything.
    private(set) var labelOffsets: InlineArray<128, UInt8>
    /// Labels, the root not counted: 0…127.
    private(set) var labelCount: Int

    /// The root.
    init() {
        storage = InlineArray(repeating: 0)
        labelOffsets = InlineArray(repeating: 0)
        length = 1
        labelCount = 0
    }

    // MARK: Reading

    /// Replaces the name by the one that starts at `offset` of a message, following pointers.
    ///
    /// Returns the offset behind the name's own octets (behind its first pointer, if it has one). On an error the name is the root.
    mutating func read(_ message: Span<UInt8>, at offset: Int) throws(WireError) -> Int {
        removeAll()
        var at = offset
        var end = -1
        var hops = 0
        while true {
            guard at < message.count else { throw reset(.truncated(at: message.count)) }
            let size = Int(message[at])
            switch size {
            case 0:
                return end < 0 ? at + 1 : end
            case 1...63:
                guard at + 1 + size <= message.count else { throw reset(.truncated(at: message.count)) }
                guard append(label: message.extracting((at + 1)..<(at + 1 + size))) else {
                    throw reset(.nameTooLong(at: at))
                }
                at += 1 + size
            case 192...255:
                guard at + 1 < message.count else { throw reset(.truncated(at: message.count)) }
                let target = (size & 0x3F) << 8 | Int(message[at + 1])
                guard target < at else { throw reset(.forwardPointer(at: at)) }
                hops += 1
                guard hops <= Self.pointerLimit else { throw reset(.tooManyPointers(at: at)) }
                if end < 0 { end = at + 2 }
                at = target
            default:
                throw reset(.reservedLabelType(at: at))
            }
        }
    }

    private mutating func reset(_ error: WireError) -> WireError {
        removeAll()
        return error
    }

    // MARK: Building

    /// Makes the name the root again.
    mutating func removeAll() {
        length = 1
        labelCount = 0
        storage[0] = 0
    }

    /// Appends a label before the root. Returns false, and changes nothing, when the label is empty or longer than 63 octets or the
    /// name would be longer than 255.
    mutating func append(label: Span<UInt8>) -> Bool {
        let size = label.count
        guard size >= 1, size <= 63, length + 1 + size <= Self.longest else { return false }
        let start = length - 1
        storage[start] = UInt8(truncatingIfNeeded: size)
        for i in 0..<size { storage[start + 1 + i] = label[i] }
        close(labelAt: start, size: size)
        return true
    }

    /// Appends a label given as text, for constants. Same contract as `append(label:)`.
    mutating func append(label text: StaticString) -> Bool {
        guard text.hasPointerRepresentation else { return false }
        // Safe: a StaticString with a pointer representation lives as long as the process and has utf8CodeUnitCount octets.
        return append(label: unsafe Span(_unsafeStart: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends the labels of `other` from its label `first` on. Returns false, and changes nothing, when the name would be too long.
    mutating func append(_ other: DNSName, fromLabel first: Int = 0) -> Bool {
        guard first < other.labelCount else { return first == other.labelCount }
        let from = Int(other.labelOffsets.span[first])
        let size = other.length - 1 - from
        guard length + size <= Self.longest else { return false }
        let shift = length - 1 - from
        let octets = other.storage.span
        let offsets = other.labelOffsets.span
        for i in from..<(from + size) { storage[i + shift] = octets[i] }
        for i in first..<other.labelCount {
            labelOffsets[labelCount] = UInt8(truncatingIfNeeded: Int(offsets[i]) + shift)
            labelCount += 1
        }
        length += size
        storage[length - 1] = 0
        return true
    }

    private mutating func close(labelAt start: Int, size: Int) {
        labelOffsets[labelCount] = UInt8(truncatingIfNeeded: start)
        labelCount += 1
        length = start + size + 2
        storage[length - 1] = 0
    }

    /// Makes A–Z lower case. Returns whether there were any.
    mutating func lowercase() -> Bool {
        var changed = false
        // Length octets are below 64, where no letter is.
        for i in 0..<length where storage[i] &- 0x41 < 26 {
            storage[i] |= 0x20
            changed = true
        }
        return changed
    }

    // MARK: Comparing

    /// Where label `index` has its text in `storage`; `index` must be below `labelCount`.
    func range(ofLabel index: Int) -> Range<Int> {
        let start = Int(labelOffsets.span[index])
        return (start + 1)..<(start + 1 + Int(storage.span[start]))
    }

    /// The text of label `index`, which must be below `labelCount`.
    @_lifetime(borrow self)
    func label(_ index: Int) -> Span<UInt8> { storage.span.extracting(range(ofLabel: index)) }

    /// Whether label `index` is exactly `text`.
    func label(_ index: Int, equals text: StaticString) -> Bool {
        let range = range(ofLabel: index)
        guard text.hasPointerRepresentation, range.count == text.utf8CodeUnitCount else { return false }
        // Safe: a StaticString with a pointer representation lives as long as the process and has utf8CodeUnitCount octets.
        let wanted = unsafe Span(_unsafeStart: text.utf8Start, count: text.utf8CodeUnitCount)
        let octets = storage.span
        for i in 0..<wanted.count where wanted[i] != octets[range.lowerBound + i] { return false }
        return true
    }

    /// Whether the name is `suffix` or below it, octet by octet: lower-case both first.
    func hasSuffix(_ suffix: DNSName) -> Bool {
        guard labelCount >= suffix.labelCount, length >= suffix.length else { return false }
        let shift = length - suffix.length
        if suffix.labelCount == 0 { return true }
        guard Int(labelOffsets.span[labelCount - suffix.labelCount]) == shift else { return false }
        let octets = storage.span
        let wanted = suffix.storage.span
        for i in 0..<suffix.length where octets[i + shift] != wanted[i] { return false }
        return true
    }
}

extension DNSName: Equatable {
    /// Octet by octet, so letter case counts.
    static func == (a: DNSName, b: DNSName) -> Bool {
        guard a.length == b.length else { return false }
        let left = a.storage.span
        let right = b.storage.span
        for i in 0..<a.length where left[i] != right[i] { return false }
        return true
    }
}
