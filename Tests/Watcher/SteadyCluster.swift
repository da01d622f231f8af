import ClusterSimulator
import Foundation
import KubernetesObjects
import Synchronization
import TestSupport

/// A small simulated cluster with names that exist from beginning to end. They are asked for while objects change.
final class SteadyCluster: Sendable {
    static let resources: [Resource] = [.namespaces, .services, .endpointSlices, .pods]
    static let names = (0..<5).map { "steady-\($0)" }

    /// What a resolver was told that it should not have been.
    struct Answers: Sendable {
        var asked = 0
        var wrong: [String] = []
    }

    let simulator: ClusterSimulator
    private let isChurning = Atomic<Bool>(false)
    private let turns = Atomic<Int>(0)

    init() async throws {
        var settings = ClusterSimulator.Configuration(generated: .init(services: 10, pods: 30, nodes: 2))
        settings.bookmarks = .every(.seconds(1))
        simulator = ClusterSimulator(settings)
        try await simulator.start()
        for index in Self.names.indices { try applySteady(index, port: 80) }
    }

    func apply(_ name: String, address: String, port: Int) throws {
        try simulator.apply(
            yaml: """
                apiVersion: v1
                kind: Service
                metadata: {name: \(name), namespace: default, labels: {port: "\(port)"}}
                spec: {clusterIP: \(address), ports: [{name: http, port: \(port)}]}
                """)
    }

    private func applySteady(_ index: Int, port: Int) throws {
        try apply(Self.names[index], address: "10.96.200.\(index + 1)", port: port)
    }

    /// For a frontend on `port`.
    static func corefile(port: UInt16) -> [UInt8] {
        Array(".:\(port) {\n    bind 127.0.0.1\n    kubernetes cluster.local {\n    }\n}\n".utf8)
    }

    /// Asks the frontend on `port` for the names, and changes these and other objects, while `body` runs.
    /// - Parameters:
    ///   - names: how many other names come and go.
    ///   - pause: from one change to the next.
    func meanwhile(
        asking port: UInt16, changing names: Int = 7, pause: Duration = .milliseconds(50), _ body: () async throws -> Void
    ) async throws -> (answers: Answers, changes: Int) {
        isChurning.store(true, ordering: .relaxed)
        let asking = Task { [self] in
            var answers = Answers()
            while isChurning.load(ordering: .relaxed) {
                ask(port, &answers)
                try? await Task.sleep(for: .milliseconds(10))
            }
            return answers
        }
        let changing = Task { [self] in
            var turn = 0
            while isChurning.load(ordering: .relaxed) {
                try churn(turn, names)
                turn += 1
                turns.add(1, ordering: .relaxed)
                try await Task.sleep(for: pause)
            }
            return turn
        }
        let result: Result<Void, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        isChurning.store(false, ordering: .relaxed)
        let answers = await asking.value
        let changes = await changing.result
        try result.get()
        return (answers, try changes.get())
    }

    /// How many changes `meanwhile` has made so far.
    var changes: Int { turns.load(ordering: .relaxed) }

    /// Waits, in the body of `meanwhile`, until it has made so many changes more.
    func change(_ count: Int) async throws {
        let end = changes + count
        try await eventually("\(count) changes are made", within: .seconds(300)) { self.changes >= end }
    }

    private func ask(_ port: UInt16, _ answers: inout Answers) {
        let probe = DNSProbe(port: port)
        for (index, name) in Self.names.enumerated() {
            // No answer within half a second is a busy machine and not a wrong answer.
            guard let answer = probe.addresses(of: "\(name).default.svc.cluster.local") else { continue }
            answers.asked += 1
            if answer.responseCode != 0 || answer.addresses != ["10.96.200.\(index + 1)"] { answers.wrong.append("\(name): \(answer)") }
        }
    }

    private func churn(_ turn: Int, _ names: Int) throws {
        let number = turn % names
        let name = "churn-\(number)"
        if turn % 3 == 2, try simulator.get(.services, namespace: "default", name: name) != nil {
            // The next of this name is another object, with another UID and so in another bucket.
            try simulator.delete(.services, namespace: "default", name: name)
        } else {
            try apply(name, address: "10.96.201.\(number + 1)", port: 1000 + turn % 5000)
        }
        // Names that must be answered are changed as well.
        try applySteady(turn % 5, port: 2000 + turn % 5000)
    }
}
