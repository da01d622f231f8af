import KubernetesObjects
import MizzenSystem

/// What the pods of one node use: CPU counters and traffic that grow with time, memory that breathes, and files of a fixed size, made up
/// from the UIDs of the pods so that they are the same in every run.
struct NodeLoad {
    var node: String
    /// Those of the node.
    var pods: [StoredObject]
    var now: Instant
    /// Milliseconds since 1970 of the beginning of CPU counters that have begun anew; nil where they do with their containers.
    var counterStart: Int64?
    /// Seconds that the node's clock goes before others': by it containers started so much later, too.
    var clockOffset: Int64 = 0

    struct Usage {
        var cpuSeconds = 0.0
        var memoryBytes: Int64 = 0
        var swapBytes: Int64 = 0
        var startSeconds: Int64 = 0
        var rootBytes: Int64 = 0
        var logBytes: Int64 = 0

        mutating func add(_ other: Usage) {
            cpuSeconds += other.cpuSeconds
            memoryBytes += other.memoryBytes
            swapBytes += other.swapBytes
            rootBytes += other.rootBytes
            logBytes += other.logBytes
        }
    }

    struct Traffic {
        var receivedBytes: Int64 = 0
        var transmittedBytes: Int64 = 0
        var receiveErrors: Int64 = 0
        var transmitErrors: Int64 = 0

        mutating func add(_ other: Traffic) {
            receivedBytes += other.receivedBytes
            transmittedBytes += other.transmittedBytes
            receiveErrors += other.receiveErrors
            transmitErrors += other.transmitErrors
        }
    }

    struct Volume {
        var name: String
        var claim: String?
        var usedBytes: Int64
        var capacityBytes: Int64
    }

    struct PodLoad {
        var pod: StoredObject
        var containers: [(name: String, usage: Usage)]
        var total: Usage
        /// Nil for a pod that has the node's network.
        var traffic: Traffic?
        var volumes: [Volume]
    }

    /// Of the pods that run.
    var loads: [PodLoad] {
        pods.filter { $0.podFacts.phase == "Running" }.map { pod in
            var total = Usage()
            let containers = pod.podFacts.containers.map { ($0, usage(of: $0, in: pod)) }
            for (_, usage) in containers { total.add(usage) }
            total.startSeconds = startSeconds(of: pod)
            let spec = pod.tree["spec"]
            let volumes = (spec?["volumes"]?.array ?? []).map { volume(in: pod, $0) }
            return PodLoad(
                pod: pod, containers: containers, total: total, traffic: spec?["hostNetwork"]?.bool == true ? nil : traffic(of: pod),
                volumes: volumes)
        }
    }

    func total(of loads: [PodLoad]) -> (usage: Usage, traffic: Traffic) {
        // The system itself takes a twentieth of a core.
        let milliseconds = now.millisecondsSinceEpoch % (365 * 86_400_000)
        var usage = Usage(cpuSeconds: Double(milliseconds) / 1000 * 0.05, memoryBytes: 512 << 20, startSeconds: startSeconds)
        var traffic = Traffic(receivedBytes: milliseconds * 3, transmittedBytes: milliseconds)
        for load in loads {
            usage.add(load.total)
            if let own = load.traffic { traffic.add(own) }
        }
        return (usage, traffic)
    }

    /// Of the node.
    private var startSeconds: Int64 { 1_700_000_000 + Int64(Self.hash(node) % 1_000_000) }

    private func startSeconds(of pod: StoredObject) -> Int64 {
        pod.podFacts.startedAt.flatMap { Instant($0) }.map { $0.secondsSinceEpoch + clockOffset } ?? now.secondsSinceEpoch - 3600
    }

    /// Between 1 and 200 millicores, and between 16 and 272 MiB that swing by a tenth within ten minutes; up to 4 MB of swap.
    private func usage(of container: String, in pod: StoredObject) -> Usage {
        let hash = Self.hash(pod.uid, container)
        var random = SeededRandom(seed: hash)
        let cores = Double(Self.millicores(&random)) / 1000
        let base = Int64(16 + random.next() % 256) << 20
        let start = startSeconds(of: pod)
        let milliseconds = max(0, now.millisecondsSinceEpoch - max(start * 1000, counterStart ?? 0))
        let phase = (now.secondsSinceEpoch + Int64(hash % 600)) % 600
        let swing = base / 10 * (phase < 300 ? phase : 600 - phase) / 300
        return Usage(
            cpuSeconds: (Double(milliseconds) * cores).rounded() / 1000, memoryBytes: base + swing,
            swapBytes: Int64(hash % 1000) << 12, startSeconds: start,
            rootBytes: Int64(random.next() % 10_000) << 12, logBytes: Int64(random.next() % 1000) << 12)
    }

    private static func millicores(_ random: inout SeededRandom) -> UInt64 { 1 + random.next() % 200 }

    /// What a container uses of the processor, always.
    static func millicores(of container: String, podUID: String) -> UInt64 {
        var random = SeededRandom(seed: hash(podUID, container))
        return millicores(&random)
    }

    /// Up to 100 kB a second each way.
    private func traffic(of pod: StoredObject) -> Traffic {
        let hash = Self.hash(pod.uid)
        let milliseconds = max(0, now.millisecondsSinceEpoch - startSeconds(of: pod) * 1000)
        return Traffic(
            receivedBytes: milliseconds * Int64(hash % 100), transmittedBytes: milliseconds * Int64(hash / 100 % 100),
            receiveErrors: Int64(hash % 3), transmitErrors: Int64(hash % 2))
    }

    private func volume(in pod: StoredObject, _ volume: JSONValue) -> Volume {
        let name = volume["name"]?.string ?? ""
        let hash = Self.hash(pod.uid, name)
        let claim = volume.at("persistentVolumeClaim", "claimName")?.string
        return Volume(
            name: name, claim: claim, usedBytes: Int64(hash % 250_000) << 12, capacityBytes: claim == nil ? Self.diskBytes : 1 << 30)
    }

    static let diskBytes: Int64 = 100 << 30

    /// FNV-1a.
    private static func hash(_ texts: String...) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in texts.joined().utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return hash
    }
}
