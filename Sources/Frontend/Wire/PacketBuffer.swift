/// Where an answer is written: memory of the caller's, an end that the answer must not pass, and a position.
///
/// Memory contract: the caller owns the memory, keeps it alive and leaves it alone between `attach` and the end of the answer;
/// only this file follows the pointer, and every write is checked against `limit` first. A write that does not fit changes
/// nothing and sets `overflowed`; the writer above then rolls back to where its record began.
@safe struct PacketBuffer: ~Copyable {
    private var memory: UnsafeMutableRawBufferPointer
    /// The memory's size.
    private var capacity = 0
    /// Octets that may be used, at most the memory's size.
    private(set) var limit = 0
    /// Octets written.
    private(set) var position = 0
    /// Whether a write did not fit since the last `rollBack`.
    private(set) var overflowed = false

    /// A buffer of no octets.
    init() {
        // Safe: an empty buffer pointer is never followed.
        unsafe memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }

    /// Starts over in `memory`, using at most `limit` octets of it.
    mutating func attach(_ memory: UnsafeMutableRawBufferPointer, limit: Int) {
        // Safe: stored, not followed; the limit never exceeds the memory.
        unsafe self.memory = memory
        capacity = memory.count
        self.limit = min(limit, capacity)
        position = 0
        overflowed = false
    }

    /// Makes room at the end (for an OPT record) or gives it back; never below what is written or above the memory.
    mutating func setLimit(_ limit: Int) {
        self.limit = max(position, min(limit, capacity))
    }

    /// Forgets everything behind `position`, and the overflow.
    mutating func rollBack(to position: Int) {
        self.position = min(position, self.position)
        overflowed = false
    }

    private mutating func claim(_ count: Int) -> Bool {
        if position + count <= limit { return true }
        overflowed = true
        return false
    }

    mutating func append(_ octet: UInt8) {
        guard claim(1) else { return }
        // Safe: claim checked that position is below limit, which is at most the memory's count.
        unsafe memory[position] = octet
        position += 1
    }

    mutating func append(word: UInt16) {
        guard claim(2) else { return }
        // Safe: claim checked that two octets fit.
        unsafe memory.storeBytes(of: word.bigEndian, toByteOffset: position, as: UInt16.self)
        position += 2
    }

    mutating func append(doubleWord: UInt32) {
        guard claim(4) else { return }
        // Safe: claim checked that four octets fit.
        unsafe memory.storeBytes(of: doubleWord.bigEndian, toByteOffset: position, as: UInt32.self)
        position += 4
    }

    mutating func append(_ octets: Span<UInt8>) {
        guard claim(octets.count) else { return }
        for i in 0..<octets.count {
            // Safe: claim checked that all of them fit.
            unsafe memory[position + i] = octets[i]
        }
        position += octets.count
    }

    /// Overwrites two octets that are already written; what is not yet counts as not fitting.
    mutating func set(word: UInt16, at offset: Int) {
        guard offset >= 0, offset + 2 <= position else {
            overflowed = true
            return
        }
        // Safe: checked just above.
        unsafe memory.storeBytes(of: word.bigEndian, toByteOffset: offset, as: UInt16.self)
    }

    /// An octet that is already written; 0 behind that.
    subscript(offset: Int) -> UInt8 {
        guard offset >= 0, offset < position else { return 0 }
        // Safe: checked just above.
        return unsafe memory[offset]
    }
}
