import ClusterSimulator
import KubernetesObjects
import Testing

@Suite("Fault plans")
struct FaultPlanTests {
    @Test("a plan says what goes wrong, where, and how often")
    func plan() throws {
        let plan = try FaultPlan(
            yaml: """
                faults:
                - {kind: status, code: 429, retryAfter: 2, resource: pods, verb: list, count: 3, skip: 1}
                - {kind: silence, resource: services, seconds: 60}
                - {kind: huge, kubelet: summary, mebibytes: 3, chunked: true}
                - {kind: skew, kubelet: metrics, node: n1, offset: -3600}
                actions:
                - forget-history
                - rotate-token: other
                - enlarge: {resource: services, namespace: default, name: kubernetes, bytes: 20000000}
                """, place: "plan.yaml")
        var huge = Fault(.huge, kubelet: .summary)
        huge.mebibytes = 3
        huge.isChunked = true
        #expect(
            plan.faults == [
                Fault(.status, resource: "pods", verb: .list, count: 3, skip: 1, code: 429, retryAfter: 2),
                Fault(.silence, resource: "services", seconds: 60), huge,
                Fault(.skew, kubelet: .metrics, node: "n1", offset: -3600),
            ])
        #expect(
            plan.actions == [
                .forgetHistory, .rotateToken("other"),
                .enlarge(resource: "services", namespace: "default", name: "kubernetes", bytes: 20_000_000),
            ])
    }

    @Test(
        "a plan that cannot be used says which entry is wrong and what there is",
        arguments: [
            ("faults: [{kind: explode}]", "plan.yaml: faults[0]: kind is \"explode\", but must be one of hang, "),
            ("faults: [{resource: pods}]", "faults[0]: 'kind' is missing"),
            ("faults: [{kind: hang}, {kind: hang, resource: widgets}]", "faults[1]: resource is \"widgets\""),
            ("faults: [{kind: hang, count: 0}]", "faults[0]: count is 0, but must be a whole number of 1 to"),
            ("faults: [{kind: status, code: 200}]", "code is 200, but must be a whole number of 400 to 599"),
            ("faults: [{kind: silence, verb: list}]", "happens to watches"),
            ("faults: [{kind: hang, often: true}]", "unknown key 'often'"),
            ("faults: [{kind: hang, kubelet: logs}]", "kubelet is \"logs\", but must be one of metrics, summary"),
            ("faults: [{kind: silence, kubelet: metrics}]", "'silence' never happens to a kubelet"),
            ("faults: [{kind: hang, kubelet: metrics, verb: list}]", "a fault of kubelets has no 'resource' and no 'verb'"),
            ("faults: [{kind: drip}]", "'drip' happens to kubelets; add 'kubelet: metrics'"),
            ("faults: [{kind: hang, node: n1}]", "a fault of the API server has no 'node'"),
            ("faults: [{kind: huge, kubelet: metrics, chunked: 1}]", "chunked is 1, but must be true or false"),
            ("faults: [{kind: huge}]", "'huge' happens to kubelets; add 'kubelet: metrics'"),
            ("mistakes: []", "unknown key 'mistakes'"),
            ("faults: 3", "'faults' is not a list"),
            ("actions: [explode]", "actions[0]: \"explode\" is no action"),
            ("- hang", "a mapping with 'faults' and 'actions' was expected"),
        ])
    func wrong(yaml: String, message: String) {
        let error = #expect(throws: ManifestError.self) { try FaultPlan(yaml: yaml, place: "plan.yaml") }
        #expect(error?.description.contains(message) == true, "\(String(describing: error))")
    }

    @Test("the switchboard takes plans over HTTP, says what they hit, and ends them")
    func endpoint() async throws {
        try await SimulatorClient.with { client in
            let path = "/simulator/faults"
            let plan = "faults: [{kind: status, code: 503, retryAfter: 7, resource: pods, count: 2}]"
            #expect(try await client.send(.post, path, body: plan).status == 200)
            #expect(try await client.send(.get, "/api/v1/pods").status == 503)
            #expect(try await client.send(.get, "/api/v1/services").status == 200)
            let report = try await client.send(.get, path).tree
            #expect(report["faults"]?.array?.first?["hits"]?.integer == 1)
            #expect(report["requests"]?.array?.first { $0["resource"] == "pods" }?["count"]?.integer == 1)
            #expect(try await client.send(.get, "/api/v1/pods").status == 503)
            #expect(try await client.send(.get, "/api/v1/pods").status == 200)
            #expect(try await client.send(.post, path, body: "faults: [{kind: x}]").status == 400)
            #expect(try await client.send(.get, path, token: nil).status != 200)
            #expect(try await client.send(.delete, path).tree["faults"]?.array?.isEmpty == true)
        }
    }

    @Test("requests within one second are counted")
    func rates() async throws {
        try await SimulatorClient.with { client in
            for _ in 0..<5 { _ = try await client.send(.get, "/api/v1/pods") }
            #expect(client.simulator.switchboard.requestCount("pods") == 5)
            #expect((1...5).contains(client.simulator.switchboard.busiestSecond("pods")))
            client.simulator.switchboard.forgetRequests()
            #expect(client.simulator.switchboard.requestCount("pods") == 0)
        }
    }
}
