/// Tells whether something was seen before, by index into a list of the caller's.
///
/// An open hash table that is never emptied between answers: entries of earlier ones are told apart by a stamp.
struct DuplicateFilter: ~Copyable {
    /// Stamp in the upper half, index in the lower.
    private var slots = [UInt64](repeating: 0, count: 512)
    /// As wide as its place in a slot, so that what is stored is what is compared. Never 0 after `begin`, as empty slots are.
    private var stamp: UInt32 = 0
    private var used = 0

    init() {}

    /// - Parameter stamp: the stamp of the last answer; tests set it near the largest.
    mutating func jump(to stamp: UInt32) { self.stamp = stamp }

    /// Forgets everything, and makes room for `count` things.
    mutating func begin(expecting count: Int) {
        used = 0
        stamp &+= 1
        if stamp == 0 {
            // Round once in four billion answers: what is left of those before could be taken for this one's.
            for slot in slots.indices { slots[slot] = 0 }
            stamp = 1
        }
        if slots.count / 2 < count {
            var size = slots.count
            while size / 2 < count { size *= 2 }
            slots = [UInt64](repeating: 0, count: size)
        }
    }

    /// Remembers `index`, below 2^32, unless something equal is there already. Call at most as often as `begin` made room for;
    /// what comes beyond that counts as new.
    mutating func isNew(_ index: Int, hash: UInt64, equals: (Int) -> Bool) -> Bool {
        // Half of the slots stay free, so that a search ends.
        guard used < slots.count / 2 else { return true }
        let mask = slots.count - 1
        let mark = UInt64(stamp)
        var slot = Int(truncatingIfNeeded: (hash &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
        while slots[slot] >> 32 == mark {
            if equals(Int(slots[slot] & 0xFFFF_FFFF)) { return false }
            slot = (slot + 1) & mask
        }
        slots[slot] = mark << 32 | UInt64(UInt32(truncatingIfNeeded: index))
        used += 1
        return true
    }
}
