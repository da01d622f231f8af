import Foundation
import TestSupport
import Testing

@testable import RecordTable
@testable import RecordTableWriter

@Suite("What a process keeps for the next of its kind")
struct KeptTableTests {
    private let folder: TemporaryFolder
    private var path: String { folder.path("kept") }

    init() throws { folder = try TemporaryFolder() }

    private func open(format: String = "1") throws(TableError) -> KeptTable {
        try KeptTable(path: path, identity: "test", format: format, now: 1)
    }

    private func records(_ table: KeptTable, _ section: String = "a") -> [String: [UInt8]] {
        var found: [String: [UInt8]] = [:]
        table.forEach(in: section) { found[$0] = $1 }
        return found
    }

    /// Fifty records of some hundred bytes.
    private func fill() throws {
        let table = try open()
        for number in 0..<50 { try table.put(.init("a", "\(number)"), Array(repeating: UInt8(number), count: 100 + number)) }
    }

    @Test("what was put is there for the next, in its section; what was removed is not")
    func adoption() throws {
        do {
            let table = try open()
            #expect(table.loss == nil)
            try table.put(.init("a", "one"), [1, 2, 3])
            try table.put(.init("b", "one"), [])
            try table.put(.init("a", "two"), [4])
            try table.put(.init("a", "one"), [5, 6])
            try table.remove(.init("a", "two"))
            try table.remove(.init("a", "never"))
        }
        let next = try open()
        #expect(next.loss == nil && records(next) == ["one": [5, 6]] && records(next, "b") == ["one": []])
        next.removeAll()
        #expect(records(next).isEmpty && records(next, "b").isEmpty)
    }

    @Test("emptied, it is still of its format")
    func emptied() throws {
        do {
            let table = try open()
            try table.put(.init("a", "one"), [1])
            table.removeAll()
            try table.put(.init("a", "two"), [2])
        }
        let next = try open()
        #expect(next.loss == nil && records(next) == ["two": [2]])
        try next.put(.init("b", "one"), [3])
        next.removeAll(exceptIn: "b")
        #expect(records(next).isEmpty && records(next, "b") == ["one": [3]])
    }

    @Test("its files are its owner's alone")
    func permissions() throws {
        try fill()
        for name in ["kept", "kept.1"] {
            let mode = try FileManager.default.attributesOfItem(atPath: folder.path(name))[.posixPermissions] as? Int
            #expect(mode == 0o600, "\(name)")
        }
    }

    @Test("what somebody else may write is not read: a control file is left alone, a data file begun anew", arguments: [0o620, 0o602])
    func writable(mode: Int) throws {
        try fill()
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: folder.path("kept.1"))
        do {
            let table = try open()
            #expect(table.loss == .damaged && records(table).isEmpty)
            try table.put(.init("a", "again"), [1])
        }
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        #expect(throws: TableError.foreign(path: path)) { _ = try open() }
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        #expect(records(try open()) == ["again": [1]])
    }

    @Test("who comes second is refused, and told who has it")
    func second() throws {
        let first = try open()
        let error = #expect(throws: TableError.self) { _ = try open() }
        #expect(error == .writerExists(path: path, process: Int(ProcessIdentity.current)))
        try first.put(.init("a", "still"), [1])
    }

    @Test("another format, another layout and another boot are begun anew", arguments: ["format", "layout", "boot"])
    func others(what: String) throws {
        try fill()
        var format = "1"
        var control = try folder.read("kept")
        switch what {
        case "format": format = "2"
        case "layout": control[Layout.Control.version] += 1
        default: control[Layout.Control.bootIdentity] ^= 1
        }
        try folder.write(control, to: "kept")
        let table = try open(format: format)
        #expect(table.loss == (what == "format" ? .otherFormat : what == "layout" ? .otherLayout : .otherBoot))
        #expect(records(table).isEmpty)
        try table.put(.init("a", "again"), [1])
        #expect(records(table) == ["again": [1]])
    }

    @Test("a file that is no such table is left alone: a text, a record table, a link, a FIFO, a folder")
    func foreign() throws {
        func refused(_ what: String) {
            #expect(throws: TableError.foreign(path: path), "\(what)") { _ = try open() }
        }
        let text = Array(repeating: UInt8(ascii: "x"), count: 40_000)
        try folder.write(text, to: "kept")
        refused("text")
        #expect(try folder.read("kept") == text)
        try folder.remove("kept")
        do {
            let records = try TableWriter(path: path, identity: "watcher", now: 1)
            try records.upsert(NamespaceRecord(name: "default"))
        }
        refused("record table")
        #expect(try TableWriter(path: path, identity: "watcher", now: 1).namespaceNames().count == 1)
        try FileManager.default.createSymbolicLink(atPath: folder.path("link"), withDestinationPath: path)
        #expect(throws: TableError.foreign(path: folder.path("link"))) {
            _ = try KeptTable(path: folder.path("link"), identity: "test", format: "1", now: 1)
        }
        for name in ["kept", "kept.1"] { try folder.remove(name) }
        // Safe: mkfifo reads the terminated path.
        let made = unsafe mkfifo(path, 0o600)
        #expect(made == 0)
        refused("FIFO")
        try folder.remove("kept")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        refused("folder")
    }

    @Test("nobody takes a kept table for a record table")
    func noRecordTable() throws {
        try fill()
        #expect(throws: TableError.foreign(path: path)) { _ = try TableReader(path: path) }
        #expect(throws: TableError.foreign(path: path)) { _ = try TableWriter(path: path, identity: "watcher", now: 1) }
    }

    @Test("cut short anywhere, each file is begun anew", arguments: ["kept", "kept.1"])
    func cut(name: String) throws {
        try fill()
        let whole = try folder.read(name)
        let control = try folder.read("kept")
        for length in [0, 1, 100, 4095, 4096, 20_000, whole.count - 1] where length < whole.count {
            for file in try FileManager.default.contentsOfDirectory(atPath: folder.path) { try folder.remove(file) }
            try folder.write(control, to: "kept")
            try folder.write(Array(whole.prefix(length)), to: name)
            let kept: KeptTable
            do {
                kept = try open()
            } catch TableError.foreign {
                // Too short to say what it is.
                #expect(name == "kept" && (1..<Layout.Control.bootIdentity).contains(length))
                continue
            }
            #expect(records(kept).isEmpty, "\(length)")
            try kept.put(.init("a", "again"), [1])
        }
    }

    @Test("a changed byte is found: every record that is taken over is as it was put")
    func damage() throws {
        try fill()
        let control = try folder.read("kept")
        let whole = try folder.read("kept.1")
        var random = SystemRandomNumberGenerator()
        let used = whole.lastIndex { $0 != 0 } ?? 0
        for _ in 0..<(isSoak ? 3000 : 150) {
            for file in try FileManager.default.contentsOfDirectory(atPath: folder.path) { try folder.remove(file) }
            var bytes = whole
            let place = Int.random(in: 0...used, using: &random)
            bytes[place] ^= UInt8.random(in: 1...255, using: &random)
            try folder.write(control, to: "kept")
            try folder.write(bytes, to: "kept.1")
            do {
                let table = try open()
                for (name, payload) in records(table) {
                    let number = try #require(UInt8(name), "byte \(place)")
                    #expect(payload == Array(repeating: number, count: 100 + Int(number)), "byte \(place)")
                }
                if table.loss != nil { #expect(records(table).isEmpty) }
                try table.put(.init("a", "again"), [1])
            } catch let error as TableError {
                Issue.record("byte \(place): \(error)")
            }
        }
    }

    @Test("it grows with what is put and gives the space back")
    func growth() throws {
        let table = try open()
        let least = table.size
        for round in 0..<3 {
            for number in 0..<400 {
                try table.put(.init("a", "\(number)"), Array(repeating: UInt8(truncatingIfNeeded: round), count: 50_000))
            }
            #expect(table.size > 20_000_000 && table.size < 60_000_000, "\(table.size)")
        }
        for number in 0..<400 { try table.remove(.init("a", "\(number)")) }
        for number in 0..<400 { try table.put(.init("a", "\(number)"), [1]) }
        #expect(table.size < least + 9_000_000, "\(table.size)")
        #expect(records(table).count == 400)
    }
}
