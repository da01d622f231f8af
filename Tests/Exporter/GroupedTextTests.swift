import DeltaStream
import MizzenSystem
import NIOCore
import Testing

@testable import Exporter

/// The samples that are kept ready to be sent, against a dictionary of objects.
@Suite struct GroupedTextTests {
    private static let families = ["f", "ff", "a_longer_name_than_a_step_of_copying"].map {
        FamilyDescription(name: $0, stability: .alpha, type: .gauge, isOptIn: false, help: "")
    }

    /// An object with so many samples of each family; every hundredth number has labels that are longer than a short length.
    private func entry(_ number: Int, _ counts: [Int], value: Int = 0) -> ObjectStore.Entry {
        var writer = SampleWriter()
        var lengths: [Int] = []
        for count in counts {
            let start = writer.count
            for index in 0..<count {
                writer.sample(Double(value)) { label in
                    label("l", "\(index)")
                    if number % 100 == 7 { label("long", String(repeating: "x", count: 230 + index % 4 * 20)) }
                }
            }
            lengths.append(writer.count - start)
        }
        return ObjectStore.Entry(
            uid: ObjectKey(uid: "uid-\(number)"), name: ObjectKey(namespace: "n", name: "o\(number)"),
            record: ObjectRecord(identity: identityLabels([("o", "\(number)")]), samples: writer.bytes, lengths: lengths))
    }

    /// The lines that are to be sent for an object.
    private func lines(_ number: Int, _ counts: [Int], value: Int = 0) -> [String] {
        zip(Self.families, counts).flatMap { family, count in
            (0..<count).map { index in
                let long = number % 100 == 7 ? ",long=\"\(String(repeating: "x", count: 230 + index % 4 * 20))\"" : ""
                return "\(family.name){o=\"\(number)\",l=\"\(index)\"\(long)} \(value)"
            }
        }
    }

    private func sent(_ exposition: Exposition) -> [String] {
        var text = ByteBuffer()
        for chunk in exposition { chunk.print(into: &text) }
        return String(buffer: text).split(separator: "\n").filter { !$0.hasPrefix("#") }.map(String.init).sorted()
    }

    @Test(
        "after any sequence of changes what is sent are the lines of the objects that are there, and an older exposition is as it was",
        arguments: 0..<6)
    func model(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let store = ObjectStore(families: Self.families, isNamed: true)
        let section = ExpositionSection(resource: "o", families: Self.families, store: store)
        var model: [Int: (entry: ObjectStore.Entry, lines: [String])] = [:]
        var older: (exposition: Exposition, lines: [String])?
        let bucket = { (number: Int) in UInt8(number % 7) }
        for step in 0..<3000 {
            let number = Int.random(in: 0..<700, using: &random)
            switch Int.random(in: 0..<100, using: &random) {
            case ..<60:
                let counts = (0..<3).map { _ in Int.random(in: 0..<4, using: &random) }
                let made = entry(number, counts, value: step)
                model[number] = (made, lines(number, counts, value: step))
                store.upsert(made, bucket: bucket(number))
            case ..<97:
                #expect(store.remove(uid: ObjectKey(uid: "uid-\(number)"), bucket: bucket(number)) == (model[number] != nil))
                model[number] = nil
            default:
                let here = model.filter { bucket($0.key) == bucket(number) }
                let kept = here.filter { _ in Bool.random(using: &random) }
                let gone = here.filter { kept[$0.key] == nil }
                let names = store.replace(bucket: bucket(number), with: kept.values.map(\.entry))
                #expect(Set(names) == Set(gone.values.map(\.entry.name)))
                for number in gone.keys { model[number] = nil }
            }
            guard step % 50 == 0 else { continue }
            if let older { #expect(sent(older.exposition) == older.lines) }
            let expected = model.values.flatMap(\.lines).sorted()
            let exposition = Exposition([section], format: .text)
            #expect(sent(exposition) == expected)
            older = (exposition, expected)
            #expect(store.count == model.count)
            #expect(store.bytes == expected.reduce(0) { $0 + $1.utf8.count + 1 })
            // Half of the room at most is empty, the group of those that wait aside.
            #expect(store.snapshot().count <= model.count / (TextGroup.size / 2) + 1)
        }
        for (number, known) in model {
            let found = try #require(store.identity(named: known.entry.name))
            #expect(found.bucket == bucket(number) && found.uid == known.entry.uid && found.labels == known.entry.record.identity)
        }
    }

    @Test("a change makes anew the pieces of the families in which it changes samples, of its own group")
    func renewed() {
        let store = ObjectStore(families: Self.families, isNamed: false)
        for number in 0..<3 * TextGroup.size { store.upsert(entry(number, [1, 2, 0]), bucket: 0) }
        let before = store.snapshot()
        store.upsert(entry(TextGroup.size + 70, [1, 3, 0]), bucket: 0)
        let after = store.snapshot()
        #expect(after.count == 3)
        for group in 0..<3 {
            for family in 0..<3 {
                let isSame = before[group].pieces[family] === after[group].pieces[family]
                #expect(isSame == !(group == 1 && family == 1), "\(group) \(family)")
            }
        }
    }

    @Test("an object whose identity changes is sent under its new one only")
    func newIdentity() {
        let store = ObjectStore(families: Self.families, isNamed: false)
        let section = ExpositionSection(resource: "o", families: Self.families, store: store)
        for number in 0..<TextGroup.size { store.upsert(entry(number, [1, 0, 0]), bucket: 0) }
        var changed = entry(5, [1, 0, 0])
        changed.record = ObjectRecord(
            identity: identityLabels([("o", "another")]), samples: changed.record.samples, lengths: changed.record.lengths)
        store.upsert(changed, bucket: 0)
        let lines = sent(Exposition([section], format: .text))
        #expect(lines.count == TextGroup.size)
        #expect(lines.contains("f{o=\"another\",l=\"0\"} 0") && !lines.contains("f{o=\"5\",l=\"0\"} 0"))
    }

    @Test("large objects make groups of their own, so that none of their pieces is too large to be made anew")
    func largeObjects() {
        let store = ObjectStore(families: Self.families, isNamed: false)
        for number in 0..<20 { store.upsert(entry(number * 100 + 7, [3000, 0, 0]), bucket: 0) }
        let groups = store.snapshot()
        #expect(groups.map(\.identities.indices.count).reduce(0, +) == 20)
        #expect(groups.count > 3 && groups.allSatisfy { ($0.pieces[0]?.bytes.count ?? 0) < 2 << 20 })
    }
}
