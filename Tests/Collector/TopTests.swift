import ArgumentParser
import DeltaStream
import KubernetesObjects
import Testing

@testable import Collector
@testable import ProcessRuntime

@Suite("What pods ask for, as the scheduler counts it")
struct PodResourcesTests {
    private static func amounts(_ millicores: Int64?, _ mebibytes: Int64?) -> ResourceAmounts {
        ResourceAmounts(cpuNanos: millicores.map { $0 * 1_000_000 }, memoryBytes: mebibytes.map { $0 << 20 })
    }

    private static func container(_ name: String, _ requests: (Int64?, Int64?), _ limits: (Int64?, Int64?) = (nil, nil))
        -> PodResources.Container
    {
        PodResources.Container(name: name, requests: amounts(requests.0, requests.1), limits: amounts(limits.0, limits.1))
    }

    @Test("containers add up, what is not said is nothing, and nothing at all stays unsaid")
    func containers() {
        let pod = PodResources(containers: [
            Self.container("a", (100, 64), (200, nil)), Self.container("b", (50, nil), (nil, nil)), Self.container("c", (nil, 1)),
        ])
        #expect(pod.requests == Self.amounts(150, 65) && pod.limits == Self.amounts(200, nil))
        #expect(PodResources(containers: [Self.container("a", (nil, nil))]).requests == ResourceAmounts())
    }

    @Test("the largest init container counts where it is larger than all containers together, for each resource by itself")
    func initContainers() {
        let pod = PodResources(
            containers: [Self.container("a", (100, 64))],
            initContainers: [(Self.container("i", (500, 1)), false), (Self.container("j", (20, 100)), false)])
        #expect(pod.requests == Self.amounts(500, 100) && pod.containers.map(\.name) == ["a"])
    }

    /// The examples of KEP-753: sidecars run beside containers and beside the init containers that come after them.
    @Test("sidecars count beside containers, and beside the init containers behind them only")
    func sidecars() {
        let sidecar = (Self.container("s", (10, 10)), true)
        let heavy = (Self.container("i", (100, 100)), false)
        let main = [Self.container("a", (50, 50))]
        #expect(PodResources(containers: main, initContainers: [sidecar, heavy]).requests == Self.amounts(110, 110))
        #expect(PodResources(containers: main, initContainers: [heavy, sidecar]).requests == Self.amounts(100, 100))
        let two = PodResources(containers: main, initContainers: [sidecar, sidecar])
        #expect(two.requests == Self.amounts(70, 70) && two.containers.map(\.name) == ["a", "s", "s"])
    }

    @Test("what the pod says for itself holds in place of its containers; overhead comes on top, of limits where there are some")
    func podLevel() {
        let containers = [Self.container("a", (100, 64), (300, 128))]
        let pod = Self.container("", (400, nil), (nil, 256))
        let resources = PodResources(containers: containers, pod: pod, overhead: Self.amounts(5, 10))
        #expect(resources.requests == Self.amounts(405, 74) && resources.limits == Self.amounts(305, 266))
        let unlimited = PodResources(containers: [Self.container("a", (1, 1))], overhead: Self.amounts(5, 10))
        #expect(unlimited.limits == ResourceAmounts() && unlimited.requests == Self.amounts(6, 11))
    }

    @Test("all of it is read from a pod, in JSON and in protobuf")
    func decoded() throws {
        let json = #"""
            {"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"n","uid":"u"},"spec":{"nodeName":"n1",
            "containers":[{"name":"a","resources":{"requests":{"cpu":"1","memory":"1Gi","nvidia.com/gpu":"1"},"limits":{"cpu":"1500m"}}}],
            "initContainers":[{"name":"s","restartPolicy":"Always","resources":{"requests":{"cpu":"100m"}}},
            {"name":"i","resources":{"requests":{"memory":"2Gi"}}}],
            "overhead":{"cpu":"250m","memory":"120Mi"},"resources":{"limits":{"memory":"4Gi"}}},"status":{"phase":"Running"}}
            """#
        let object = EncodedObject(encoding: .json, bytes: Array(json.utf8))
        let objects = TopObjects()
        objects.apply(
            Delta(
                streamID: 1, sequence: 1, change: .added, resource: .pods, identity: try ObjectIdentity(object), commitTime: 0,
                object: object))
        let pod = try #require(objects.pods.first)
        #expect(pod.node == "n1" && pod.isRunning && objects.undecodable == 0)
        #expect(pod.resources.requests == Self.amounts(1350, 2048 + 120))
        #expect(pod.resources.limits == Self.amounts(1750, 4096 + 120))
        #expect(pod.resources.containers.map(\.name) == ["a", "s"])
    }
}

@Suite("Tables of top")
struct TopTableTests {
    private func node(_ name: String) -> TopObjects.Node {
        TopObjects.Node(
            catalog: CatalogNode(uid: name, name: name, labels: [:], addresses: [], kubeletPort: 0, isReady: true),
            allocatable: ResourceAmounts(cpuNanos: 4_000_000_000, memoryBytes: 8 << 30), pods: 110)
    }

    private func pod(_ name: String, namespace: String = "shop", on node: String = "n1", isOver: Bool = false, cpu: Int64?)
        -> TopObjects.Pod
    {
        TopObjects.Pod(
            catalog: CatalogPod(uid: name, namespace: namespace, name: name, labels: [:]), node: node, isOver: isOver, isRunning: !isOver,
            resources: PodResources(containers: [
                .init(
                    name: "app", requests: ResourceAmounts(cpuNanos: cpu, memoryBytes: 1 << 30),
                    limits: ResourceAmounts(memoryBytes: 2 << 30))
            ]))
    }

    private func item(_ name: String, namespace: String = "", _ cpu: UInt64, _ memory: UInt64, isPod: Bool = true) -> MetricsItem {
        let usage = ResourceUsage(cpuNanos: cpu, memoryBytes: memory)
        return MetricsItem(
            namespace: namespace, name: name, labels: [:], window: MeasuredWindow(end: 1, length: 1),
            usage: isPod ? .pod([.init(name: "app", usage: usage)]) : .node(usage))
    }

    @Test("nodes: kubectl's units, shares of what is allocatable, and only pods that are not over")
    func nodes() {
        let table = TopTable.nodes(
            [node("n1"), node("n2")],
            pods: [pod("a", cpu: 500_000_000), pod("b", cpu: nil), pod("c", isOver: true, cpu: 900_000_000), pod("d", on: "", cpu: 1)],
            usage: [item("n1", 250_000_001, (512 << 20) + 1_048_575, isPod: false)], sortedBy: nil)
        #expect(
            table.text(headers: true) == """
                NAME   CPU(cores)   CPU(%)   CPU REQUESTS   REQUESTS(%)   CPU LIMITS   CPU ALLOCATABLE   MEMORY(bytes)   MEMORY(%)   MEMORY REQUESTS   REQUESTS(%)   MEMORY LIMITS   MEMORY ALLOCATABLE   PODS
                n1     251m         6%       500m           12%           -            4000m             512Mi           6%          2048Mi            25%           4096Mi          8192Mi               2
                n2     <unknown>    -        -              -             -            4000m             <unknown>       -           -                 -             -               8192Mi               0

                """)
        #expect(table.note?.hasPrefix("1 of 2 have no usage") == true)
    }

    @Test("pods: by usage, with namespaces, and without headers")
    func pods() {
        let pods = [pod("a", cpu: 100_000_000), pod("b", namespace: "zoo", cpu: 200_000_000), pod("c", cpu: nil)]
        let usage = [item("a", namespace: "shop", 1, 3 << 30), item("b", namespace: "zoo", 300_000_000, 1 << 20)]
        func text(_ order: TopOptions.Order?) -> String {
            TopTable.pods(pods, usage: usage, byContainer: false, showsNamespaces: true, sortedBy: order).text(headers: false)
        }
        #expect(
            text(.cpu) == """
                zoo    b   300m        200m   150%   -   -   1Mi         1024Mi   0%     2048Mi   0%
                shop   a   1m          100m   0%     -   -   3072Mi      1024Mi   300%   2048Mi   150%
                shop   c   <unknown>   -      -      -   -   <unknown>   1024Mi   -      2048Mi   -

                """)
        #expect(text(.memory).split(separator: "\n").map { $0.contains("shop") } == [true, false, true])
        #expect(text(nil).hasPrefix("shop   a"))
    }

    @Test("containers have a line each, with those of no usage; JSON has the figures themselves")
    func containers() {
        let table = TopTable.pods(
            [pod("a", cpu: 100_000_000)], usage: [item("a", namespace: "shop", 5_000_000, 7 << 20)], byContainer: true,
            showsNamespaces: false, sortedBy: nil)
        #expect(
            table.text(headers: true) == """
                POD   NAME   CPU(cores)   CPU REQUESTS   OF REQUESTS(%)   CPU LIMITS   OF LIMITS(%)   MEMORY(bytes)   MEMORY REQUESTS   OF REQUESTS(%)   MEMORY LIMITS   OF LIMITS(%)
                a     app    5m           100m           5%               -            -              7Mi             1024Mi            0%               2048Mi          0%

                """)
        #expect(table.note == nil)
        let json = String(decoding: table.json, as: UTF8.self).filter { !$0.isWhitespace }
        #expect(
            json == #"{"items":[{"limits":{"memoryBytes":2147483648},"name":"app","namespace":"shop","pod":"a","requests":"#
                + #"{"cpuNanos":100000000,"memoryBytes":1073741824},"usage":{"cpuNanos":5000000,"memoryBytes":7340032}}]}"#)
    }

    /// As the process takes its words.
    private func parsed(_ words: [String]) throws -> any ParsableCommand {
        let invocation = try CommandInvocation.resolve(CollectorCommand.self, words: try CollectorCommand.words(words), environment: [:])
        return try invocation.command.parseAsRoot(invocation.arguments)
    }

    @Test(
        "command lines are kubectl's",
        arguments: [
            ["top", "nodes"], ["top", "node", "n1", "--sort-by", "cpu"], ["top", "pods", "-A", "--containers", "-l", "app=x"],
            ["top", "po", "-n", "kube-system", "--no-headers", "--sort-by=memory"], ["top", "pod", "p", "--output", "json"],
        ])
    func commandLines(words: [String]) throws {
        #expect(try CollectorCommand.words(words) == words)
        #expect(throws: Never.self) { try parsed(words) }
    }

    @Test("diagnose takes the whole command line of metrics-server's manifest, as Go reads it")
    func copied() throws {
        let words = [
            "diagnose", "--cert-dir=/tmp", "--secure-port", "10250", "--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname",
            "--kubelet-use-node-status-port=true", "--metric-resolution", "15s", "--kubelet-insecure-tls", "-v=2", "--profiling=false",
            "--samples", "tcp://127.0.0.1:9", "--output", "json",
        ]
        let command = try #require(try parsed(words) as? DiagnoseCommand)
        #expect(command.kubelets.kubeletUseNodeStatusPort && command.kubelets.kubeletInsecureTls && command.output == .json)
        #expect(command.kubelets.metricResolution == GoDuration(seconds: 15))
        #expect(command.withoutEffect == ["--profiling"])
        let named = try #require(try parsed(["diagnose", "n1", "n2", "--kubelet-insecure-tls"]) as? DiagnoseCommand)
        #expect(named.nodes == ["n1", "n2"] && named.kubelets.kubeletInsecureTls)
        #expect(throws: ProcessError.self) { try CollectorCommand.words(["diagnose", "--profiling=perhaps"]) }
    }

    @Test(
        "what cannot be is refused",
        arguments: [
            ["top", "pods", "p", "-A"], ["top", "nodes", "--sort-by", "name"], ["top", "pods", "-l", "!!"],
            ["top", "pods", "--samples", ""],
            ["diagnose", "--at-a-time", "0"], ["diagnose", "--kubeconfig=a", "--in-cluster"], ["diagnose", "--expiry-warning", "-1"],
        ])
    func refused(words: [String]) {
        #expect(throws: (any Error).self) { try parsed(words) }
    }
}
