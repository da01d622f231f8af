/// Who writes which series of a section, so that no series appears twice.
///
/// Rules may give two objects the same labels. The series is then the first object's, by namespace, name and UID; the others' samples
/// are left out, and come back when it goes. Only the families that may come to this are entered.
struct SeriesLedger {
    /// An object, in the order in which it has the right to a series.
    struct Holder: Hashable, Comparable, Sendable {
        var namespace: String
        var name: String
        var uid: String
        /// `group/version/plural`: versions of one object share the rest.
        var resource: String

        static func < (left: Holder, right: Holder) -> Bool {
            (left.namespace, left.name, left.uid, left.resource) < (right.namespace, right.name, right.uid, right.resource)
        }
    }

    /// Those families, by position; empty: nothing is ever left out.
    let families: Set<Int>
    private var records: [Holder: ObjectRecord] = [:]
    /// In their order; the first has the series.
    private var claims: [[UInt8]: [Holder]] = [:]
    /// Samples that are left out at the moment.
    private(set) var suppressed = 0

    init(families: Set<Int>) { self.families = families }

    /// - Returns: what is to be served of this object, and of every other for which that has changed.
    mutating func put(_ record: ObjectRecord, of holder: Holder) -> [(Holder, ObjectRecord)] {
        guard !families.isEmpty else { return [(holder, record)] }
        let before = Set(records[holder].map(series) ?? [])
        let after = Set(series(record))
        records[holder] = record
        var changed: Set<Holder> = []
        for series in before.subtracting(after) { give(series, up: holder, &changed) }
        for series in after.subtracting(before) { claim(series, for: holder, &changed) }
        return [(holder, served(holder, record))] + changed.compactMap { other in records[other].map { (other, served(other, $0)) } }
    }

    /// - Returns: what is to be served of every other object for which that has changed.
    mutating func remove(_ holder: Holder) -> [(Holder, ObjectRecord)] {
        guard !families.isEmpty, let record = records.removeValue(forKey: holder) else { return [] }
        var changed: Set<Holder> = []
        for series in Set(series(record)) { give(series, up: holder, &changed) }
        return changed.compactMap { other in records[other].map { (other, served(other, $0)) } }
    }

    private mutating func claim(_ series: [UInt8], for holder: Holder, _ changed: inout Set<Holder>) {
        var holders = claims[series] ?? []
        let place = holders.firstIndex { holder < $0 } ?? holders.count
        if place == 0, let owner = holders.first { changed.insert(owner) }
        if !holders.isEmpty { suppressed += 1 }
        holders.insert(holder, at: place)
        claims[series] = holders
    }

    private mutating func give(_ series: [UInt8], up holder: Holder, _ changed: inout Set<Holder>) {
        guard var holders = claims[series], let place = holders.firstIndex(of: holder) else { return }
        holders.remove(at: place)
        if !holders.isEmpty { suppressed -= 1 }
        if place == 0, let next = holders.first { changed.insert(next) }
        claims[series] = holders.isEmpty ? nil : holders
    }

    /// The record without the samples that are another object's.
    private func served(_ holder: Holder, _ record: ObjectRecord) -> ObjectRecord {
        var samples: [UInt8] = []
        var lengths: [Int] = []
        Self.forEachFamily(of: record) { family, own in
            let start = samples.count
            for sample in own {
                if families.contains(family), claims[Self.series(sample, of: family)]?.first != holder { continue }
                samples += sample
            }
            lengths.append(samples.count - start)
        }
        return ObjectRecord(identity: record.identity, samples: samples, lengths: lengths)
    }

    private func series(_ record: ObjectRecord) -> [[UInt8]] {
        var all: [[UInt8]] = []
        Self.forEachFamily(of: record) { family, samples in
            if families.contains(family) { all += samples.map { Self.series($0, of: family) } }
        }
        return all
    }

    /// The family and the labels: the sample without its length and without its value, which has no blank in it.
    private static func series(_ sample: ArraySlice<UInt8>, of family: Int) -> [UInt8] {
        var position = sample.startIndex
        _ = sample.readLength(at: &position)
        let number = [UInt8(truncatingIfNeeded: family), UInt8(truncatingIfNeeded: family >> 8)]
        return number + sample[position..<(sample.lastIndex(of: UInt8(ascii: " ")) ?? sample.endIndex)]
    }

    private static func forEachFamily(of record: ObjectRecord, _ body: (Int, [ArraySlice<UInt8>]) -> Void) {
        var start = 0
        for (family, length) in record.lengths.enumerated() {
            body(family, record.samples[start..<start + length].separateSamples)
            start += length
        }
    }
}
