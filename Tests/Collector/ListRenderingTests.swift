import DeltaStream
import Foundation
import KubernetesObjects
import MizzenSystem
import NIOCore
import Names
import Synchronization
import Testing

@testable import Collector

/// Lists are put together from pieces that are kept; the documents that they must equal are made anew, as one tree, from a model of the cluster.
@Suite("Lists from kept pieces")
struct ListRenderingTests {
    private final class Clock: Sendable {
        let seconds = Mutex<Int64>(CapturedCluster.answered)
    }

    private final class Changes: Sendable {
        let areOver = Atomic(false)
    }

    private static let texts = ["a", "web", "B.c", "x_y-z", "0", "<b>&", "q\"\\", "ü", "line\nbreak", "\u{1}"]
    private static let accepts = [
        "application/json", "application/vnd.kubernetes.protobuf", "application/yaml", "application/json;as=Table;v=v1;g=meta.k8s.io",
        "application/json;as=Table;v=v1beta1;g=meta.k8s.io",
    ]

    private func labels(_ random: inout SeededRandom) -> [String: String] {
        var labels: [String: String] = [:]
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            labels["k8s.io/\(Self.texts.randomElement(using: &random) ?? "")"] = Self.texts.randomElement(using: &random)
        }
        if Bool.random(using: &random) { labels["app"] = ["web", "db"].randomElement(using: &random) }
        return labels
    }

    private func grow(_ cluster: inout SyntheticCluster, _ random: inout SeededRandom) throws {
        for number in 0..<4 { try cluster.put(node: "node-\(number)", labels: labels(&random)) }
        for _ in 0..<25 {
            try cluster.put(
                pod: "pod-\(Int.random(in: 0..<40, using: &random))", in: "ns-\(Int.random(in: 0..<4, using: &random))",
                on: "node-\(Int.random(in: 0..<4, using: &random))", labels: labels(&random),
                containers: (0..<Int.random(in: 1...3, using: &random)).map { "c\($0)" })
        }
    }

    /// A sample, a pod that comes, changes or goes, a node's labels, or nothing but time.
    private func change(_ cluster: inout SyntheticCluster, _ clock: Clock, _ random: inout SeededRandom) throws {
        switch Int.random(in: 0..<6, using: &random) {
        case 0: cluster.sample("node-\(Int.random(in: 0..<4, using: &random))", with: &random)
        case 1: try grow(&cluster, &random)
        case 2:
            let keys = cluster.pods.keys.sorted { ($0.namespace, $0.name) < ($1.namespace, $1.name) }
            if let key = keys.randomElement(using: &random) { try cluster.remove(key) }
        case 3: try cluster.put(node: "node-1", labels: labels(&random))
        case 4:
            // Of other sizes in protobuf.
            let times = [CapturedCluster.answered, -5, 0, 127, 200_000_000, 9_000_000_000]
            clock.seconds.withLock { $0 = times.randomElement(using: &random) ?? 0 }
        default: clock.seconds.withLock { $0 += Int64.random(in: 1...100_000, using: &random) }
        }
    }

    /// As lists were made before there were pieces: all items of the model, filtered, sorted, in one document.
    private func expected(
        _ cluster: SyntheticCluster, isNodes: Bool, namespace: String?, selector: String, accept: String, request: MetricsRequest,
        now: Int64
    ) throws -> [UInt8] {
        let query = try LabelQuery(selector)
        let items: [MetricsItem]
        if isNodes {
            let nodes = cluster.nodes.filter { query.matches($0.value) }.map { name, labels in
                CatalogNode(uid: "", name: name, labels: labels, addresses: [], kubeletPort: 0, isReady: false)
            }
            items = cluster.store.items(of: nodes.sorted { $0.name < $1.name })
        } else {
            let pods = cluster.pods.filter { (namespace ?? $0.key.namespace) == $0.key.namespace && query.matches($0.value.labels) }
                .map { CatalogPod(uid: "", namespace: $0.namespace, name: $0.name, labels: $1.labels) }
            items = cluster.store.items(of: pods.sorted { ($0.namespace, $0.name) < ($1.namespace, $1.name) })
        }
        let document = MetricsDocument(kind: isNodes ? "NodeMetrics" : "PodMetrics", content: .list(items), now: now)
        let format = try #require(AnswerFormat.negotiate(accept, for: .resource))
        switch (format.encoding, format.conversion) {
        case (.yaml, _): return document.json.yaml()
        case (.protobuf, _): return document.protobuf
        case (.json, .table(let version)):
            return document.table(version: version, object: try request.rowObject()).json(pretty: request.wantsPretty)
        case (.json, _): return document.json.json(pretty: request.wantsPretty)
        }
    }

    @Test("equal documents made anew, whatever changes between them", arguments: 1...12)
    func random(seed: Int) async throws {
        var random = SeededRandom(seed: UInt64(seed))
        var cluster = SyntheticCluster(isPartial: seed.isMultiple(of: 3))
        let clock = Clock()
        var api = CapturedCluster.api(catalog: cluster.catalog, store: cluster.store)
        api.now = { clock.seconds.withLock { $0 } * 1_000_000_000 }
        try grow(&cluster, &random)
        cluster.measure(with: &random)
        for step in 0..<60 {
            try change(&cluster, clock, &random)
            let isNodes = Int.random(in: 0..<4, using: &random) == 0
            let namespace = isNodes || Bool.random(using: &random) ? nil : "ns-\(Int.random(in: 0..<5, using: &random))"
            let selector = ["", "", "app=web", "app notin (db)", "!app"].randomElement(using: &random) ?? ""
            var request = MetricsRequest(
                method: "GET",
                path: "/apis/metrics.k8s.io/v1beta1/" + (namespace.map { "namespaces/\($0)/" } ?? "") + (isNodes ? "nodes" : "pods"))
            request.query = [("labelSelector", selector)]
            request.query.append(("includeObject", ["", "None", "Metadata", "Object"].randomElement(using: &random) ?? ""))
            if Bool.random(using: &random) { request.query.append(("pretty", "1")) }
            for accept in Self.accepts {
                request.accept = accept
                let answer = await api.answer(request)
                let wanted = try expected(
                    cluster, isNodes: isNodes, namespace: namespace, selector: selector, accept: accept, request: request,
                    now: clock.seconds.withLock { $0 })
                #expect(answer.size == wanted.count)
                guard answer.body == wanted else {
                    let (seen, expected) = (String(decoding: answer.body, as: UTF8.self), String(decoding: wanted, as: UTF8.self))
                    Issue.record("seed \(seed), step \(step), \(request.path) \(request.query) \(accept):\n\(seen)\nis not\n\(expected)")
                    return
                }
            }
        }
    }

    @Test("are the same in pieces of any size")
    func transfer() async throws {
        var random = SeededRandom(seed: 5)
        var cluster = SyntheticCluster()
        try grow(&cluster, &random)
        cluster.measure(with: &random)
        let api = CapturedCluster.api(catalog: cluster.catalog, store: cluster.store)
        for accept in Self.accepts where accept != "application/yaml" {
            var request = MetricsRequest(method: "GET", path: "/apis/metrics.k8s.io/v1beta1/pods")
            request.accept = accept
            guard case .list(let list) = await api.answer(request).content else {
                Issue.record("no list: \(accept)")
                return
            }
            let whole = Array(list.buffer.readableBytesView)
            #expect(whole.count > 1000)
            for room in [1, 100, 1000, whole.count / 2, whole.count, 1 << 20] {
                var (position, buffer, sent, turns) = (ListBody.Position(), list.buffer, [UInt8](), 0)
                while list.write(from: &position, into: &buffer, room: room) {
                    sent += Array(buffer.readableBytesView)
                    turns += 1
                }
                #expect(sent == whole)
                #expect(room >= whole.count ? turns == 1 : turns > 1)
            }
        }
    }

    @Test("are rendered once for each sample, and keep what samples do not change")
    func once() throws {
        let pieces = RenderedPieces()
        let point = try #require(
            MetricsPoint(Reading(cpuSecondsTotal: 1, cpuTime: 1, memoryWorkingSetBytes: 1, memoryTime: 1, startTime: 1)))
        let readings = [NodeUsage(points: PointPair(last: point)), NodeUsage(points: PointPair(last: point))]
        var formers: [Int?] = []
        func ask(_ reading: Int, form: PieceForm = .protobuf, size: Int = 5, at time: UInt32 = 0) {
            _ = pieces.piece(form, of: readings[reading], momentSize: size, now: time) { former in
                formers.append(former?.fixed)
                return RenderedPiece(bytes: [1, 2, 3, 4, 5, 6, 7], moment: 1..<(1 + size), fixed: 6, measuredAt: 0)
            }
        }
        ask(0)
        ask(0)
        #expect(formers == [nil], "asked twice for the same")
        ask(1)
        #expect(formers == [nil, 6], "another reading, though an equal one")
        ask(1, form: .json(pretty: true))
        #expect(formers == [nil, 6, nil], "another form")
        ask(1, size: 4)
        #expect(formers == [nil, 6, nil, nil], "a time of another size: what is fixed is not")
        ask(1, size: 4, at: 100)
        pieces.forget(before: 100)
        ask(1, size: 4, at: 100)
        #expect(formers.count == 4)
        ask(1, form: .json(pretty: true), at: 100)
        #expect(formers.count == 5, "nobody had asked for it since")
        pieces.forget(before: 101)
        #expect(pieces.size == 0)
    }

    @Test("take a few hundred bytes a container in each form, and nothing when nobody asks any more")
    func memory() async throws {
        var random = SeededRandom(seed: 7)
        var cluster = SyntheticCluster()
        try cluster.put(node: "node-1")
        for number in 0..<100 {
            try cluster.put(
                pod: "frontend-5d4f8c7b9-\(10_000 + number)", in: "production", on: "node-1",
                labels: ["app": "frontend", "pod-template-hash": "5d4f8c7b9", "tier": "web"], containers: ["frontend", "sidecar"])
        }
        cluster.measure(with: &random)
        let uptime = Mutex<UInt32>(1000)
        var api = CapturedCluster.api(catalog: cluster.catalog, store: cluster.store)
        api.uptime = { uptime.withLock { $0 } }
        let keeper = PieceKeeper(catalog: cluster.catalog, uptime: { uptime.withLock { $0 } })
        for (accept, limit) in zip(Self.accepts, [350, 330, 0, 350]) {
            var request = MetricsRequest(method: "GET", path: "/apis/metrics.k8s.io/v1beta1/pods")
            request.accept = accept
            _ = await api.answer(request)
            let size = PieceKeeper.size(cluster.catalog) / 200
            #expect(size <= limit && (size > 0) == (limit > 0), "\(accept): \(size) bytes a container")
            uptime.withLock { $0 += PieceKeeper.lifetime }
            keeper.forget()
            #expect(PieceKeeper.size(cluster.catalog) / 200 == size, "asked for just within the time")
            uptime.withLock { $0 += 1 }
            keeper.forget()
            #expect(PieceKeeper.size(cluster.catalog) == 0)
        }
    }

    @Test("are whole and in order while samples and pods change under them")
    func concurrent() async throws {
        var random = SeededRandom(seed: 11)
        var cluster = SyntheticCluster()
        try grow(&cluster, &random)
        for _ in 0..<10 { try grow(&cluster, &random) }
        cluster.measure(with: &random)
        let api = CapturedCluster.api(catalog: cluster.catalog, store: cluster.store)
        let changes = Changes()
        try await withThrowingTaskGroup(of: Int.self) { group in
            let begun = cluster
            group.addTask {
                var (cluster, random) = (begun, SeededRandom(seed: 13))
                let clock = Clock()
                for _ in 0..<400 { try change(&cluster, clock, &random) }
                changes.areOver.store(true, ordering: .relaxed)
                return 400
            }
            for accept in ["application/json", "application/json;as=Table;v=v1;g=meta.k8s.io", "application/json"] {
                group.addTask {
                    var request = MetricsRequest(method: "GET", path: "/apis/metrics.k8s.io/v1beta1/pods")
                    request.accept = accept
                    var lists = 0
                    repeat {
                        let answer = await api.answer(request)
                        #expect(answer.body.count == answer.size)
                        let document = try #require(try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any])
                        let items = try #require((document["items"] ?? document["rows"]) as? [[String: Any]])
                        let names = items.map { item -> String in
                            let object = item["object"] as? [String: Any] ?? item
                            let metadata = object["metadata"] as? [String: String] ?? object["metadata"] as? [String: Any] ?? [:]
                            return "\(metadata["namespace"] ?? "")/\(metadata["name"] ?? "")"
                        }
                        #expect(names == names.sorted() && Set(names).count == names.count && !names.isEmpty)
                        lists += 1
                    } while !changes.areOver.load(ordering: .relaxed)
                    return lists
                }
            }
            for try await count in group { #expect(count > 0) }
        }
    }
}
