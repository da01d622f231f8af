import ClusterSimulator
import KubernetesObjects
import Testing

@Suite("Controllers")
struct ControllerTests {
    private static let nodes = """
        apiVersion: v1
        kind: Node
        metadata: {name: n1, labels: {topology.kubernetes.io/zone: z1}}
        """

    private static let web = """
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web, namespace: shop}
        spec:
          replicas: 2
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec:
              containers:
                - name: main
                  image: web:1
                  ports: [{name: http, containerPort: 8080}]
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: web, namespace: shop, labels: {team: a}}
        spec:
          ipFamilyPolicy: PreferDualStack
          selector: {app: web}
          ports: [{name: http, port: 80, targetPort: http}]
        """

    private func simulator(_ manifests: String...) async throws -> ClusterSimulator {
        var configuration = ClusterSimulator.Configuration()
        configuration.https = nil
        let simulator = ClusterSimulator(configuration)
        try await simulator.start()
        for manifest in [Self.nodes] + manifests { try simulator.apply(yaml: manifest) }
        return simulator
    }

    private func slices(_ simulator: ClusterSimulator, _ service: String) throws -> [JSONValue] {
        try simulator.list(.endpointSlices, namespace: "shop").filter {
            $0["metadata"]?["labels"]?["kubernetes.io/service-name"]?.string == service
        }
    }

    @Test("a deployment gets a replica set and running pods, and follows its replicas up and down")
    func deployment() async throws {
        let simulator = try await simulator(Self.web)
        let pods = try simulator.list(.pods, namespace: "shop")
        #expect(pods.count == 2)
        #expect(pods.allSatisfy { $0["spec"]?["nodeName"] == "n1" && $0["status"]?["phase"] == "Running" })
        #expect(try simulator.list(.replicaSets, namespace: "shop").count == 1)
        for count in [5, 1] {
            try simulator.change(.deployments, namespace: "shop", name: "web") {
                $0["spec"]?["replicas"] = .integer(Int64(count))
            }
            #expect(try simulator.list(.pods, namespace: "shop").count == count)
            let status = try simulator.get(.deployments, namespace: "shop", name: "web")?["status"]
            #expect(status?["readyReplicas"] == .integer(Int64(count)))
        }
        try simulator.delete(.deployments, namespace: "shop", name: "web")
        #expect(try simulator.list(.pods, namespace: "shop").isEmpty)
        await simulator.stop()
    }

    @Test("a changed template rolls over to a new replica set")
    func rollout() async throws {
        let simulator = try await simulator(Self.web)
        let before = Set(try simulator.list(.pods, namespace: "shop").compactMap { $0["metadata"]?["name"]?.string })
        try simulator.apply(yaml: Self.web.replacing("web:1", with: "web:2"))
        let after = Set(try simulator.list(.pods, namespace: "shop").compactMap { $0["metadata"]?["name"]?.string })
        #expect(after.count == 2 && after.isDisjoint(with: before))
        #expect(try simulator.list(.replicaSets, namespace: "shop").count == 2)
        await simulator.stop()
    }

    @Test(
        "a dual-stack service has slices of both families with the target port, labels and owner of the real controller"
    )
    func slices() async throws {
        let simulator = try await simulator(Self.web)
        let slices = try slices(simulator, "web")
        #expect(Set(slices.compactMap { $0["addressType"]?.string }) == ["IPv4", "IPv6"])
        for slice in slices {
            #expect(slice["ports"] == [["name": "http", "protocol": "TCP", "port": 8080]])
            #expect(
                slice["metadata"]?["labels"]
                    == [
                        "team": "a", "kubernetes.io/service-name": "web",
                        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                    ])
            let owner = slice["metadata"]?["ownerReferences"]?.array?.first
            #expect(owner?["kind"] == "Service" && owner?["controller"] == true)
            #expect(slice["endpoints"]?.array?.count == 2)
            let endpoint = slice["endpoints"]?.array?.first
            #expect(endpoint?["conditions"] == ["ready": true, "serving": true, "terminating": false])
            #expect(endpoint?["nodeName"] == "n1" && endpoint?["zone"] == "z1")
            #expect(endpoint?["targetRef"]?["kind"] == "Pod")
        }
        try simulator.delete(.services, namespace: "shop", name: "web")
        #expect(try self.slices(simulator, "web").isEmpty)
        await simulator.stop()
    }

    @Test("a pod that is not ready, or is being deleted, stays in its slice with other conditions")
    func conditions() async throws {
        let simulator = try await simulator(
            Self.web,
            """
            apiVersion: v1
            kind: Pod
            metadata: {name: lone, namespace: shop, labels: {app: lone}, finalizers: [example.com/hold]}
            spec: {hostname: named, subdomain: lone, containers: [{name: c, image: x}]}
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: lone, namespace: shop}
            spec: {clusterIP: None, selector: {app: lone}}
            """)
        func endpoint() throws -> JSONValue? { try slices(simulator, "lone").first?["endpoints"]?.array?.first }
        #expect(try endpoint()?["hostname"] == "named")
        #expect(try slices(simulator, "lone").first?["metadata"]?["labels"]?["service.kubernetes.io/headless"] == "")
        try simulator.delete(.pods, namespace: "shop", name: "lone")
        #expect(try endpoint()?["conditions"] == ["ready": false, "serving": true, "terminating": true])
        try simulator.change(.services, namespace: "shop", name: "lone") {
            $0["spec"]?["publishNotReadyAddresses"] = true
        }
        #expect(try endpoint()?["conditions"]?["ready"] == true)
        try simulator.change(.pods, namespace: "shop", name: "lone") {
            $0["status"]?["conditions"] = [["type": "Ready", "status": "False"]]
        }
        #expect(try endpoint()?["conditions"]?["serving"] == false)
        try simulator.change(.pods, namespace: "shop", name: "lone") { $0["metadata"]?["finalizers"] = nil }
        #expect(try simulator.get(.pods, namespace: "shop", name: "lone") == nil)
        #expect(try slices(simulator, "lone").map { $0["endpoints"] } == [.null])
        await simulator.stop()
    }

    @Test("more than a hundred endpoints take more than one slice, and removals leave the others where they are")
    func manyEndpoints() async throws {
        let simulator = try await simulator(
            Self.web.replacing("replicas: 2", with: "replicas: 130").replacing("PreferDualStack", with: "SingleStack"))
        func sizes() throws -> [Int] {
            try slices(simulator, "web").compactMap { $0["endpoints"]?.array?.count }.sorted()
        }
        #expect(try sizes() == [30, 100])
        let pod = try #require(try simulator.list(.pods, namespace: "shop").first?["metadata"]?["name"]?.string)
        try simulator.change(.deployments, namespace: "shop", name: "web") { $0["spec"]?["replicas"] = 129 }
        #expect(try sizes().reduce(0, +) == 129)
        #expect(!pod.isEmpty)
        await simulator.stop()
    }

    @Test("stateful sets give their pods ordinals, host names and the set's service as subdomain")
    func statefulSet() async throws {
        let simulator = try await simulator(
            """
            apiVersion: apps/v1
            kind: StatefulSet
            metadata: {name: db, namespace: shop}
            spec:
              serviceName: db
              replicas: 2
              selector: {matchLabels: {app: db}}
              template: {metadata: {labels: {app: db}}, spec: {containers: [{name: c, image: x}]}}
            """)
        let pods = try simulator.list(.pods, namespace: "shop")
        #expect(pods.map { $0["metadata"]?["name"] } == ["db-0", "db-1"])
        #expect(pods.map { $0["spec"]?["hostname"] } == ["db-0", "db-1"])
        #expect(pods.allSatisfy { $0["spec"]?["subdomain"] == "db" })
        await simulator.stop()
    }

    @Test("captured slices stay as they are until their service or pods change")
    func capturedSlices() async throws {
        var configuration = Fixture.configuration
        configuration.https = nil
        let simulator = ClusterSimulator(configuration)
        try await simulator.start()
        let before = try simulator.list(.endpointSlices)
        try simulator.change(.configMaps, namespace: "kube-system", name: "kube-root-ca.crt") { $0["data"]?["x"] = "y" }
        #expect(try simulator.list(.endpointSlices) == before)
        try simulator.change(.pods, namespace: "s1-prod", name: "pod-13") { pod in
            pod["status"]?["conditions"] = [["type": "Ready", "status": "True"]]
        }
        let slice = try simulator.list(.endpointSlices, namespace: "s1-prod").first {
            $0["metadata"]?["name"] == "dual-jg9k5"
        }
        #expect(slice?["endpoints"]?.array?.first?["conditions"]?["ready"] == true)
        #expect(slice?["metadata"]?["generation"] == 3)
        await simulator.stop()
    }

    @Test("a generated cluster has what was asked for and is the same every time")
    func generated() async throws {
        func cluster() async throws -> [[JSONValue]] {
            var configuration = ClusterSimulator.Configuration(generated: .init(services: 60, pods: 240, nodes: 4))
            configuration.https = nil
            configuration.clock = { Instant(secondsSinceEpoch: 1_800_000_000) }
            let simulator = ClusterSimulator(configuration)
            try await simulator.start()
            defer { Task { await simulator.stop() } }
            return try [Resource.nodes, .services, .pods, .endpointSlices, .deployments].map { try simulator.list($0) }
        }
        let first = try await cluster()
        #expect(first[0].count == 4)
        #expect(first[1].count == 61)  // and the API server's own
        #expect(first[2].count == 240)
        #expect(try await cluster() == first)
    }
}
