import ClusterSimulator
import KubernetesObjects
import Testing

@Suite("Requests")
struct RequestTests {
    private static let shop = """
        apiVersion: v1
        kind: Node
        metadata: {name: n1, labels: {topology.kubernetes.io/zone: z1}}
        ---
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: a, namespace: shop, labels: {app: web, tier: front}}
        ---
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: b, namespace: shop, labels: {app: db}}
        ---
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: c, namespace: other}
        """

    @Test("a wrong token gets 401 and no credentials get 403, each as the real Status")
    func credentials() async throws {
        try await SimulatorClient.with { api in
            let wrong = try await api.send(.get, "/api/v1/pods", token: "wrong")
            #expect(wrong.status == 401)
            #expect(
                try wrong.tree
                    == [
                        "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Failure",
                        "message": "Unauthorized", "reason": "Unauthorized", "code": 401,
                    ])
            let anonymous = try await api.send(.get, "/api/v1/namespaces/x/pods", token: nil)
            #expect(anonymous.status == 403)
            #expect(
                try anonymous.tree["message"]
                    == "pods is forbidden: User \"system:anonymous\" cannot list resource \"pods\" in API group \"\" in the namespace \"x\""
            )
            #expect(try await api.send(.get, "/readyz", token: nil).body == Array("ok".utf8))
        }
    }

    @Test("errors are Status objects with the details that clients read")
    func errors() async throws {
        try await SimulatorClient.with { api in
            try api.simulator.apply(yaml: Self.shop)
            let missing = try await api.send(.get, "/apis/apps/v1/namespaces/shop/deployments/nope")
            #expect(
                try missing.tree
                    == [
                        "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Failure",
                        "message": "deployments.apps \"nope\" not found", "reason": "NotFound",
                        "details": ["name": "nope", "group": "apps", "kind": "deployments"], "code": 404,
                    ])
            let path = "/api/v1/namespaces/shop/configmaps"
            let twice = try await api.send(.post, path, body: #"{"metadata":{"name":"a"}}"#)
            #expect(twice.status == 409)
            #expect(try twice.tree["reason"] == "AlreadyExists")
            let stale = try await api.send(
                .put, "\(path)/a", body: #"{"metadata":{"name":"a","resourceVersion":"1"},"data":{"k":"v"}}"#)
            #expect(stale.status == 409)
            #expect(try stale.tree["reason"] == "Conflict")
            #expect(try await api.send(.get, "/api/v1/nothing").status == 404)
            #expect(try await api.send(.get, "/api/v1/pods?fieldSelector=spec.foo%3Dx").status == 400)
            #expect(try await api.send(.get, "/api/v1/pods?labelSelector=%21%21x").status == 400)
            #expect(try await api.send(.post, path, body: "{").status == 400)
            let nowhere = try await api.send(
                .post, "/api/v1/namespaces/no/configmaps", body: #"{"metadata":{"name":"a"}}"#)
            #expect(nowhere.status == 404)
        }
    }

    @Test(
        "label selectors choose as documented",
        arguments: [
            ("app=web", ["a"]), ("app==web", ["a"]), ("app!=web", ["c", "b"]), ("app in (web,db)", ["a", "b"]),
            ("app notin (web)", ["c", "b"]), ("tier", ["a"]), ("!tier", ["c", "b"]), ("app=web,tier=front", ["a"]),
            ("app=web,!tier", []),
        ])
    func labelSelectors(selector: String, names: [String]) async throws {
        try await SimulatorClient.with { api in
            try api.simulator.apply(yaml: Self.shop)
            let query = selector.replacing(" ", with: "%20").replacing("!", with: "%21").replacing("=", with: "%3D")
            let answer = try await api.send(.get, "/api/v1/configmaps?labelSelector=\(query)")
            let found = try answer.tree["items"]?.array?.compactMap { $0["metadata"]?["name"]?.string }
            #expect(found == names)
        }
    }

    @Test("pages of a list stay consistent while objects change, and are gone once history is")
    func pages() async throws {
        try await SimulatorClient.with { api in
            try api.simulator.apply(yaml: Self.shop)
            let first = try await api.send(.get, "/api/v1/configmaps?limit=2").tree
            #expect(first["items"]?.array?.count == 2)
            #expect(first["metadata"]?["remainingItemCount"] == 1)
            let token = try #require(first["metadata"]?["continue"]?.string).replacing("=", with: "%3D")
            try api.simulator.delete(.configMaps, namespace: "shop", name: "b")
            let second = try await api.send(.get, "/api/v1/configmaps?limit=2&continue=\(token)").tree
            #expect(second["items"]?.array?.first?["metadata"]?["name"] == "b")
            #expect(second["metadata"]?["resourceVersion"] == first["metadata"]?["resourceVersion"])
            #expect(second["metadata"]?["continue"] == nil)
            api.simulator.forgetHistory()
            let late = try await api.send(.get, "/api/v1/configmaps?limit=2&continue=\(token)")
            #expect(late.status == 410)
            #expect(try late.tree["reason"] == "Expired")
        }
    }

    @Test("a watch with a selector sees objects enter and leave it")
    func transitions() async throws {
        try await SimulatorClient.with { api in
            try api.simulator.apply(yaml: Self.shop)
            let path =
                "/api/v1/configmaps?watch=1&labelSelector=app%3Dweb&timeoutSeconds=60"
                + "&resourceVersion=\(api.simulator.resourceVersion)"
            let events = try await api.events(path, count: 3) {
                try api.simulator.change(.configMaps, namespace: "shop", name: "b") {
                    $0["metadata"]?["labels"] = ["app": "web"]
                }
                try api.simulator.change(.configMaps, namespace: "shop", name: "b") { $0["data"] = ["k": "v"] }
                try api.simulator.change(.configMaps, namespace: "shop", name: "b") { $0["metadata"]?["labels"] = [:] }
            }
            #expect(events.map { $0["type"] } == ["ADDED", "MODIFIED", "DELETED"])
        }
    }

    @Test("a watch ends after timeoutSeconds")
    func endings() async throws {
        try await SimulatorClient.with { api in
            let ended = try await api.watch("/api/v1/pods?watch=1&timeoutSeconds=1") { _ in false }
            #expect(ended.status == 200)
        }
    }

    @Test("lists and watches refuse versions that are yet to come")
    func future() async throws {
        try await SimulatorClient.with { api in
            let answer = try await api.send(.get, "/api/v1/pods?resourceVersion=999999")
            #expect(answer.status == 504)
            #expect(try answer.tree["details"]?["causes"]?.array?.first?["reason"] == "ResourceVersionTooLarge")
        }
    }

    @Test(
        "the three kinds of patch change what they say",
        arguments: [
            ("application/json-patch+json", #"[{"op":"add","path":"/metadata/labels/x","value":"y"}]"#),
            ("application/merge-patch+json", #"{"metadata":{"labels":{"x":"y"}}}"#),
            ("application/strategic-merge-patch+json", #"{"metadata":{"labels":{"x":"y"}}}"#),
            ("application/apply-patch+yaml", "metadata: {labels: {x: \"y\"}}"),
        ])
    func patches(contentType: String, patch: String) async throws {
        try await SimulatorClient.with { api in
            try api.simulator.apply(yaml: Self.shop)
            let path = "/api/v1/namespaces/shop/configmaps/a"
            let answer = try await api.send(.patch, path, body: patch, contentType: contentType)
            #expect(answer.status == 200)
            #expect(try answer.tree["metadata"]?["labels"] == ["app": "web", "tier": "front", "x": "y"])
        }
    }

    @Test("token and access reviews know the tokens that were issued")
    func reviews() async throws {
        try await SimulatorClient.with { api in
            let path = "/apis/authentication.k8s.io/v1/tokenreviews"
            let good = try await api.send(.post, path, body: #"{"spec":{"token":"simulator-administrator"}}"#)
            #expect(good.status == 201)
            #expect(try good.tree["status"]?["authenticated"] == true)
            #expect(try good.tree["status"]?["user"]?["username"] == "kubernetes-admin")
            let bad = try await api.send(.post, path, body: #"{"spec":{"token":"no"}}"#)
            #expect(try bad.tree["status"]?["authenticated"] == nil)
            let access = try await api.send(
                .post, "/apis/authorization.k8s.io/v1/subjectaccessreviews",
                body: #"{"spec":{"user":"stranger","nonResourceAttributes":{"path":"/metrics","verb":"get"}}}"#)
            #expect(try access.tree["status"]?["allowed"] == false)
        }
    }

    @Test(
        "a manifest that is broken or of an unknown kind is refused with its place",
        arguments: [
            "a: [", "{", "kind: Foo\napiVersion: v9\n",
        ])
    func brokenManifests(manifest: String) async throws {
        try await SimulatorClient.with { api in
            #expect(throws: (any Error).self) { try api.simulator.apply(yaml: manifest) }
        }
    }

    @Test("tables and partial metadata are served to those who ask")
    func views() async throws {
        try await SimulatorClient.with { api in
            try api.simulator.apply(yaml: Self.shop)
            let table = try await api.send(
                .get, "/api/v1/namespaces/shop/configmaps", accept: "application/json;as=Table;v=v1;g=meta.k8s.io")
            #expect(try table.tree["kind"] == "Table")
            #expect(try table.tree["rows"]?.array?.first?["cells"]?.array?.first == "a")
            let partial = try await api.send(
                .get, "/api/v1/namespaces/shop/configmaps/a",
                accept: "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io")
            #expect(try partial.tree["kind"] == "PartialObjectMetadata")
            #expect(try partial.tree["metadata"]?["name"] == "a")
            #expect(try await api.send(.get, "/api/v1/pods", accept: "text/html").status == 406)
        }
    }
}
