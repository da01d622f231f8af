import MizzenSystem
import Names
import TestSupport
import Testing

@testable import Frontend

/// One question, and messages that answer it.
private final class Subject {
    let name: String
    let query: Query
    let key: AnswerStore.Key

    init(_ name: String, _ type: RecordType = .a) throws {
        self.name = name
        var query = Query()
        let packet = try TestPacket.query(name, type)
        #expect(query.read(packet.span, transport: .udp) == .query)
        key = AnswerStore.Key(query)
        self.query = query
    }

    var shard: Int { Int(key.hash >> 60) }

    /// A message to this question that ends in `value`, made long with zeros.
    func message(_ value: UInt8, count: Int = 0) -> [UInt8] {
        var octets: [UInt8] = [0, 0, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        for index in 0..<query.original.length { octets.append(query.original.storage[index]) }
        octets += [UInt8(query.type.rawValue >> 8), UInt8(truncatingIfNeeded: query.type.rawValue), 0, 1]
        octets += [UInt8](repeating: 0, count: max(0, count - octets.count - 1))
        return octets + [value]
    }

    @discardableResult
    func put(_ value: UInt8, in store: AnswerStore, count: Int = 0, lifetime: UInt32 = 60, now: Instant = 0) -> Bool {
        store.put(key, query, message(value, count: count).span, lifetime: lifetime, now: now) == .keptForAnother
    }

    /// The value of what is found; nil for nothing.
    func find(
        in store: AnswerStore, _ memory: ScratchMemory, stale: Int = 0, gap: UInt64 = 1 << 40, now: Instant = 0
    ) -> (value: UInt8, finding: AnswerStore.Finding)? {
        // Safe: the memory lives as long as its owner.
        let finding = unsafe store.find(key, query, stale: stale, gap: gap, now: now, into: memory.buffer)
        guard let finding else { return nil }
        let octets = memory.bytes(finding.count)
        #expect(octets.prefix(octets.count - 1) == message(0, count: finding.count).dropLast())
        return (octets.last ?? 0, finding)
    }
}

/// A shard as its documentation describes it: places, a free list, a hand that gives second chances.
private struct ModelShard {
    var places: [(name: String, value: UInt8, wasUsed: Bool)?] = []
    var free: [Int] = []
    var hand = 0
    let capacity: Int

    func place(_ name: String) -> Int? { places.firstIndex { $0?.name == name } }

    mutating func find(_ name: String) -> UInt8? {
        guard let place = place(name) else { return nil }
        places[place]?.wasUsed = true
        return places[place]?.value
    }

    mutating func put(_ name: String, _ value: UInt8) -> Bool {
        if let place = place(name) {
            places[place]?.value = value
            return false
        }
        var hasEvicted = false
        while places.count - free.count >= capacity {
            hand = hand + 1 >= places.count ? 0 : hand + 1
            guard let entry = places[hand] else { continue }
            if entry.wasUsed {
                places[hand]?.wasUsed = false
            } else {
                places[hand] = nil
                free.append(hand)
                hasEvicted = true
            }
        }
        if let place = free.popLast() { places[place] = (name, value, false) } else { places.append((name, value, false)) }
        return hasEvicted
    }

    mutating func remove(_ name: String) {
        guard let place = place(name) else { return }
        places[place] = nil
        free.append(place)
    }
}

@Suite("Where answers are kept")
struct AnswerStoreTests {
    /// Names of one shard.
    private static func names(_ count: Int, shard: Int = 0) throws -> [String] {
        var names: [String] = []
        var number = 0
        while names.count < count {
            let name = "n\(number).example."
            if try Subject(name).shard == shard { names.append(name) }
            number += 1
        }
        return names
    }

    private enum Operation { case put, find, remove }

    /// Does the same to store and model, and compares what comes of it.
    private func apply(
        _ operation: Operation, _ subject: Subject, _ value: UInt8, _ store: AnswerStore, _ model: inout ModelShard,
        _ memory: ScratchMemory
    ) -> Bool {
        switch operation {
        case .put: return subject.put(value, in: store) == model.put(subject.name, value)
        case .find: return subject.find(in: store, memory)?.value == model.find(subject.name)
        case .remove:
            store.remove(subject.key, subject.query)
            model.remove(subject.name)
            return true
        }
    }

    @Test("with room for two, every series of four operations on three names does as the model", .timeLimit(.minutes(2)))
    func exhaustive() throws {
        let subjects = try Self.names(3).map { try Subject($0) }
        let memory = ScratchMemory(count: 512)
        let length = isSoak ? 6 : 4
        var series = 0
        let all = (0..<length).reduce(1) { count, _ in count * 9 }
        while series < all {
            let store = AnswerStore(capacity: 2 * AnswerStore.shards)
            var model = ModelShard(capacity: 2)
            var rest = series
            for step in 0..<length {
                let (operation, which) = ([Operation.put, .find, .remove][rest % 3], rest / 3 % 3)
                rest /= 9
                let value = UInt8(step)
                let isSame = apply(operation, subjects[which], value, store, &model, memory)
                #expect(isSame && store.count == model.places.count - model.free.count, "series \(series), step \(step)")
                guard isSame else { return }
            }
            series += 1
        }
    }

    @Test("thousands of random operations do as the model, whatever the room", arguments: [1, 2, 3, 7, 40])
    func random(room: Int) throws {
        var random = SeededRandom(seed: UInt64(room))
        let names = try Self.names(2 * room + 2)
        let store = AnswerStore(capacity: room * AnswerStore.shards)
        var model = ModelShard(capacity: room)
        let memory = ScratchMemory(count: 512)
        for step in 0..<6000 {
            // Some names come more often than others.
            let name = names[min(Int.random(in: 0..<names.count, using: &random), Int.random(in: 0..<names.count, using: &random))]
            let operation: Operation = [.put, .put, .find, .find, .find, .remove][Int.random(in: 0..<6, using: &random)]
            let isSame = apply(operation, try Subject(name), UInt8(truncatingIfNeeded: step), store, &model, memory)
            #expect(isSame && store.count == model.places.count - model.free.count, "step \(step)")
            guard isSame else { return }
        }
        // What is there at the end is what the model has, name by name.
        for name in names { #expect(try Subject(name).find(in: store, memory)?.value == model.find(name)) }
    }

    @Test("names that are asked for stay in a flood of names that nobody asks for twice")
    func popular() throws {
        let store = AnswerStore(capacity: 1600)
        let memory = ScratchMemory(count: 512)
        let popular = (0..<100).map { "popular-\($0).example" }
        for name in popular { try Subject(name).put(1, in: store) }
        var lost = 0
        for number in 0..<20_000 {
            try Subject("\(number).flood.example").put(0, in: store)
            // Each of them twice while the flood would fill the store.
            if try Subject(popular[number / 8 % 100]).find(in: store, memory) == nil, number % 8 == 0 { lost += 1 }
        }
        #expect(lost == 0 && store.count <= 1600)
        // Nobody asks any more.
        for number in 20_000..<26_000 { try Subject("\(number).flood.example").put(0, in: store) }
        let left = try popular.filter { try Subject($0).find(in: store, memory) != nil }
        #expect(left.isEmpty)
    }

    @Test("entries and octets stay within their bounds, whatever comes", arguments: [0, 15, 16, 160, 1600])
    func bounds(capacity: Int) throws {
        var random = SeededRandom(seed: 9)
        let store = AnswerStore(capacity: capacity)
        let each = capacity / AnswerStore.shards
        // A shard holds one answer of the usual size, even where the Corefile gives it room for less.
        let octets = AnswerStore.shards * max(each * AnswerStore.octetsOfEntry, each > 0 ? 4096 : 0)
        let memory = ScratchMemory(count: 65_535)
        for number in 0..<4000 {
            let size = [60, 600, 4000, 20_000, 65_000][Int.random(in: 0..<5, using: &random)]
            let subject = try Subject("\(number % 700).example")
            subject.put(UInt8(truncatingIfNeeded: number), in: store, count: size)
            if let found = subject.find(in: store, memory) { #expect(found.finding.count == size || size > 4096) }
            guard store.count <= each * AnswerStore.shards, store.octets <= octets else {
                Issue.record("after \(number): \(store.count) entries, \(store.octets) octets")
                return
            }
        }
        #expect((store.count > 0) == (each > 0))
        for number in 0..<700 {
            let subject = try Subject("\(number).example")
            store.remove(subject.key, subject.query)
        }
        #expect(store.count == 0 && store.octets == 0)
    }

    @Test("an answer is found until its lifetime and what it may be stale have passed")
    func lifetime() throws {
        let store = AnswerStore(capacity: 160)
        let memory = ScratchMemory(count: 512)
        let subject = try Subject("a.example")
        let second: Instant = 1_000_000_000
        subject.put(1, in: store, lifetime: 10, now: 5 * second)
        // A query that came before the answer was stored finds it new.
        #expect(subject.find(in: store, memory, now: 0)?.finding.remaining == 10)
        #expect(subject.find(in: store, memory, now: 14 * second)?.finding.remaining == 1)
        #expect(subject.find(in: store, memory, now: 15 * second) == nil)
        #expect(subject.find(in: store, memory, stale: 5, now: 19 * second + second / 2)?.finding.remaining == -4)
        #expect(subject.find(in: store, memory, stale: 5, now: 20 * second) == nil)
        // What does not fit into the caller's memory is not found.
        let small = ScratchMemory(count: 20)
        #expect(subject.find(in: store, small, now: 6 * second) == nil)
    }

    @Test("queries are counted without a gap, and what is stored again stays as popular as it was")
    func hits() throws {
        let store = AnswerStore(capacity: 160)
        let memory = ScratchMemory(count: 512)
        let subject = try Subject("a.example")
        subject.put(1, in: store)
        for time in 1...4 { #expect(subject.find(in: store, memory, gap: 5, now: Instant(time))?.finding.hits == UInt32(time)) }
        subject.put(2, in: store, now: 4)
        #expect(subject.find(in: store, memory, gap: 5, now: 9)?.finding.hits == 5)
        #expect(subject.find(in: store, memory, gap: 5, now: 15)?.finding.hits == 1)
    }

    @Test("one refresh at a time, none soon after one that failed, and none of what is not there")
    func refreshes() throws {
        let store = AnswerStore(capacity: 160)
        let subject = try Subject("a.example")
        func begins(_ now: Instant) -> Bool { store.beginRefresh(subject.key, subject.query, now: now) }
        #expect(!begins(1))
        store.endRefresh(subject.key, subject.query, retry: nil)
        subject.put(1, in: store)
        #expect(begins(1) && !begins(2))
        store.endRefresh(subject.key, subject.query, retry: 10)
        #expect(!begins(9) && begins(10) && !begins(11))
        store.endRefresh(subject.key, subject.query, retry: nil)
        #expect(begins(12))
        // A new answer ends what was under way for the old.
        subject.put(2, in: store)
        #expect(begins(13))
        store.remove(subject.key, subject.query)
        #expect(!begins(14))
    }

    @Test("letters of either case are one name; type, DO, CD and the name's length tell questions apart")
    func keys() throws {
        let store = AnswerStore(capacity: 160)
        let memory = ScratchMemory(count: 512)
        try Subject("a.Example").put(1, in: store)
        // Kept with the letters that were asked.
        let packet = try TestPacket.query("A.EXAMPLE", .a)
        var query = Query()
        #expect(query.read(packet.span, transport: .udp) == .query)
        // Safe: the memory lives as long as its owner.
        #expect(unsafe store.find(AnswerStore.Key(query), query, stale: 0, gap: 1, now: 0, into: memory.buffer) != nil)
        for name in ["a.exampl", "b.example", "a.example.example", "example"] { #expect(try Subject(name).find(in: store, memory) == nil) }
        #expect(try Subject("a.example", .aaaa).find(in: store, memory) == nil)
        var bits: Set<UInt8> = []
        for (flags, wantsDNSSEC) in [(UInt16(0x100), false), (0x110, false), (0x100, true), (0x110, true)] {
            let packet = try TestPacket.query("a.example", .a, advertisedSize: wantsDNSSEC ? 1232 : nil, flags: flags)
            var octets = packet
            if wantsDNSSEC { octets[octets.count - 4] = 0x80 }
            #expect(query.read(octets.span, transport: .udp) == .query)
            bits.insert(AnswerStore.Key(query).bits)
        }
        #expect(bits.count == 4)
    }

    @Test("threads that store, find, refresh and remove at once find whole answers to their own questions")
    func threads() async throws {
        let store = AnswerStore(capacity: 640)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for thread in 0..<4 {
                group.addTask {
                    try await onThread {
                        var random = SeededRandom(seed: UInt64(thread))
                        let memory = ScratchMemory(count: 4096)
                        for step in 0..<8000 {
                            let subject = try Subject("\(Int.random(in: 0..<1000, using: &random)).example")
                            switch Int.random(in: 0..<8, using: &random) {
                            case 0, 1, 2: subject.put(UInt8(truncatingIfNeeded: step), in: store, count: 60 + step % 900)
                            case 3: store.remove(subject.key, subject.query)
                            case 4:
                                if store.beginRefresh(subject.key, subject.query, now: 1) {
                                    store.endRefresh(subject.key, subject.query, retry: nil)
                                }
                            // `find` compares question and length.
                            default: _ = subject.find(in: store, memory)
                            }
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(store.count <= 640 && store.octets <= 640 * AnswerStore.octetsOfEntry)
    }
}
