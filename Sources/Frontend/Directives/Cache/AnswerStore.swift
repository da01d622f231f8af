import MizzenSystem
import Synchronization

/// Answers by question, of all threads: what `cache` keeps of one kind (with records, or denials).
///
/// Sixteen shards with a lock each, held for a probe and the copy of one message (some hundred nanoseconds); a query that the record table
/// answers comes nowhere near. Shared by all threads since the kernel spreads one client's queries over them: with a store for each, every
/// thread would have to ask upstreams for the same names, hold them again, and a refresh on one would leave the others stale.
///
/// When a shard is full, by entries or by octets, one that was not asked for since the hand went round goes (the second-chance or clock
/// rule), so a flood of names that nobody asks for twice leaves popular ones in place.
final class AnswerStore: Sendable {
    static let shards = 16
    /// The octets that entries may hold on average: of messages, names and what is kept beside them.
    static let octetsOfEntry = 640

    private let parts: [Shard]

    /// - Parameter capacity: entries, rounded down to the number of shards.
    init(capacity: Int) {
        let each = max(capacity / Self.shards, 0)
        parts = (0..<Self.shards).map { _ in Shard(capacity: each) }
    }

    /// What a question's entry is found by. The name is in lower case.
    struct Key {
        let hash: UInt64
        /// DO and CD: answers to queries with other bits may be others.
        let bits: UInt8

        init(_ query: borrowing Query) {
            bits = (query.wantsDNSSEC ? 1 : 0) | (query.flags & 0x10 != 0 ? 2 : 0)
            let name = query.name.storage.span.extracting(0..<query.name.length)
            var hash = name.hash(mixedWith: UInt64(query.type.rawValue) << 32 | UInt64(query.recordClass) << 8 | UInt64(bits))
            hash ^= hash >> 32
            self.hash = hash
        }
    }

    /// An entry as it was when it was looked at.
    struct Finding {
        /// Octets of the message.
        var count: Int
        /// Seconds that it was to be kept.
        var lifetime: UInt32
        /// Nanoseconds since it was stored.
        var age: UInt64
        /// The response code.
        var code: UInt16
        /// Queries for it without a gap, this one included.
        var hits: UInt32

        /// Seconds that are left; none or less when it is stale. As CoreDNS counts: whole seconds of age.
        var remaining: Int { Int(lifetime) - Int(age / 1_000_000_000) }
    }

    private func shard(_ key: Key) -> Shard { parts[Int(key.hash >> 60)] }

    /// Copies the answer to `query` into `memory`, as it was stored, if there is one that is no older than its lifetime and `stale` seconds.
    ///
    /// - Parameter gap: nanoseconds without a query after which hits are counted anew.
    /// - Returns: what it is; nil where there is none, or none that fits.
    @inline(__always)
    func find(
        _ key: Key, _ query: borrowing Query, stale: Int, gap: UInt64, now: Instant, into memory: UnsafeMutableRawBufferPointer
    ) -> Finding? {
        // Safe: the caller's memory, for the call.
        unsafe shard(key).find(key, query, stale: stale, gap: gap, now: now, into: memory)
    }

    /// What became of an answer that was to be kept.
    enum Storing {
        case kept
        /// Another had to go for it.
        case keptForAnother
        /// It would drive out too many others.
        case tooLarge
    }

    /// Keeps an answer.
    @discardableResult
    func put(_ key: Key, _ query: borrowing Query, _ message: Span<UInt8>, lifetime: UInt32, hits: UInt32 = 0, now: Instant) -> Storing {
        shard(key).put(key, query, message, lifetime: lifetime, hits: hits, now: now)
    }

    func remove(_ key: Key, _ query: borrowing Query) { shard(key).remove(key, query) }

    /// Whether the caller is to refresh the entry: nobody is at it, and no attempt has failed of late.
    func beginRefresh(_ key: Key, _ query: borrowing Query, now: Instant) -> Bool { shard(key).beginRefresh(key, query, now: now) }

    /// The caller's refresh is over; if it failed, none is begun before `retry`.
    func endRefresh(_ key: Key, _ query: borrowing Query, retry: Instant?) { shard(key).endRefresh(key, query, retry: retry) }

    /// Notes that upstreams deny what was answered.
    ///
    /// - Returns: what is known of it, with the first denial since the answer was put; nil where there is no answer.
    func noteDenial(_ key: Key, _ query: borrowing Query, _ denial: DenialRecord) -> DenialRecord? {
        shard(key).denial(key, query, adding: denial)
    }

    /// What is known of denials since the answer was put.
    func denial(_ key: Key, _ query: borrowing Query) -> DenialRecord? { shard(key).denial(key, query, adding: nil) }

    var count: Int { parts.reduce(0) { $0 + $1.count } }
    /// Octets held, the tables not counted.
    var octets: Int { parts.reduce(0) { $0 + $1.octets } }
}

/// A part of a store with a lock of its own.
private final class Shard: Sendable {
    private struct Entry {
        var hash: UInt64 = 0
        var bits: UInt8 = 0
        /// The whole answer: header, question, records; no OPT. Empty in a place that is free. Its question is the key, letters as asked.
        var message: [UInt8] = []
        var stored: Instant = 0
        var lastHit: Instant = 0
        var hits: UInt32 = 0
        var lifetime: UInt32 = 0
        var isRefreshing = false
        var retry: Instant = 0
        var denial: DenialRecord?
        /// Asked for since the hand came by.
        var wasUsed = false
    }

    private struct State {
        var entries: [Entry] = []
        var free: [Int32] = []
        /// Open addressing; -1 is empty. At least half are.
        var slots: [Int32] = []
        var hand = 0
        var count = 0
        var octets = 0
    }

    private let state: Mutex<State>
    private let capacity: Int
    private let octetLimit: Int

    init(capacity: Int) {
        self.capacity = capacity
        octetLimit = capacity * AnswerStore.octetsOfEntry
        state = Mutex(State())
    }

    var count: Int { state.withLock { $0.count } }
    var octets: Int { state.withLock { $0.octets } }

    @inline(__always)
    func find(
        _ key: AnswerStore.Key, _ query: borrowing Query, stale: Int, gap: UInt64, now: Instant, into memory: UnsafeMutableRawBufferPointer
    ) -> AnswerStore.Finding? {
        let name = query.name.storage.span.extracting(0..<query.name.length)
        let (type, recordClass) = (query.type.rawValue, query.recordClass)
        return state.withLock { state in
            guard let index = Self.place(of: key, name, type, recordClass, in: state) else { return nil }
            let age = now > state.entries[index].stored ? now - state.entries[index].stored : 0
            let count = state.entries[index].message.count
            guard Int(age / 1_000_000_000) < Int(state.entries[index].lifetime) + stale, count <= memory.count else { return nil }
            let isAnew = state.entries[index].lastHit &+ gap < now
            state.entries[index].hits = isAnew ? 1 : state.entries[index].hits &+ 1
            state.entries[index].lastHit = now
            state.entries[index].wasUsed = true
            // Safe: the count was compared with the memory's just above.
            unsafe state.entries[index].message.withUnsafeBytes { bytes in unsafe memory.copyMemory(from: bytes) }
            return AnswerStore.Finding(
                count: count, lifetime: state.entries[index].lifetime, age: age, code: UInt16(state.entries[index].message[3] & 0xf),
                hits: state.entries[index].hits)
        }
    }

    func put(
        _ key: AnswerStore.Key, _ query: borrowing Query, _ message: Span<UInt8>, lifetime: UInt32, hits: UInt32, now: Instant
    ) -> AnswerStore.Storing {
        // One answer may not drive out a shard's worth of others.
        guard capacity > 0, message.count >= Query.headerSize, message.count <= max(octetLimit / 4, 4_096) else { return .tooLarge }
        let bytes: [UInt8] = message.bytes
        let name = query.name.storage.span.extracting(0..<query.name.length)
        let (type, recordClass) = (query.type.rawValue, query.recordClass)
        return state.withLock { state in
            var entry = Entry(
                hash: key.hash, bits: key.bits, message: bytes, stored: now, lastHit: now, hits: hits, lifetime: lifetime)
            if let index = Self.place(of: key, name, type, recordClass, in: state) {
                // What is refreshed stays as popular as it was.
                entry.wasUsed = state.entries[index].wasUsed
                entry.hits = max(hits, state.entries[index].hits)
                entry.lastHit = state.entries[index].lastHit
                state.octets += bytes.count - state.entries[index].message.count
                state.entries[index] = entry
                return Self.makeRoom(in: &state, for: 0, 0, capacity, octetLimit, sparing: index) ? .keptForAnother : .kept
            }
            let hasEvicted = Self.makeRoom(in: &state, for: 1, bytes.count, capacity, octetLimit, sparing: nil)
            Self.insert(entry, into: &state)
            return hasEvicted ? .keptForAnother : .kept
        }
    }

    func remove(_ key: AnswerStore.Key, _ query: borrowing Query) {
        let name = query.name.storage.span.extracting(0..<query.name.length)
        let (type, recordClass) = (query.type.rawValue, query.recordClass)
        state.withLock { state in
            if let index = Self.place(of: key, name, type, recordClass, in: state) { Self.remove(at: index, from: &state) }
        }
    }

    func beginRefresh(_ key: AnswerStore.Key, _ query: borrowing Query, now: Instant) -> Bool {
        let name = query.name.storage.span.extracting(0..<query.name.length)
        let (type, recordClass) = (query.type.rawValue, query.recordClass)
        return state.withLock { state in
            guard let index = Self.place(of: key, name, type, recordClass, in: state), !state.entries[index].isRefreshing,
                state.entries[index].retry <= now
            else { return false }
            state.entries[index].isRefreshing = true
            return true
        }
    }

    func endRefresh(_ key: AnswerStore.Key, _ query: borrowing Query, retry: Instant?) {
        let name = query.name.storage.span.extracting(0..<query.name.length)
        let (type, recordClass) = (query.type.rawValue, query.recordClass)
        state.withLock { state in
            guard let index = Self.place(of: key, name, type, recordClass, in: state) else { return }
            state.entries[index].isRefreshing = false
            state.entries[index].retry = retry ?? 0
        }
    }

    func denial(_ key: AnswerStore.Key, _ query: borrowing Query, adding next: DenialRecord?) -> DenialRecord? {
        let name = query.name.storage.span.extracting(0..<query.name.length)
        let (type, recordClass) = (query.type.rawValue, query.recordClass)
        return state.withLock { state in
            guard let index = Self.place(of: key, name, type, recordClass, in: state) else { return nil }
            if var next {
                next.since = state.entries[index].denial?.since ?? next.since
                state.entries[index].denial = next
            }
            return state.entries[index].denial
        }
    }

    // MARK: Under the lock

    @inline(__always)
    private static func place(
        of key: AnswerStore.Key, _ name: Span<UInt8>, _ type: UInt16, _ recordClass: UInt16, in state: borrowing State
    ) -> Int? {
        guard !state.slots.isEmpty else { return nil }
        let mask = state.slots.count - 1
        var slot = Int(truncatingIfNeeded: key.hash) & mask
        while state.slots[slot] >= 0 {
            let index = Int(state.slots[slot])
            if state.entries[index].hash == key.hash, state.entries[index].bits == key.bits,
                asks(state.entries[index].message, name, type, recordClass)
            {
                return index
            }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// Whether a message's question is this one, letter case aside.
    private static func asks(_ message: borrowing [UInt8], _ name: Span<UInt8>, _ type: UInt16, _ recordClass: UInt16) -> Bool {
        let octets = message.span
        guard octets.count >= Query.headerSize + name.count + 4 else { return false }
        for index in name.indices {
            let octet = octets[Query.headerSize + index]
            // Length octets are below 64, where no letter is.
            guard (octet &- 0x41 < 26 ? octet | 0x20 : octet) == name[index] else { return false }
        }
        let end = Query.headerSize + name.count
        return octets.word(at: end) == type && octets.word(at: end + 2) == recordClass
    }

    /// Lets entries go until there is room. Returns whether any had to.
    private static func makeRoom(
        in state: inout State, for entries: Int, _ octets: Int, _ capacity: Int, _ octetLimit: Int, sparing spared: Int?
    ) -> Bool {
        var hasEvicted = false
        // Each step of the hand either lets one go or takes a second chance away, so twice round is enough.
        var steps = 2 * state.entries.count + 1
        while state.count + entries > capacity || state.octets + octets > octetLimit, state.count > (spared == nil ? 0 : 1), steps > 0 {
            steps -= 1
            state.hand = state.hand + 1 >= state.entries.count ? 0 : state.hand + 1
            guard !state.entries[state.hand].message.isEmpty, state.hand != spared else { continue }
            if state.entries[state.hand].wasUsed {
                state.entries[state.hand].wasUsed = false
            } else {
                remove(at: state.hand, from: &state)
                hasEvicted = true
            }
        }
        return hasEvicted
    }

    private static func insert(_ entry: Entry, into state: inout State) {
        let index: Int
        if let free = state.free.popLast() {
            index = Int(free)
            state.entries[index] = entry
        } else {
            index = state.entries.count
            state.entries.append(entry)
        }
        state.count += 1
        state.octets += entry.message.count
        if 2 * state.count > state.slots.count { grow(&state) } else { enter(index, into: &state) }
    }

    private static func grow(_ state: inout State) {
        state.slots = Array(repeating: -1, count: max(64, 2 * state.slots.count))
        for index in state.entries.indices where !state.entries[index].message.isEmpty { enter(index, into: &state) }
    }

    private static func enter(_ index: Int, into state: inout State) {
        let mask = state.slots.count - 1
        var slot = Int(truncatingIfNeeded: state.entries[index].hash) & mask
        while state.slots[slot] >= 0 { slot = (slot + 1) & mask }
        state.slots[slot] = Int32(truncatingIfNeeded: index)
    }

    private static func remove(at index: Int, from state: inout State) {
        let mask = state.slots.count - 1
        var slot = Int(truncatingIfNeeded: state.entries[index].hash) & mask
        while state.slots[slot] != Int32(truncatingIfNeeded: index) {
            guard state.slots[slot] >= 0 else { return }
            slot = (slot + 1) & mask
        }
        // What follows moves up, so that no search ends too early.
        var hole = slot
        var next = (slot + 1) & mask
        while state.slots[next] >= 0 {
            let home = Int(truncatingIfNeeded: state.entries[Int(state.slots[next])].hash) & mask
            if (next &- home) & mask >= (next &- hole) & mask {
                state.slots[hole] = state.slots[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        state.slots[hole] = -1
        state.count -= 1
        state.octets -= state.entries[index].message.count
        state.entries[index] = Entry()
        state.free.append(Int32(truncatingIfNeeded: index))
    }
}
