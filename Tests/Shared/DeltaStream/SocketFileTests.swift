import Foundation
import Testing

@testable import DeltaStream

@Suite("Socket files")
struct SocketFileProcessTests {
    private func mode(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    /// Binds without the `chmod` that follows it in a publisher, so that only the file's first moment is judged.
    private func bound(in folder: SocketFolder) throws -> ZeroMQSocket {
        try FileManager.default.createDirectory(
            atPath: folder.path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        let socket = try ZeroMQSocket(.publish, in: ZeroMQContext(keeping: []))
        try socket.bind(folder.deltas, as: "watcher")
        return socket
    }

    // The `chmod` that follows takes the owner's right to execute it away.
    @Test("a socket is its owner's alone as soon as it exists, in a directory that is open to all")
    func firstMoment() throws {
        let folder = SocketFolder()
        let socket = try bound(in: folder)
        #expect(try mode("\(folder.path)/deltas") == 0o700)
        #expect(socket.lastEndpoint == folder.deltas)
    }

    @Test("binding gives the mask for other files back, also where it fails")
    func mask() async throws {
        let folder = SocketFolder()
        let socket = try bound(in: folder)
        #expect(throws: DeltaStreamError.self) { try socket.bind("ipc:///proc/nowhere/deltas", as: "watcher") }
        // Tests beside this one bind too, each for a moment. A mask that was not given back stays.
        let inherited = try umask(of: "\(getppid())")
        try await eventually("the mask is back") { (try? umask(of: "self")) == inherited }
    }

    private func umask(of process: String) throws -> String {
        let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        return try #require(status.split(separator: "\n").first { $0.hasPrefix("Umask:") }.map(String.init))
    }

    @Test("another user cannot connect, though the way to the socket is open to it", .enabled(if: geteuid() == 0))
    func anotherUser() throws {
        let folder = SocketFolder()
        let socket = try bound(in: folder)
        let path = "\(folder.path)/deltas"
        // EACCES is 13.
        #expect(try connecting(to: path, asUser: 65534) == 13)
        // What kept it out is the socket's mode and nothing else.
        try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: path)
        #expect(try connecting(to: path, asUser: 65534) == 0)
        #expect(socket.lastEndpoint == folder.deltas)
    }

    /// - Returns: the error number of `connect`, 0 when it succeeded.
    private func connecting(to path: String, asUser user: Int) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/setpriv")
        process.arguments = [
            "--reuid", "\(user)", "--regid", "\(user)", "--clear-groups", "/usr/bin/perl", "-MSocket", "-e",
            "socket(S, AF_UNIX, SOCK_STREAM, 0) or exit 99; exit(connect(S, sockaddr_un($ARGV[0])) ? 0 : $!+0)", path,
        ]
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }
}
