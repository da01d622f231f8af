import Foundation
import Names
import RecordTable
import RecordTableWriter
import Synchronization
import TestSupport

extension FuzzTarget {
    /// Octet 0 chooses: the rest is a whole control file, a whole data file, or a list of changes (place in three octets, its top bit
    /// choosing the file; one octet of length up to 15; the octets) of a good table.
    ///
    /// Whatever the files hold, opening and reading end with an error or with answers from at most as many records as the files
    /// have room for. A writer refuses them with an error, or adopts them: then a reader meets no damage and every walk tells what
    /// the writer's counts tell.
    static let tableFile = FuzzTarget(name: "table-file", longestInput: 600) { input throws(PropertyFailure) in
        guard let first = input.first else { return }
        let rest = input.dropFirst()
        try TableUnderAttack.shared.withLock { attacked throws(PropertyFailure) in
            do { attacked = try attacked ?? TableUnderAttack() } catch { throw PropertyFailure("no table: \(error)") }
            guard let table = attacked else { return }
            switch first % 3 {
            case 0: try table.check(control: Array(rest), data: nil)
            case 1: try table.check(control: nil, data: Array(rest))
            default: try table.check(changes: rest)
            }
        }
    }
}

/// A small good table, and what may be made of it.
private final class TableUnderAttack: Sendable {
    static let shared = Mutex<TableUnderAttack?>(nil)

    private let folder: TemporaryFolder
    private let control: [UInt8]
    private let data: [UInt8]
    /// Filling may have moved the table on from its first data file.
    private let generation: UInt64

    init() throws {
        folder = try TemporaryFolder()
        do {
            let writer = try TableWriter(
                path: folder.path("good"), identity: "fuzz", now: 1, sizing: .init(bucketCount: 256, capacity: 1 << 20))
            try QueryPath.fill(writer)
            generation = writer.generation
        }
        control = try folder.read("good")
        data = try folder.read("good.\(generation)")
    }

    func check(control: [UInt8]?, data: [UInt8]?) throws(PropertyFailure) {
        try check(control ?? self.control, data ?? self.data)
    }

    func check(changes: ArraySlice<UInt8>) throws(PropertyFailure) {
        var control = control
        var data = data
        var rest = changes
        while rest.count > 4 {
            let head = Array(rest.prefix(4))
            let place = Int(head[0] & 0x7F) << 16 | Int(head[1]) << 8 | Int(head[2])
            rest = rest.dropFirst(4)
            let octets = rest.prefix(Int(head[3] & 15))
            rest = rest.dropFirst(octets.count)
            for (index, octet) in octets.enumerated() {
                if head[0] & 0x80 != 0 {
                    control[(place + index) % control.count] = octet
                } else {
                    data[(place + index) % data.count] = octet
                }
            }
        }
        try check(control, data)
    }

    private func check(_ control: [UInt8], _ data: [UInt8]) throws(PropertyFailure) {
        do {
            try folder.write(control, to: "bad")
            try folder.write(data, to: "bad.\(generation)")
        } catch {
            throw PropertyFailure("cannot write: \(error)")
        }
        let path = folder.path("bad")
        // A chain may be met once from every bucket that leads to it.
        let room = (data.count / 64 + 1) * 17
        if let reader = try? TableReader(path: path) {
            let seen = Walk(reader)
            try expect(seen.total <= room * 4, "\(seen.total) records in \(data.count) octets")
        }
        guard let writer = try? TableWriter(path: path, identity: "fuzz", now: 2) else { return }
        let reader: TableReader
        do { reader = try TableReader(path: path) } catch {
            throw PropertyFailure("a writer took it, a reader says: \(error)")
        }
        let fault: String?
        do { fault = try writer.invariantFault() } catch { throw PropertyFailure("adopted, then: \(error)") }
        try expect(fault == nil, "adopted, but \(fault ?? "")")
        let seen = Walk(reader)
        try expect(reader.damaged == 0 && reader.retries == 0, "\(reader.damaged) damaged, \(reader.retries) retries")
        let counts = writer.counts
        try expect(
            seen.namespaces == counts.namespaces && seen.services == counts.services && seen.slices == counts.slices
                && seen.pods == counts.pods, "the writer counts \(counts), a reader meets \(seen)")
    }
}

/// Everything that a table tells, asked once.
private struct Walk {
    var namespaces = 0
    var services = 0
    var slices = 0
    var pods = 0
    var others = 0
    var total: Int { namespaces + services + slices + pods + others }

    init(_ reader: TableReader) {
        _ = reader.status
        reader.forEachNamespace {
            namespaces += 1
            _ = $0.record()
        }
        reader.forEachService {
            services += 1
            _ = $0.record()
        }
        reader.forEachSlice {
            slices += 1
            _ = $0.record()
        }
        reader.forEachPod {
            pods += 1
            _ = $0.record()
        }
        let namespace = Array("default".utf8)
        let name = Array("db".utf8)
        others += reader.withService(namespace: namespace.span, name: name.span) { _ = $0.record() } == nil ? 0 : 1
        others += reader.forEachSlice(namespace: namespace.span, service: name.span) { _ = $0.record() }
        reader.forEachService(address: .v4(0x0A00_0001)) { _ in others += 1 }
        reader.forEachEndpoint(address: .v4(0x0A01_0000)) { _, _ in others += 1 }
        reader.forEachPod(address: .v4(0x0A01_0001)) { _ in others += 1 }
    }
}
