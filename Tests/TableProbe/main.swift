// table-probe write|read|check PATH …: one process of the tests that attack the record table (Tests/Shared/RecordTable).
//
//   write PATH SEED           writes self-checking records as fast as it can until it is killed
//   read PATH READS           reads as many, and fails at the first that is torn, mixed or missing
//   check PATH                opens the table as the next writer would and checks every invariant
//
// Every part of a record is derived from one number, its version, so that bytes of two versions in one record show.

import Glibc
import Names
import RecordTable

let serviceCount = 200
let slicesPerService = 3

struct SelfChecking {
    let index: Int
    let version: UInt32

    var name: String { "s\(index)" }

    var service: ServiceRecord {
        ServiceRecord(
            namespace: "probe", name: name, kind: .clusterIP, clusterIPs: [.v4(version), .v6(high: UInt64(version), low: UInt64(version))],
            ports: (0..<(Int(version % 7) + 1)).map {
                PortRecord(name: "p\(version)-\($0)", protocol: .udp, number: UInt16(version % 60_000))
            },
            labels: ["version": "\(version)", "padding": String(repeating: "x", count: Int(version % 300))])
    }

    func slice(_ number: Int) -> EndpointSliceRecord {
        EndpointSliceRecord(
            namespace: "probe", name: "\(name)-\(number)", service: name, addressType: .ipv4,
            ports: [PortRecord(name: "v", protocol: .tcp, number: UInt16(version % 60_000))],
            endpoints: (0..<(Int(version % 40) + 1)).map { endpoint in
                EndpointRecord(
                    addresses: [.v4(version &+ UInt32(endpoint))], hostname: "h\(version)", podName: "pod-\(version)-\(endpoint)")
            })
    }
}

func fail(_ message: String) -> Never {
    print("FAULT \(message)")
    exit(1)
}

func write(_ path: String, seed: UInt64) throws {
    let writer = try TableWriter(
        path: path, identity: "table-probe", now: 1, sizing: .init(bucketCount: 64, capacity: 4 << 20))
    if let fault = try writer.invariantFault() { fail("after opening: \(fault)") }
    var state = seed
    func next() -> UInt32 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt32(truncatingIfNeeded: state >> 33)
    }
    for index in 0..<serviceCount where writer.service("probe", "s\(index)") == nil {
        let first = SelfChecking(index: index, version: next())
        try writer.upsert(first.service)
        for number in 0..<slicesPerService { try writer.upsert(first.slice(number)) }
    }
    print("writing")
    fflush(nil)
    while true {
        let changed = SelfChecking(index: Int(next()) % serviceCount, version: next())
        if next() % 2 == 0 {
            try writer.upsert(changed.service)
        } else {
            try writer.upsert(changed.slice(Int(next()) % slicesPerService))
        }
    }
}

func read(_ path: String, reads: Int) throws {
    let reader = try TableReader(path: path)
    var random = SystemRandomNumberGenerator()
    let namespace = Array("probe".utf8)
    for _ in 0..<(reads / 2) {
        let index = Int.random(in: 0..<serviceCount, using: &random)
        let name = Array("s\(index)".utf8)
        let record = reader.withService(namespace: namespace.span, name: name.span) { $0.record() }
        guard let record else { fail("service s\(index) is missing") }
        guard case .v4(let version)? = record.clusterIPs.first, record == SelfChecking(index: index, version: version).service else {
            fail("service s\(index) is torn: \(record)")
        }
        var slices: [EndpointSliceRecord] = []
        reader.forEachSlice(namespace: namespace.span, service: name.span) { slices.append($0.record()) }
        guard slices.count == slicesPerService else { fail("service s\(index) has \(slices.count) slices") }
        for slice in slices {
            guard let number = slice.name.split(separator: "-").last.flatMap({ Int($0) }),
                case .v4(let version)? = slice.endpoints.first?.addresses.first,
                slice == SelfChecking(index: index, version: version).slice(number)
            else { fail("slice \(slice.name) is torn: \(slice)") }
        }
    }
    guard reader.damaged == 0 else { fail("\(reader.damaged) look-ups met damage") }
    print("read \(reads) retries \(reader.retries) generation \(reader.status.generation)")
}

func check(_ path: String) throws {
    let writer = try TableWriter(path: path, identity: "table-probe", now: 2)
    if let fault = try writer.invariantFault() { fail(fault) }
    if writer.damagedReferences != 0 { fail("\(writer.damagedReferences) references led to damage") }
    if writer.counts.services != serviceCount || writer.counts.slices != serviceCount * slicesPerService {
        fail("the table holds \(writer.counts)")
    }
    print("sound")
}

let words = CommandLine.arguments
do {
    switch (words.count, words.count > 1 ? words[1] : "") {
    case (4, "write"): try write(words[2], seed: UInt64(words[3]) ?? 1)
    case (4, "read"): try read(words[2], reads: Int(words[3]) ?? 1)
    case (3, "check"): try check(words[2])
    default:
        print("usage: table-probe write PATH SEED | read PATH READS | check PATH")
        exit(64)
    }
} catch {
    fail("\(error)")
}
