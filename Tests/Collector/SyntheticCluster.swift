import DeltaStream
import Foundation
import KubernetesObjects
import MizzenSystem

@testable import Collector

/// A cluster that a test makes up, as the stream and kubelets would tell it. What it holds beside the catalog and the store is the model that
/// answers are compared with.
struct SyntheticCluster {
    let catalog = ClusterCatalog()
    let store: UsageStore
    private(set) var nodes: [String: [String: String]] = [:]
    private(set) var pods: [UsageStore.PodKey: Pod] = [:]
    private var round: Int64 = 0

    struct Pod {
        var uid: String
        var node: String
        var labels: [String: String]
        var containers: [String]
    }

    static let second: Int64 = 1_000_000_000
    /// When the first round of samples was made, seconds since 1970.
    static let start: Int64 = 1_795_400_000

    init(isPartial: Bool = false) {
        store = UsageStore(
            resolution: 15 * Self.second, lifetime: 3600 * Self.second, isPartial: isPartial, now: { SampleMoment(wall: 0, boot: 0) })
        for resource in [Resource.nodes, .pods] { catalog.joined(resource, synced: true) }
    }

    mutating func put(node name: String, labels: [String: String] = [:]) throws {
        nodes[name] = labels
        let object: [String: Any] = ["metadata": ["name": name, "uid": "uid-\(name)", "labels": labels]]
        catalog.apply(try Self.delta(.nodes, .modified, "", name, "uid-\(name)", object))
    }

    mutating func put(pod name: String, in namespace: String, on node: String, labels: [String: String], containers: [String]) throws {
        let key = UsageStore.PodKey(namespace: namespace, name: name)
        let uid = pods[key]?.uid ?? "uid-\(namespace)-\(name)"
        pods[key] = Pod(uid: uid, node: node, labels: labels, containers: containers)
        let object: [String: Any] = [
            "metadata": ["name": name, "namespace": namespace, "uid": uid, "labels": labels], "status": ["phase": "Running"],
        ]
        catalog.apply(try Self.delta(.pods, .modified, namespace, name, uid, object))
    }

    mutating func remove(_ key: UsageStore.PodKey) throws {
        guard let pod = pods.removeValue(forKey: key) else { return }
        catalog.apply(try Self.delta(.pods, .deleted, key.namespace, key.name, pod.uid, [:]))
    }

    /// Two rounds of every node, after which all is measured.
    mutating func measure(with random: inout SeededRandom) {
        for _ in 0..<2 {
            round += 1
            for node in nodes.keys.sorted() { sample(node, at: round, with: &random) }
        }
    }

    /// One more sample of one node.
    mutating func sample(_ node: String, with random: inout SeededRandom) {
        round += 1
        sample(node, at: round, with: &random)
    }

    private func sample(_ node: String, at round: Int64, with random: inout SeededRandom) {
        let time = (Self.start + round * 15) * 1000 + Int64.random(in: 0..<900, using: &random)
        func reading() -> Reading {
            Reading(
                cpuSecondsTotal: Double(round) * 1000 + Double.random(in: 1...900, using: &random), cpuTime: time,
                memoryWorkingSetBytes: Double(Int.random(in: 1...(1 << 34), using: &random)) * (Bool.random(using: &random) ? 1024 : 1),
                memoryTime: time, startTime: 1)
        }
        var containers: [ContainerReading] = []
        for (key, pod) in pods.sorted(by: { ($0.key.namespace, $0.key.name) < ($1.key.namespace, $1.key.name) }) where pod.node == node {
            for container in pod.containers {
                containers.append(ContainerReading(namespace: key.namespace, pod: key.name, container: container, reading: reading()))
            }
        }
        store.apply(
            NodeSample(node: node, collector: "test", scrapedAt: round * Self.second, usage: reading(), containers: containers))
    }

    private static func delta(
        _ resource: Resource, _ change: Change, _ namespace: String, _ name: String, _ uid: String, _ object: [String: Any]
    ) throws -> Delta {
        Delta(
            streamID: 1, sequence: 1, change: change, resource: resource,
            identity: ObjectIdentity(namespace: namespace, name: name, uid: uid, resourceVersion: "1"), commitTime: 0,
            object: EncodedObject(encoding: .json, bytes: Array(try JSONSerialization.data(withJSONObject: object))))
    }
}
