import Foundation
import MizzenSystem
import Names
import Synchronization
import TestSupport
import Testing

@testable import Frontend

/// A Corefile and a file that it imports, in a volume as Kubernetes mounts a ConfigMap: the files are links into `..data`, which is a link to
/// the folder of one version, and another version is in force when that link is replaced.
private struct Volume: Sendable {
    let folder: TemporaryFolder
    let port: UInt16
    let reload: String

    init(port: UInt16, reload: String = "") throws {
        folder = try TemporaryFolder()
        self.port = port
        self.reload = reload
        try publish(1)
        for name in ["Corefile", "extra.conf"] {
            try FileManager.default.createSymbolicLink(atPath: folder.path(name), withDestinationPath: "..data/\(name)")
        }
    }

    /// What one file says of a version: `one.test` is in the Corefile, `two.test` in the file that it imports.
    func text(_ name: String, _ version: Int) -> String {
        let (zone, rest) = name == "Corefile" ? ("one.test", "\(reload)\n") : ("two.test", "")
        let block = "\(zone):\(port) {\n bind 127.0.0.1\n \(rest) hosts /nonexistent {\n 192.0.2.\(version) \(zone)\n ttl 60\n}\n}\n"
        return name == "Corefile" ? block + "import extra.conf\n" : block
    }

    func publish(_ version: Int, broken: Bool = false) throws {
        let place = "..version-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder.path(place), withIntermediateDirectories: false)
        for name in ["Corefile", "extra.conf"] {
            try folder.write(Array((text(name, version) + (broken ? "{" : "")).utf8), to: "\(place)/\(name)")
        }
        try FileManager.default.createSymbolicLink(atPath: folder.path("..data_tmp"), withDestinationPath: place)
        // Safe: both paths live through the call.
        guard unsafe rename(folder.path("..data_tmp"), folder.path("..data")) == 0 else {
            throw DidNotHappen(description: "the link was not replaced")
        }
    }
}

/// Asks for the names of both files until told to stop. Each question must be answered.
private final class Asking: Sendable {
    private struct State {
        var isOver = false
        var asked = 0
        var faults: [String] = []
        var versions: [Int] = []
    }

    private let state = Mutex(State())
    private let address: SocketAddress

    init(_ address: SocketAddress) { self.address = address }

    static func version(of name: String, _ address: SocketAddress) throws -> Int {
        let octets = try TestClient.ask(try TestPacket.query(name, .a), address)
        let text = try MessageText(octets)
        guard let version = text.answer.first?.split(separator: ".").last.flatMap({ Int($0) }) else {
            throw DidNotHappen(description: "\(name) has \(text.code)")
        }
        return version
    }

    func run() async throws {
        try await onThread { [self] in
            while !state.withLock({ $0.isOver }) {
                do {
                    let seen = try ["one.test", "two.test", "one.test"].map { try Self.version(of: $0, address) }
                    state.withLock { state in
                        state.asked += 3
                        if seen[0] == seen[2], seen[1] != seen[0] { state.faults.append("torn: \(seen)") }
                        if seen[0] > seen[2] || seen[0] < state.versions.last ?? 0 { state.faults.append("backwards: \(seen)") }
                        if state.versions.last != seen[2] { state.versions.append(seen[2]) }
                    }
                } catch {
                    state.withLock { $0.faults.append("\(error)") }
                }
            }
        }
    }

    func stop() { state.withLock { $0.isOver = true } }
    var asked: Int { state.withLock { $0.asked } }
    var faults: [String] { state.withLock { $0.faults } }
    var versions: [Int] { state.withLock { $0.versions } }
}

/// Changes of the Corefile while clients ask.
@Suite("Reloading", .serialized)
struct ReloadTests {
    private func start(_ volume: Volume, threads: Int = 1) async throws -> RunningFrontend {
        try await RunningFrontend(in: volume.folder, threads: threads)
    }

    /// Asks all the while that `body` runs.
    private func asking(_ frontend: RunningFrontend, _ body: (Asking) async throws -> Void) async throws -> Asking {
        let asking = Asking(frontend.address)
        let client = Task { try await asking.run() }
        let result: Result<Void, any Error>
        do {
            try await eventually("the client asks") { !asking.versions.isEmpty }
            result = .success(try await body(asking))
        } catch { result = .failure(error) }
        asking.stop()
        try await client.value
        try result.get()
        return asking
    }

    @Test("reload after reload, no question is lost, none is answered from two versions, and none from an older one")
    func often() async throws {
        let volume = try Volume(port: freePort())
        let frontend = try await start(volume)
        let rounds = isSoak ? 200 : 12
        let asking = try await asking(frontend) { asking in
            for version in 2..<(2 + rounds) {
                try volume.publish(version)
                // As SIGHUP does it.
                await frontend.control.reload()
                let goal = asking.asked + 30
                try await eventually("some are asked") { asking.asked >= goal }
            }
        }
        #expect(asking.faults == [] && asking.versions == Array(1..<(2 + rounds)))
        #expect(frontend.metric("mizzen_corefile_reloads_total") == Double(rounds))
        try await frontend.stop()
    }

    @Test("with several threads and reloads on top of each other no question is lost", arguments: [2, 3])
    func threads(count: Int) async throws {
        let volume = try Volume(port: freePort())
        let frontend = try await start(volume, threads: count)
        let asking = try await asking(frontend) { asking in
            for version in 2..<12 {
                try volume.publish(version)
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<3 { group.addTask { await frontend.control.reload() } }
                }
            }
        }
        // Threads take a plan up one after another, so only answers that there are not count.
        #expect(asking.faults.filter { !$0.hasPrefix("torn") && !$0.hasPrefix("backwards") } == [])
        try await eventually("the last version is in force") { try Asking.version(of: "two.test", frontend.address) == 11 }
        try await frontend.stop()
    }

    @Test("a ConfigMap's change of its link is one change, found by 'reload'; a broken version changes nothing and is said once")
    func configMap() async throws {
        let volume = try Volume(port: freePort(), reload: "reload 2s 0s")
        let frontend = try await start(volume)
        let asking = try await asking(frontend) { asking in
            for version in 2...3 {
                try volume.publish(version)
                try await eventually("version \(version) is in force") { asking.versions.last == version }
            }
            try volume.publish(4, broken: true)
            try await eventually("it is refused") { frontend.metric("coredns_reload_failed_total") == 1 }
            try volume.publish(5)
            try await eventually("version 5 is in force") { asking.versions.last == 5 }
        }
        #expect(asking.faults == [] && asking.versions == [1, 2, 3, 5])
        // Counted once all threads have it, and so a moment after the first answer.
        try await eventually("three are counted") { (frontend.metric("mizzen_corefile_reloads_total") ?? 0) >= 3 }
        #expect(frontend.metric("mizzen_corefile_reloads_total") == 3 && frontend.metric("coredns_reload_failed_total") == 1)
        try await frontend.stop()
    }

    @Test("files that are changed one after another are one change, and imported ones count")
    func twoSteps() async throws {
        let volume = try Volume(port: freePort(), reload: "reload 2s 0s")
        let frontend = try await start(volume)
        let asking = try await asking(frontend) { asking in
            // The imported file alone.
            try volume.folder.write(Array(volume.text("extra.conf", 1).utf8) + Array("# changed\n".utf8), to: "extra.conf")
            try await eventually("it counts") { frontend.metric("mizzen_corefile_reloads_total") == 1 }
            for name in ["Corefile", "extra.conf"] { try volume.folder.write(Array(volume.text(name, 2).utf8), to: name) }
            try await eventually("version 2 is in force") { asking.versions.last == 2 }
        }
        #expect(asking.faults == [] && asking.versions == [1, 2])
        #expect(frontend.metric("mizzen_corefile_reloads_total") == 2)
        try await frontend.stop()
    }

    @Test("a reading is of one version, though the link is replaced again and again while files are read")
    func readings() async throws {
        let volume = try Volume(port: 53)
        let isOver = Mutex(false)
        let versions = isSoak ? 2_000 : 200
        let publishing = Task {
            try await onThread {
                defer { isOver.withLock { $0 = true } }
                for version in 2...versions {
                    try volume.publish(version % 250)
                    // For a moment each; most are replaced between two files all the same.
                    usleep(1000)
                }
            }
        }
        var (read, torn) = (0, 0)
        while !isOver.withLock({ $0 }) {
            // Versions that follow each other too fast for this machine are refused.
            guard let configuration = try? CorefileReading(path: volume.folder.path("Corefile"), defaultPort: 53).result.get() else {
                continue
            }
            read += 1
            let addresses = configuration.blocks.flatMap { $0.all(HostsSettings.self) }.flatMap(\.entries).map { "\($0.address)" }
            if addresses.count != 2 || Set(addresses).count != 1 { torn += 1 }
        }
        try await publishing.value
        #expect(torn == 0 && read > 10)
    }

    @Test("a reload does not end what waits for an upstream: the client gets its answer, though the upstream is no more in use")
    func waiting() async throws {
        let socket = try Socket.listening(.datagram, on: SocketAddress(address: .v4(0x7F00_0001), port: 0))
        let port = freePort()
        func corefile(_ upstream: String, _ options: String) -> String {
            ".:\(port) {\n bind 127.0.0.1\n forward . \(upstream) {\n max_fails 0\n \(options)\n}\n cache 30\n}"
        }
        let slow = "127.0.0.1:\(try Socket.boundPort(socket))"
        let frontend = try await RunningFrontend(corefile(slow, ""))
        let client = try Socket.connecting(.datagram, to: frontend.address)
        let packet = try TestPacket.query("slow.example", .a, id: 77)
        _ = try Socket.send(packet.span, on: client)
        guard let batch = DatagramBatch() else { throw DidNotHappen(description: "no memory") }
        try await eventually("the upstream is asked") { try batch.receive(from: socket) == 1 }
        try await frontend.rewrite(corefile(slow, "max_concurrent 7"))
        try await frontend.rewrite(corefile("127.0.0.1:9", ""))
        try await eventually("the reloads are done") { frontend.metric("mizzen_corefile_reloads_total") == 2 }
        let answer = try TestPacket.answer(to: batch.withPacket(0) { $0.bytes }, ["slow.example. 60 A 192.0.2.7"])
        _ = batch.peer(0).send(answer.span, on: socket)
        let octets = try await onThread { try TestClient.receive(client) }
        #expect(octets[1] == 77)
        #expect(try MessageText(octets).answer == ["slow.example. 30 IN A 192.0.2.7"])
        try await frontend.stop()
    }

    @Test("a cache outlives a reload that leaves it as it is, and not one that changes it")
    func keptCache() async throws {
        let upstream = try TestUpstream(ForwardTests.zone)
        let port = freePort()
        func corefile(_ cache: String, _ rest: String = "") -> String {
            ".:\(port) {\n bind 127.0.0.1\n \(cache)\n forward . \(upstream.address)\n \(rest)\n}"
        }
        let frontend = try await RunningFrontend(corefile("cache 300"))
        func ask() async throws -> Int {
            let address = frontend.address
            let octets = try await onThread { try TestClient.ask(try TestPacket.query("one.example.com", .a), address) }
            #expect(try MessageText(octets).answer.count == 1)
            return upstream.questions.count { $0.hasPrefix("udp one.") }
        }
        for _ in 0..<3 { #expect(try await ask() == 1) }
        try await frontend.rewrite(corefile("cache 300", "loadbalance"))
        for _ in 0..<3 { #expect(try await ask() == 1) }
        try await frontend.rewrite(corefile("cache 200"))
        try await eventually("it is asked anew") { try await ask() == 2 }
        try await frontend.stop()
        upstream.stop()
    }
}
