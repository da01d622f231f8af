import ClusterSimulator
import Foundation
import Kubernetes
import RecordTable
import Synchronization
import TestSupport

@testable import Watcher

/// A simulated cluster that can be made to misbehave, a watcher process and a frontend process that answers all the while.
final class FaultBench: Sendable {
    static let resources: [Resource] = [.namespaces, .services, .endpointSlices, .pods]
    /// Names that exist from beginning to end.
    static let steady = (0..<5).map { "steady-\($0)" }

    enum Credentials: Sendable {
        case token
        case tokenFile
        case certificateFiles
    }

    let simulator: ClusterSimulator
    let folder: TemporaryFolder
    let watcher: RunningProcess
    let frontend: RunningProcess
    private let healthPort = freePort()
    private let dnsPort = freePort()
    private let isChurning = Atomic<Bool>(true)

    init(credentials: Credentials = .token, options: [String] = []) async throws {
        folder = try TemporaryFolder()
        var settings = ClusterSimulator.Configuration(generated: .init(services: 10, pods: 30, nodes: 2))
        settings.bookmarkInterval = .seconds(1)
        simulator = ClusterSimulator(settings)
        try await simulator.start()
        for (index, name) in Self.steady.enumerated() {
            try simulator.apply(yaml: Self.service(name, address: "10.96.200.\(index + 1)", port: 80))
        }
        try Self.writeKubeconfig(simulator, credentials, folder)
        try folder.write(
            Array(".:\(dnsPort) {\n    bind 127.0.0.1\n    kubernetes cluster.local {\n    }\n}\n".utf8), to: "Corefile")
        let stream = ["--deltas", "ipc://\(folder.path("deltas"))", "--snapshots", "ipc://\(folder.path("snapshots"))"]
        watcher = try RunningProcess(
            "mizzen-watcher",
            [
                "--kubeconfig", folder.path("kubeconfig"), "--table", folder.path("table"), "--http",
                "127.0.0.1:\(healthPort)", "--resources", Self.resources.map(\.plural).joined(separator: ","),
                "--watch-silence-limit", "4s", "--list-silence-limit", "4s",
            ] + stream + options, in: folder)
        let health = healthPort
        try await eventually("the watcher is ready") { try await Self.fetch(health, "/readyz").contains("ok") }
        frontend = try RunningProcess(
            "mizzen-frontend",
            ["--corefile", folder.path("Corefile"), "--table", folder.path("table"), "--threads", "1"], in: folder)
        let probe = DNSProbe(port: dnsPort)
        try await eventually("the frontend answers") {
            probe.addresses(of: "steady-0.default.svc.cluster.local")?.addresses == ["10.96.200.1"]
        }
    }

    /// Ends the processes; the watcher's exit code.
    func stop() async throws -> Int32 {
        _ = try await frontend.stop()
        let code = try await watcher.stop()
        await simulator.stop()
        return code
    }

    static func service(_ name: String, address: String, port: Int) -> String {
        """
        apiVersion: v1
        kind: Service
        metadata: {name: \(name), namespace: default, labels: {port: "\(port)"}}
        spec: {clusterIP: \(address), ports: [{name: http, port: \(port)}]}
        """
    }

    static func writeKubeconfig(
        _ simulator: ClusterSimulator, _ credentials: Credentials, _ folder: TemporaryFolder
    ) throws {
        let user: String
        switch credentials {
        case .token: user = "token: simulator-administrator"
        case .tokenFile:
            try folder.write(Array("simulator-administrator".utf8), to: "token")
            user = "tokenFile: \(folder.path("token"))"
        case .certificateFiles:
            try renewCertificate(simulator, folder)
            user = "client-certificate: \(folder.path("client.crt"))\n    client-key: \(folder.path("client.key"))"
        }
        try folder.write(Array(simulator.certificateAuthority.utf8), to: "ca.crt")
        let text = """
            apiVersion: v1
            kind: Config
            current-context: a
            clusters:
            - name: a
              cluster:
                server: \(simulator.secureURL ?? "")
                certificate-authority: \(folder.path("ca.crt"))
            users:
            - name: a
              user:
                \(user)
            contexts:
            - name: a
              context: {cluster: a, user: a}
            """
        try folder.write(Array(text.utf8), to: "kubeconfig")
    }

    static func renewCertificate(_ simulator: ClusterSimulator, _ folder: TemporaryFolder) throws {
        let identity = try simulator.issueClientIdentity()
        try folder.write(Array(identity.certificate.utf8), to: "client.crt")
        try folder.write(Array(identity.key.utf8), to: "client.key")
    }

    // MARK: What goes on meanwhile

    /// What a resolver was told that it should not have been.
    struct Answers: Sendable {
        var asked = 0
        var wrong: [String] = []
    }

    /// Asks for names that exist, and changes other objects, while `body` runs.
    func meanwhile(_ body: () async throws -> Void) async throws -> Answers {
        let asking = Task { [self] in
            var answers = Answers()
            let probe = DNSProbe(port: dnsPort)
            while isChurning.load(ordering: .relaxed) {
                for (index, name) in Self.steady.enumerated() {
                    // No answer within half a second is a busy machine and not a wrong answer.
                    guard let answer = probe.addresses(of: "\(name).default.svc.cluster.local") else { continue }
                    answers.asked += 1
                    if answer.responseCode != 0 || answer.addresses != ["10.96.200.\(index + 1)"] {
                        answers.wrong.append("\(name): \(answer)")
                    }
                }
                try? await Task.sleep(for: .milliseconds(10))
            }
            return answers
        }
        let changing = Task { [self] in
            var turn = 0
            while isChurning.load(ordering: .relaxed) {
                try churn(turn)
                turn += 1
                try await Task.sleep(for: .milliseconds(50))
            }
        }
        isChurning.store(true, ordering: .relaxed)
        do {
            try await body()
        } catch {
            isChurning.store(false, ordering: .relaxed)
            _ = await asking.value
            throw error
        }
        isChurning.store(false, ordering: .relaxed)
        try await changing.value
        return await asking.value
    }

    private func churn(_ turn: Int) throws {
        let name = "churn-\(turn % 7)"
        if turn % 3 == 2, try simulator.get(.services, namespace: "default", name: name) != nil {
            try simulator.delete(.services, namespace: "default", name: name)
        } else {
            try simulator.apply(yaml: Self.service(name, address: "10.96.201.\(turn % 7 + 1)", port: 1000 + turn % 5000))
        }
        // Names that must be answered are changed as well.
        try simulator.apply(
            yaml: Self.service(Self.steady[turn % 5], address: "10.96.200.\(turn % 5 + 1)", port: 2000 + turn % 5000))
    }

    // MARK: What has come of it

    static func fetch(_ port: UInt16, _ path: String) async throws -> String {
        let curl = Process()
        curl.executableURL = URL(filePath: "/usr/bin/curl")
        curl.arguments = ["--silent", "--fail", "--max-time", "10", "http://127.0.0.1:\(port)\(path)"]
        let output = Pipe()
        curl.standardOutput = output
        curl.standardInput = FileHandle.nullDevice
        try curl.run()
        let body = try output.fileHandleForReading.readToEnd() ?? Data()
        curl.waitUntilExit()
        guard curl.terminationStatus == 0 else { throw DidNotHappen(description: "curl \(path) ended with \(curl.terminationStatus)") }
        return String(decoding: body, as: UTF8.self)
    }

    func metrics() async throws -> String { try await Self.fetch(healthPort, "/metrics") }

    /// Records of the table as text by kind and name, and those that the server's objects call for.
    func tableDifference() throws -> String? { try Self.difference(ofTable: folder.path("table"), from: simulator) }

    /// As ``tableDifference()``, of any table.
    static func difference(ofTable path: String, from simulator: ClusterSimulator) throws -> String? {
        let reader = try TableReader(path: path)
        var held: [String: String] = [:]
        reader.forEachNamespace {
            let record = $0.record(); held["namespace \(record.name)"] = Self.text(record)
        }
        reader.forEachService {
            let record = $0.record(); held["service \(record.namespace)/\(record.name)"] = Self.text(record)
        }
        reader.forEachSlice {
            let record = $0.record(); held["slice \(record.namespace)/\(record.name)"] = Self.text(record)
        }
        reader.forEachPod {
            let record = $0.record(); held["pod \(record.namespace)/\(record.name)"] = Self.text(record)
        }
        let wanted = try wantedRecords(simulator)
        for (name, text) in wanted where held[name] != text {
            return "\(name) is \(held[name]?.prefix(300) ?? "missing") instead of \(text.prefix(300))"
        }
        return held.keys.first { wanted[$0] == nil }.map { "\($0) does not exist any more" }
    }

    private static func wantedRecords(_ simulator: ClusterSimulator) throws -> [String: String] {
        var wanted: [String: String] = [:]
        func objects(_ resource: Resource) throws -> [EncodedObject] {
            try simulator.list(resource).map { EncodedObject(encoding: .json, bytes: $0.encoded) }
        }
        for object in try objects(.namespaces) {
            let record = NamespaceRecord(try Namespace(object))
            wanted["namespace \(record.name)"] = Self.text(record)
        }
        for object in try objects(.services) {
            let record = ServiceRecord(try Service(object))
            wanted["service \(record.namespace)/\(record.name)"] = Self.text(record)
        }
        for object in try objects(.endpointSlices) {
            let record = EndpointSliceRecord(try EndpointSlice(object))
            wanted["slice \(record.namespace)/\(record.name)"] = Self.text(record)
        }
        for object in try objects(.pods) {
            guard let record = PodRecord(try Pod(object)) else { continue }
            wanted["pod \(record.namespace)/\(record.name)"] = Self.text(record)
        }
        return wanted
    }

    /// Every field; labels in order.
    private static func text(_ record: Any) -> String {
        Mirror(reflecting: record).children.map { child in
            if let labels = child.value as? [String: String] {
                return labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
            }
            return "\(child.label ?? ""): \(child.value)"
        }.joined(separator: "; ")
    }

    /// What a new subscriber is told, against the server's objects: resource, namespace, name, UID and version of each.
    func streamDifference() async throws -> String? {
        try await Self.difference(
            ofStream: ["--deltas", "ipc://\(folder.path("deltas"))", "--snapshots", "ipc://\(folder.path("snapshots"))"], in: folder,
            from: simulator)
    }

    /// As ``streamDifference()``, of any stream, given as the options that name it.
    static func difference(
        ofStream options: [String], in folder: TemporaryFolder, from simulator: ClusterSimulator
    ) async throws -> String? {
        let tail = try RunningProcess("mizzen-watcher", ["tail", "--once"] + options, in: folder)
        guard try await tail.exitCode(within: .seconds(60)) == 0 else { return "tail failed: \(tail.output.suffix(500))" }
        var held: Set<String> = []
        for line in tail.output.split(separator: "\n") where line.hasPrefix("{") {
            let delta = try JSONValue(parsing: String(line))
            held.insert(
                ["resource", "namespace", "name", "uid", "resourceVersion"].map { delta[$0]?.string ?? "" }
                    .joined(separator: " "))
        }
        var wanted: Set<String> = []
        for resource in resources {
            for object in try simulator.list(resource) {
                let fields = ["namespace", "name", "uid", "resourceVersion"].map { object["metadata"]?[$0]?.string ?? "" }
                wanted.insert(([resource.plural] + fields).joined(separator: " "))
            }
        }
        let difference = held.symmetricDifference(wanted)
        return difference.isEmpty ? nil : "\(difference.sorted().prefix(5))"
    }

    /// Waits until table and stream are the server's state.
    func converge(within limit: Duration = .seconds(60)) async throws {
        let last = Mutex("")
        do {
            try await eventually("the table is the server's state", within: limit) {
                let difference = try self.tableDifference()
                last.withLock { $0 = difference ?? "" }
                return difference == nil
            }
            try await eventually("the stream is the server's state", within: limit) {
                let difference = try await self.streamDifference()
                last.withLock { $0 = difference ?? "" }
                return difference == nil
            }
        } catch {
            throw DidNotHappen(description: "\(error): \(last.withLock { $0 }); log: \(watcher.output.suffix(1500))")
        }
    }
}
