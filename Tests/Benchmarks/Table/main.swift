// table-bench COMMAND …: what `make bench` runs for the record table (Tests/Benchmarks/table.py), each beside its floor.
//
//   churn PATH                 changes records until it is killed
//   read PATH SECONDS          look-ups in the table, then in a hash map in private memory that holds the same payloads
//   write PATH                 fills an empty table, then changes every record; the same into a hash map
//
// The floor's map has the same keys and the same bytes, and copies the bytes out as a look-up in the table does.

import Glibc
import Names
import RecordTable
import RecordTableWriter

let serviceCount = 10_000

func service(_ index: Int, version: UInt32) -> ServiceRecord {
    ServiceRecord(
        namespace: "team-\(index % 200)", name: "service-\(index)", kind: .clusterIP, clusterIPs: [.v4(0x0A60_0000 + UInt32(index))],
        ports: [PortRecord(name: "http", protocol: .tcp, number: UInt16(version % 60_000))],
        labels: ["app.kubernetes.io/name": "service-\(index)", "app.kubernetes.io/version": "\(version)"])
}

struct MapKey: Hashable {
    var namespace: [UInt8]
    var name: [UInt8]
}

let keys = (0..<serviceCount).map { MapKey(namespace: Array("team-\($0 % 200)".utf8), name: Array("service-\($0)".utf8)) }

struct Repeatable {
    var state: UInt64

    mutating func next() -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33)
    }
}

/// Nanoseconds of a clock: CLOCK_MONOTONIC for how long, CLOCK_THREAD_CPUTIME_ID for how much work.
func read(_ clock: clockid_t) -> Int {
    var time = timespec()
    // Safe: clock_gettime fills the structure it is given.
    unsafe clock_gettime(clock, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// How long look-ups took, in steps of 10 ns up to 1 ms and then in steps of 10 µs.
struct Latencies {
    var fine = [Int](repeating: 0, count: 100_000)
    var coarse = [Int](repeating: 0, count: 100_000)
    var count = 0

    mutating func add(_ nanoseconds: Int) {
        count += 1
        if nanoseconds < 1_000_000 { fine[max(0, nanoseconds) / 10] += 1 } else { coarse[min(99_999, nanoseconds / 10_000)] += 1 }
    }

    func percentile(_ share: Double) -> Int {
        var left = Int(Double(count) * share)
        for (step, number) in fine.enumerated() {
            left -= number
            if left < 0 { return step * 10 }
        }
        for (step, number) in coarse.enumerated() {
            left -= number
            if left < 0 { return step * 10_000 }
        }
        return 1_000_000_000
    }
}

/// Look-ups for so long: a second of the clock is read once for each, in both loops.
func measure(_ name: String, seconds: Double, _ lookUp: (Int) -> Int) {
    var random = Repeatable(state: UInt64(getpid()))
    var latencies = Latencies()
    var sum = 0
    let work = read(CLOCK_THREAD_CPUTIME_ID)
    let start = read(CLOCK_MONOTONIC)
    var before = start
    while before - start < Int(seconds * 1e9) {
        sum &+= lookUp(random.next() % serviceCount)
        let now = read(CLOCK_MONOTONIC)
        latencies.add(now - before)
        before = now
    }
    let used = read(CLOCK_THREAD_CPUTIME_ID) - work
    print("\(name)_reads", latencies.count)
    print("\(name)_nanoseconds", Double(used) / Double(latencies.count))
    print("\(name)_p999", latencies.percentile(0.999))
    if sum == 0 { print("nothing was found") }
}

func benchRead(_ path: String, seconds: Double) throws {
    let reader = try TableReader(path: path)
    var map: [MapKey: [UInt8]] = [:]
    for key in keys {
        // As many bytes as the record's payload has.
        let size = reader.withService(namespace: key.namespace.span, name: key.name.span) { $0.payloadByteCount } ?? 0
        guard size > 0 else {
            print("FAULT a service is missing")
            exit(1)
        }
        map[key] = [UInt8](repeating: 1, count: size)
    }
    // Safe: as large as any payload here, freed when the process ends.
    let copy = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 8)
    // Alternately, in short turns: what else the machine does then falls on both.
    for _ in 0..<Int(seconds) {
        measure("table", seconds: 0.5) { index in
            let key = keys[index]
            return reader.withService(namespace: key.namespace.span, name: key.name.span) { Int($0.ports.number(0)) } ?? 0
        }
        measure("map", seconds: 0.5) { index in
            guard let payload = map[keys[index]] else { return 0 }
            // Safe: the payload is smaller than the buffer.
            unsafe payload.withUnsafeBytes { unsafe copy.copyMemory(from: $0.baseAddress!, byteCount: min($0.count, 4096)) }
            return Int(unsafe copy.load(as: UInt8.self))
        }
    }
    if reader.damaged != 0 {
        print("FAULT \(reader.damaged) look-ups met damage")
        exit(1)
    }
}

func timed(_ name: String, _ count: Int, _ body: () throws -> Void) rethrows {
    let start = read(CLOCK_THREAD_CPUTIME_ID)
    try body()
    print("\(name)_nanoseconds", Double(read(CLOCK_THREAD_CPUTIME_ID) - start) / Double(count))
}

func benchWrite(_ path: String) throws {
    let writer = try TableWriter(path: path, identity: "table-bench", now: 1)
    let first = (0..<serviceCount).map { service($0, version: 1) }
    let second = (0..<serviceCount).map { service($0, version: 2) }
    try timed("insert", serviceCount) { for record in first { try writer.upsert(record) } }
    try timed("replace", serviceCount) { for record in second { try writer.upsert(record) } }
    try timed("unchanged", serviceCount) { for record in second { try writer.upsert(record) } }
    var map: [MapKey: ServiceRecord] = [:]
    var addresses: [IPAddress: MapKey] = [:]
    func put(_ record: ServiceRecord) {
        let key = MapKey(namespace: Array(record.namespace.utf8), name: Array(record.name.utf8))
        map[key] = record
        for address in record.clusterIPs { addresses[address] = key }
    }
    timed("map_insert", serviceCount) { for record in first { put(record) } }
    timed("map_replace", serviceCount) { for record in second { put(record) } }
}

func churn(_ path: String) throws {
    let writer = try TableWriter(path: path, identity: "table-bench", now: 1)
    for index in 0..<serviceCount { try writer.upsert(service(index, version: 1)) }
    print("ready")
    fflush(nil)
    var random = Repeatable(state: 1)
    while true { try writer.upsert(service(random.next() % serviceCount, version: UInt32(truncatingIfNeeded: random.next()))) }
}

let words = CommandLine.arguments
do {
    switch (words.count, words.count > 1 ? words[1] : "") {
    case (3, "churn"): try churn(words[2])
    case (4, "read"): try benchRead(words[2], seconds: Double(words[3]) ?? 1)
    case (3, "write"): try benchWrite(words[2])
    default:
        print("usage: table-bench churn PATH | read PATH SECONDS | write PATH")
        exit(64)
    }
} catch {
    print("FAULT \(error)")
    exit(1)
}
