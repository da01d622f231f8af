import Foundation
import Synchronization
import TestSupport
import Testing

@testable import MizzenSystem

@Suite struct FileReplacementTests {
    private func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }

    private func replace(_ path: String, _ text: String) throws {
        var file = try FileReplacement(of: path)
        try file.append(Array(text.utf8))
        try file.commit()
    }

    @Test("the path leads to the former file until the new one is whole, and what is given up leaves nothing")
    func inOneStep() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("file")
        try replace(path, "one")
        #expect(text(path) == "one")
        do {
            var file = try FileReplacement(of: path)
            try file.append(Array("tw".utf8))
            #expect(text(path) == "one" && file.size == 2)
            // Given up here.
        }
        #expect(text(path) == "one" && text(path + ".new") == nil)
        try replace(path, "two")
        #expect(text(path) == "two" && text(path + ".new") == nil)
    }

    @Test("what a killed process left half written is written over")
    func leftBehind() throws {
        let folder = try TemporaryFolder()
        try folder.write(Array("half of a longer text".utf8), to: "file.new")
        try replace(folder.path("file"), "whole")
        #expect(text(folder.path("file")) == "whole")
    }

    @Test("two at once do not mix, and the one that is refused leaves the other's alone")
    func twoWriters() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("file")
        var first = try FileReplacement(of: path)
        try first.append(Array("first".utf8))
        #expect(throws: SystemError(call: "flock", code: EWOULDBLOCK)) { _ = try FileReplacement(of: path) }
        try first.commit()
        #expect(text(path) == "first")
        try replace(path, "second")
        #expect(text(path) == "second")
    }

    @Test("short writes are gone on with, and a failure leaves the former file")
    func faults() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("file")
        var file = try FileReplacement(of: path, write: { FileReplacement.systemWrite($0, $1.prefix(2)) })
        try file.append(Array("seven b".utf8))
        try file.commit()
        #expect(text(path) == "seven b")
        let calls = Mutex(0)
        #expect(throws: SystemError(call: "write", code: ENOSPC)) {
            var file = try FileReplacement(of: path) { descriptor, bytes in
                guard
                    calls.withLock({
                        $0 += 1; return $0
                    }) < 3
                else {
                    errno = ENOSPC
                    return -1
                }
                return FileReplacement.systemWrite(descriptor, bytes.prefix(1))
            }
            try file.append(Array("another".utf8))
        }
        #expect(text(path) == "seven b" && text(path + ".new") == nil)
        #expect(throws: SystemError(call: "open", code: ENOENT)) { _ = try FileReplacement(of: folder.path("nowhere/file")) }
        // Somebody else's file is not written over by way of a link.
        try FileManager.default.createSymbolicLink(atPath: path + ".new", withDestinationPath: path)
        #expect(throws: SystemError(call: "open", code: ELOOP)) { _ = try FileReplacement(of: path) }
        #expect(text(path) == "seven b")
    }

    @Test("a reader gives what there is piece by piece, and refuses what is no file")
    func reader() throws {
        let folder = try TemporaryFolder()
        try folder.write(Array("0123456789".utf8), to: "file")
        var file = try RegularFileReader(folder.path("file"))
        #expect(file.identity.size == 10)
        #expect(try file.read(4) == Array("0123".utf8))
        #expect(try file.read(0) == [])
        #expect(try file.read(100) == Array("456789".utf8))
        #expect(try file.read(1) == [])
        #expect(throws: RegularFile.Fault.notRegular) { _ = try RegularFileReader(folder.path("")) }
        #expect(throws: RegularFile.Fault.self) { _ = try RegularFileReader(folder.path("nothing")) }
    }
}
