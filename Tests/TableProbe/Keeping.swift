import Glibc
import RecordTable
import RecordTableWriter

/// Opens a kept table, checks what an earlier process has left of it, and writes until it is killed.
///
/// Round by round every record is written in turn, with the round and a length that follows from it: whatever moment the process is
/// killed at, each record is whole, and those of the round that was being written come before those of the round before.
func keep(_ path: String) throws {
    let table = try KeptTable(path: path, identity: "probe", format: "1", now: 1)
    if let loss = table.loss { fail("begun anew: \(loss)") }
    var rounds: [Int: Int] = [:]
    table.forEach(in: "record") { name, payload in
        guard let number = Int(name), let round = payload.first.map({ Int($0) | Int(payload[1]) << 8 }) else { fail("no record: \(name)") }
        guard payload == bytes(of: number, in: round) else { fail("record \(name) is not whole in round \(round)") }
        rounds[number] = round
    }
    let sorted = rounds.sorted { $0.key < $1.key }.map(\.value)
    guard sorted == sorted.sorted(by: >), (sorted.first ?? 0) - (sorted.last ?? 0) <= 1 else {
        fail("not in the order of writing: \(sorted)")
    }
    if let newest = sorted.first, newest > 1, sorted.count < Records.count { fail("\(sorted.count) records after a whole round") }
    print("keeping after", sorted.first ?? 0)
    fflush(nil)
    // The round that was being written is written to its end.
    var round = max(0, (sorted.first ?? 0) - 1)
    while true {
        round += 1
        for number in 0..<Records.count { try table.put(.init("record", "\(number)"), bytes(of: number, in: round)) }
    }
}

private enum Records {
    static let count = 60
}

/// Up to some 100 kB, so that blocks of many sizes come and go and the file grows and shrinks.
private func bytes(of number: Int, in round: Int) -> [UInt8] {
    let length = 2 + (number &* 7919 &+ round &* 104_729) % (round / 20 % 2 == 0 ? 3000 : 100_000)
    return (0..<length).map {
        $0 == 0
            ? UInt8(truncatingIfNeeded: round)
            : $0 == 1 ? UInt8(truncatingIfNeeded: round >> 8) : UInt8(truncatingIfNeeded: number &+ round &+ $0)
    }
}
