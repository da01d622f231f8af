import Glibc
import MizzenSystem
import ProcessRuntime
import RecordTable

/// What all processes have counted that have ended, as it stands in `v1-ended`: made anew each time, never changed.
struct EndedCounters {
    /// Processes that belong together: of one place, with the same endpoints.
    struct Group: Hashable {
        var place: MemberCard.Place
        var endpoints: [String]
    }

    struct Sum {
        var group: Group
        var reading: MetricsReading
        /// How many processes.
        var count: UInt64
    }

    /// Groups that are kept; of more those go that nothing was added to for longest.
    static let mostGroups = 64
    /// Samples that a group may have. Beyond that new ones are left out: labels come from names of a Corefile, which somebody may go on changing.
    static let mostSamples = 50_000
    private static let largest = 64 << 20

    /// Of the boot in which it was written.
    var boot: BootIdentity
    /// Grows with each file.
    var serial: UInt64 = 0
    /// Segments that are in the sums and may still be there.
    var included: Set<String> = []
    /// The one that something was added to last comes first.
    var sums: [Sum] = []

    init(boot: BootIdentity) { self.boot = boot }

    /// Adds a process's counters.
    mutating func add(_ reading: MetricsReading, of group: Group, id: String) {
        included.insert(id)
        let index = sums.firstIndex { $0.group == group }
        var sum = index.map { sums.remove(at: $0) } ?? Sum(group: group, reading: MetricsReading(), count: 0)
        sum.count += 1
        for (name, family) in reading.families where family.kind != .gauge {
            for (labels, number) in family.samples
            where sum.reading.families[name]?.samples[labels] != nil || sum.reading.count < Self.mostSamples {
                sum.reading.add(number, name, labels: labels, of: family)
            }
        }
        sums.insert(sum, at: 0)
        if sums.count > Self.mostGroups { sums.removeLast(sums.count - Self.mostGroups) }
    }

    // MARK: As a file

    var bytes: [UInt8] {
        var fields = FieldWriter()
        fields.number(boot.high)
        fields.number(boot.low)
        fields.number(serial)
        fields.list(included.sorted()) { $0.text($1) }
        fields.list(sums) { fields, sum in
            fields.number(sum.group.place.networkNamespace)
            fields.text(sum.group.place.table)
            fields.list(sum.group.endpoints) { $0.text($1) }
            fields.number(sum.count)
            sum.reading.write(to: &fields)
        }
        var head = FieldWriter()
        head.number(CounterLayout.endedMagic)
        head.number(UInt64(CounterLayout.version))
        head.number(StableHash.of(fields.bytes.span, seed: CounterLayout.endedMagic))
        return head.bytes + fields.bytes
    }

    init(_ bytes: [UInt8]) throws(FieldReader.Malformed) {
        var head = FieldReader(Array(bytes.prefix(24)))
        let body = Array(bytes.dropFirst(24))
        guard try head.number() == CounterLayout.endedMagic, try head.number() == UInt64(CounterLayout.version),
            try head.number() == StableHash.of(body.span, seed: CounterLayout.endedMagic)
        else { throw .init() }
        var fields = FieldReader(body)
        boot = BootIdentity(high: try fields.number(), low: try fields.number())
        serial = try fields.number()
        included = Set(try fields.list { fields throws(FieldReader.Malformed) in try fields.text() })
        sums = try fields.list { fields throws(FieldReader.Malformed) in
            let place = MemberCard.Place(networkNamespace: try fields.number(), table: try fields.text())
            let endpoints = try fields.list { fields throws(FieldReader.Malformed) in try fields.text() }
            let count = try fields.number()
            return Sum(
                group: Group(place: place, endpoints: endpoints), reading: try MetricsReading(from: &fields), count: count)
        }
    }

    /// What is there; nil where nothing is.
    ///
    /// - Returns: with the file's identity, which no later file has at the same path.
    static func read(_ folder: String) throws(CounterError) -> (counters: EndedCounters, identity: RegularFile.Identity)? {
        let path = "\(folder)/\(CounterLayout.ended)"
        let found: (bytes: [UInt8], identity: RegularFile.Identity)
        do throws(RegularFile.Fault) {
            found = try RegularFile.read(path, limit: largest)
        } catch {
            if error.isMissing { return nil }
            throw .damaged(path: path)
        }
        do throws(FieldReader.Malformed) {
            return (try EndedCounters(found.bytes), found.identity)
        } catch {
            throw .damaged(path: path)
        }
    }
}
