// table-probe COMMAND PATH …: one process of those that attack the record table (Tests/Shared/RecordTable, scripts/attack).
//
//   write PATH SEED           writes self-checking records as fast as it can until it is killed
//   read PATH READS           says "reading", reads as many, and fails at the first that is torn, mixed or missing
//   check PATH                opens the table as the next writer would and checks every invariant
//   churn PATH SEED [once]    opens the table, checks every invariant, relists by difference, compares every record with the list,
//                             says "equal"; then changes, grows and shrinks the table until it is killed
//   answer PATH [partial]     answers for every record that is always there, once; `partial`: the table may be absent or unfinished
//   survey PATH               asks a table that may be damaged for everything
//   recover PATH SEED         opens such a table as the next writer does, relists and compares
//   keep PATH                 takes over what an earlier process has kept, checks it, says "keeping", and keeps on until it is killed
//   threads PATH READS        a writer and two readers in one process, for the thread sanitizer
//   fill|adopt|empty|open     the same at full size, with figures
//   dump PATH                 prints every record, one a line, sorted

import Glibc
import Names
import RecordTable
import RecordTableWriter

func fail(_ message: String) -> Never {
    print("FAULT \(message)")
    exit(1)
}

let smallTable = TableWriter.Sizing(bucketCount: 64, capacity: 1 << 20, spared: 1 << 20)

func openWriter(_ path: String) throws -> TableWriter {
    let writer = try TableWriter(path: path, identity: "table-probe", now: 1, sizing: smallTable)
    if let fault = try writer.invariantFault() { fail("after opening: \(fault)") }
    if writer.damagedReferences != 0 { fail("\(writer.damagedReferences) references led to damage") }
    if let fault = writer.replacedFile { fail("the data file was replaced: \(fault)") }
    return writer
}

/// Changes, grows and shrinks the table `steps` times over.
func change(_ writer: TableWriter, _ random: inout Repeatable, steps: Int) throws {
    for _ in 0..<steps {
        let changed = SelfChecking(index: Int(random.next()) % serviceCount, version: UInt32(truncatingIfNeeded: random.next()))
        if random.next() % 2 == 0 {
            try writer.upsert(changed.service)
        } else {
            try writer.upsert(changed.slice(Int(random.next()) % slicesPerService))
        }
        if random.next() % 64 == 0 { writer.beat(now: random.next()) }
    }
}

func growAndShrink(_ writer: TableWriter, _ random: inout Repeatable, extras: Int) throws {
    let padding = String(repeating: "y", count: 1_500)
    for number in 0..<extras {
        try writer.upsert(
            ServiceRecord(
                namespace: "probe", name: "extra-\(number)", kind: .clusterIP, clusterIPs: [.v4(0xF000_0000 + UInt32(number))],
                labels: ["padding": padding]))
        if number % 16 == 0 { try change(writer, &random, steps: 1) }
    }
    for number in 0..<extras {
        try writer.removeService(namespace: "probe", name: "extra-\(number)")
        if number % 16 == 0 { try change(writer, &random, steps: 1) }
    }
}

func write(_ path: String, seed: UInt64) throws {
    let writer = try openWriter(path)
    var random = Repeatable(state: seed)
    for index in 0..<serviceCount where writer.service("probe", "s\(index)") == nil {
        let first = SelfChecking(index: index, version: UInt32(truncatingIfNeeded: random.next()))
        try writer.upsert(first.service)
        for number in 0..<slicesPerService { try writer.upsert(first.slice(number)) }
    }
    print("writing")
    fflush(nil)
    while true {
        try change(writer, &random, steps: 20_000)
        try growAndShrink(writer, &random, extras: 2_000)
        print("generation \(writer.generation)")
        fflush(nil)
    }
}

func churn(_ path: String, seed: UInt64, once: Bool) throws {
    let writer = try openWriter(path)
    print("adopted \(writer.statistics.writes + writer.statistics.removals)")
    fflush(nil)
    let list = ClusterList(seed: seed)
    try list.relist(writer)
    if let fault = try writer.invariantFault() { fail("after relisting: \(fault)") }
    list.compare(with: try TableReader(path: path))
    let before = writer.statistics
    try list.relist(writer)
    if writer.statistics.writes != before.writes || writer.statistics.removals != before.removals {
        fail("relisting an equal list wrote")
    }
    print("equal")
    fflush(nil)
    if once { return }
    var random = Repeatable(state: seed)
    while true {
        try change(writer, &random, steps: 1_000)
        try growAndShrink(writer, &random, extras: 1_000)
        try list.relist(writer)
    }
}

func read(_ path: String, reads: Int) throws {
    let reader = try TableReader(path: path)
    let namespace = Array("probe".utf8)
    let names = (0..<serviceCount).map { Array("s\($0)".utf8) }
    var generations: Set<UInt64> = []
    var random = Repeatable(state: UInt64(getpid()))
    print("reading")
    fflush(nil)
    for round in 0..<(reads / 2) {
        readOnce(reader, namespace.span, names[Int(random.next()) % serviceCount])
        if round % 4_096 == 0 { generations.insert(reader.status.generation) }
    }
    guard reader.damaged == 0 else { fail("\(reader.damaged) look-ups met damage") }
    print("read \(reads) retries \(reader.retries) generations \(generations.count)")
}

func answer(_ path: String, partial: Bool) throws {
    let reader: TableReader
    do throws(TableError) {
        reader = try TableReader(path: path)
    } catch {
        guard partial, case .absent = error else { throw error }
        print("absent")
        return
    }
    let namespace = Array("probe".utf8)
    for index in 0..<serviceCount {
        let name = Array("s\(index)".utf8)
        if partial, reader.withService(namespace: namespace.span, name: name.span, { _ in true }) == nil { continue }
        if partial, reader.forEachSlice(namespace: namespace.span, service: name.span, { _ in }) < slicesPerService { continue }
        readOnce(reader, namespace.span, name)
    }
    _ = reader.status
    if reader.damaged != 0 { fail("\(reader.damaged) look-ups met damage") }
    print("answers")
}

/// Walks and asks for everything in a table of which anything may be wrong: for whoever comes before the writer after a power loss.
func survey(_ path: String) {
    let reader: TableReader
    do throws(TableError) {
        reader = try TableReader(path: path)
    } catch {
        if case .absent = error { print("absent") } else { print("refused \(error)") }
        return
    }
    var found = 0
    reader.forEachNamespace { found += $0.record().labels.count }
    reader.forEachService { found += $0.record().ports.count }
    reader.forEachSlice { found += $0.record().endpoints.count }
    reader.forEachPod { found += $0.record().addresses.count }
    for index in 0..<serviceCount {
        let name = Array("s\(index)".utf8)
        _ = reader.withService(namespace: Array("probe".utf8).span, name: name.span) { _ in found += 1 }
        _ = reader.forEachSlice(namespace: Array("probe".utf8).span, service: name.span) { _ in found += 1 }
    }
    _ = reader.status
    print("answers \(found), \(reader.damaged) damaged")
}

/// Opens a damaged table as the next writer does, and relists.
func recover(_ path: String, seed: UInt64) throws {
    let writer = try TableWriter(path: path, identity: "table-probe", now: 1, sizing: smallTable)
    if let fault = try writer.invariantFault() { fail("after opening: \(fault)") }
    let list = ClusterList(seed: seed)
    try list.relist(writer)
    if let fault = try writer.invariantFault() { fail("after relisting: \(fault)") }
    list.compare(with: try TableReader(path: path))
    print("recovered, \(writer.damagedReferences) cut")
}

func check(_ path: String) throws {
    let writer = try openWriter(path)
    if writer.counts.slices < serviceCount * slicesPerService { fail("the table holds \(writer.counts)") }
    print("sound")
}

let words = CommandLine.arguments
do {
    let number = words.count > 3 ? Int(words[3]) ?? 1 : 1
    let last = words.last ?? ""
    switch (words.count, words.count > 1 ? words[1] : "") {
    case (4, "write"): try write(words[2], seed: UInt64(number))
    case (4, "read"): try read(words[2], reads: number)
    case (3, "check"): try check(words[2])
    case (3, "invariants"):
        _ = try openWriter(words[2])
        print("sound")
    case (4..., "churn"): try churn(words[2], seed: UInt64(number), once: last == "once")
    case (3..., "answer"): try answer(words[2], partial: last == "partial")
    case (3, "survey"): survey(words[2])
    case (4, "recover"): try recover(words[2], seed: UInt64(number))
    case (3, "keep"): try keep(words[2])
    case (4, "threads"): try threads(words[2], reads: number)
    case (3, "fill"): try fill(words[2])
    case (3, "adopt"): try adopt(words[2], emptying: false)
    case (3, "empty"): try adopt(words[2], emptying: true)
    case (3, "open"): try open(words[2])
    case (3, "dump"): try dump(words[2])
    default:
        print(
            "usage: table-probe write|churn|recover PATH SEED | read|threads PATH READS | check|invariants|answer|survey|fill|adopt|empty|open|dump|keep PATH"
        )
        exit(64)
    }
} catch {
    fail("\(error)")
}
