/// Finds the longest end of a name that the message already holds.
///
/// A small open hash table from label sequences to the offset where they stand in the message. Entries of earlier messages
/// are told apart by a stamp, so starting a message costs nothing. Letters count: a pointer never changes the case of a name.
struct NameCompressor: ~Copyable {
    /// A power of two.
    private static let slots = 1024
    private static let mostEntries = 700

    /// Stamp in the upper half, offset in the lower. An array, since inline ones are copied too easily.
    private var table = [UInt32](repeating: 0, count: slots)
    private var stamp: UInt32
    private var entries = 0
    /// Hashes of the name at hand, one for each label: of that label and all behind it.
    private var hashes = [UInt32](repeating: 0, count: 128)

    /// - Parameter stamp: the stamp of the message before the first; tests begin near the largest, 0xFFFF.
    init(stamp: UInt32 = 0) { self.stamp = stamp }

    /// Forgets all names.
    mutating func begin() {
        entries = 0
        stamp &+= 1
        if stamp > 0xFFFF {
            for i in 0..<Self.slots { table[i] = 0 }
            stamp = 1
        }
    }

    /// Writes `name`, with a pointer for as much of its end as is there already, and remembers the rest for later names.
    ///
    /// With `inFull` it writes every label, as the target of an SRV record must be (RFC 2782), but remembers it all the same.
    mutating func write(_ name: DNSName, inFull: Bool = false, to buffer: inout PacketBuffer) {
        hash(name)
        var first = 0
        var pointer = -1
        while first < name.labelCount {
            pointer = find(name, fromLabel: first, in: buffer)
            if pointer >= 0 { break }
            first += 1
        }
        let written = inFull ? name.labelCount : first
        for index in 0..<written {
            let range = name.range(ofLabel: index)
            let start = buffer.position
            buffer.append(name.storage.span.extracting((range.lowerBound - 1)..<range.upperBound))
            if buffer.overflowed { return }
            if index < first { remember(hashes[index], at: start) }
        }
        if pointer >= 0, !inFull {
            buffer.append(word: 0xC000 | UInt16(truncatingIfNeeded: pointer))
        } else {
            buffer.append(0)
        }
    }

    /// Remembers a name that stands uncompressed at `offset`, as the question's does.
    mutating func remember(_ name: DNSName, at offset: Int) {
        hash(name)
        let offsets = name.labelOffsets.span
        for index in 0..<name.labelCount { remember(hashes[index], at: offset + Int(offsets[index])) }
    }

    /// FNV-1a from the last label to the first, so that equal ends have equal hashes.
    private mutating func hash(_ name: DNSName) {
        let octets = name.storage.span
        let offsets = name.labelOffsets.span
        var value: UInt32 = 2_166_136_261
        var end = name.length - 1
        var index = name.labelCount - 1
        while index >= 0 {
            let start = Int(offsets[index])
            for i in start..<end { value = (value ^ UInt32(octets[i])) &* 16_777_619 }
            hashes[index] = value
            end = start
            index -= 1
        }
    }

    private mutating func remember(_ hash: UInt32, at offset: Int) {
        // A pointer has 14 bits.
        guard offset < 0x4000, entries < Self.mostEntries else { return }
        var slot = Int(hash) & (Self.slots - 1)
        while table[slot] >> 16 == stamp { slot = (slot + 1) & (Self.slots - 1) }
        table[slot] = stamp << 16 | UInt32(truncatingIfNeeded: offset)
        entries += 1
    }

    private func find(_ name: DNSName, fromLabel first: Int, in buffer: borrowing PacketBuffer) -> Int {
        var slot = Int(hashes[first]) & (Self.slots - 1)
        while table[slot] >> 16 == stamp {
            let offset = Int(table[slot] & 0xFFFF)
            if Self.stands(name, fromLabel: first, at: offset, in: buffer) { return offset }
            slot = (slot + 1) & (Self.slots - 1)
        }
        return -1
    }

    /// Whether the message at `offset` says exactly the labels of `name` from `first` on. Pointers there were written here and
    /// lead backwards, so the walk ends.
    private static func stands(
        _ name: DNSName, fromLabel first: Int, at offset: Int, in buffer: borrowing PacketBuffer
    ) -> Bool {
        let octets = name.storage.span
        var at = offset
        var i = Int(name.labelOffsets.span[first])
        while at < buffer.position {
            let octet = buffer[at]
            if octet >= 192 {
                guard at + 1 < buffer.position else { return false }
                at = Int(octet & 0x3F) << 8 | Int(buffer[at + 1])
                continue
            }
            guard octet == octets[i] else { return false }
            if octet == 0 { return true }
            for step in 1...Int(octet) {
                guard at + step < buffer.position, buffer[at + step] == octets[i + step] else { return false }
            }
            at += Int(octet) + 1
            i += Int(octet) + 1
        }
        return false
    }
}
