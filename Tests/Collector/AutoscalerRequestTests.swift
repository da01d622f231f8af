import AccessReview
import Foundation
import KubernetesObjects
import ProcessRuntime
import Synchronization
import Testing

@testable import Collector

/// Everyone may do everything, as an API server's own clients.
struct Masters: AccessControl {
    func user(token: String?) async throws -> UserInfo? { UserInfo(name: "system:apiserver", groups: ["system:masters"]) }
    func decision(_ user: UserInfo, _ attributes: AccessAttributes) async throws -> AccessDecision { .denied(reason: "never asked") }
}

/// What autoscalers and kubectl send, as their sources have it, and what they read of the answers.
@Suite("Requests of autoscalers")
struct AutoscalerRequestTests {
    private final class Questions: AccessControl {
        let asked = Mutex<[AccessAttributes]>([])

        func user(token: String?) async throws -> UserInfo? { UserInfo(name: "hpa") }
        func decision(_ user: UserInfo, _ attributes: AccessAttributes) async throws -> AccessDecision {
            asked.withLock { $0.append(attributes) }
            return .allowed
        }
    }

    /// - Parameter accept: client-go's: the configured content type, then anything (`rest.NewRequest`).
    private func answer(
        _ path: String, _ query: String, accept: String, agent: String, access: any AccessControl = OpenAccess()
    ) async throws -> MetricsAnswer {
        let api = try CapturedCluster.api(catalog: CapturedCluster.catalog(), store: CapturedCluster.store(), access: access)
        var request = MetricsRequest(method: "GET", path: path, query: MetricsRequest.parameters(query))
        (request.accept, request.userAgent) = (accept, agent)
        return await api.answer(request)
    }

    @Test("the horizontal one lists a namespace's pods by the workload's selector, in protobuf")
    func horizontal() async throws {
        // pkg/controller/podautoscaler/metrics/client.go: PodMetricses(namespace).List with the selector of the scale; kube-controller-manager's
        // clients speak protobuf.
        let access = Questions()
        let accept = "application/vnd.kubernetes.protobuf, */*"
        let agent =
            "kube-controller-manager/v1.36.0 (linux/amd64) kubernetes/abc/system:serviceaccount:kube-system:horizontal-pod-autoscaler"
        let path = "/apis/metrics.k8s.io/v1beta1/namespaces/s1-prod/pods"
        let answer = try await answer(path, "labelSelector=x+notin+%28web%2Cdual%29", accept: accept, agent: agent, access: access)
        #expect(answer.status == 200 && answer.contentType == "application/vnd.kubernetes.protobuf")
        #expect(answer.body.prefix(4) == [0x6B, 0x38, 0x73, 0x00])
        let all = try await self.answer(path, "labelSelector=x+notin+%28web%2Cdual%29", accept: "application/json, */*", agent: agent)
        let names = try Self.items(all).compactMap { ($0["metadata"] as? [String: Any])?["name"] as? String }
        #expect(!names.isEmpty)
        for name in names { #expect(Self.count(of: Array(name.utf8), in: answer.body) > 0) }
        #expect(
            access.asked.withLock { $0 } == [
                AccessAttributes(
                    verb: "list",
                    object: .resource(
                        group: "metrics.k8s.io", version: "v1beta1", name: "pods", namespace: "s1-prod", object: nil, subresource: nil))
            ])
    }

    @Test("a selector that no pod has is an empty list, which it takes for missing metrics, not for an error")
    func nothing() async throws {
        let path = "/apis/metrics.k8s.io/v1beta1/namespaces/nowhere/pods"
        let answer = try await answer(path, "labelSelector=app%3Dnone", accept: "application/vnd.kubernetes.protobuf, */*", agent: "x")
        #expect(answer.status == 200)
        let text = try await self.answer(path, "labelSelector=app%3Dnone", accept: "application/json", agent: "x")
        #expect(
            String(decoding: text.body, as: UTF8.self)
                == #"{"kind":"PodMetricsList","apiVersion":"metrics.k8s.io/v1beta1","metadata":{},"items":[]}"# + "\n")
    }

    @Test("the vertical one lists all pods in JSON, and finds time, window and both resources of each container")
    func vertical() async throws {
        // vertical-pod-autoscaler/pkg/recommender/input/metrics: PodMetricses("").List without options; its clients speak JSON.
        let answer = try await answer(
            "/apis/metrics.k8s.io/v1beta1/pods", "", accept: "application/json, */*", agent: "recommender/v0.0.0 (linux/amd64)")
        #expect(answer.contentType == "application/json")
        let items = try Self.items(answer)
        #expect(items.count > 10)
        for item in items {
            let metadata = try #require(item["metadata"] as? [String: Any])
            #expect(metadata["name"] is String && metadata["namespace"] is String)
            #expect(Timestamp(try #require(item["timestamp"] as? String)) != nil)
            let window = try #require(item["window"] as? String)
            #expect(GoDuration(argument: window).map { $0.nanoseconds > 0 } == true, "\(window)")
            // A container that is there without a name, or twice, would be another's usage.
            let containers = try #require(item["containers"] as? [[String: Any]]).compactMap { $0["name"] as? String }
            #expect(!containers.isEmpty && Set(containers).count == containers.count && !containers.contains(""))
            for container in try #require(item["containers"] as? [[String: Any]]) {
                let usage = try #require(container["usage"] as? [String: String])
                for resource in ["cpu", "memory"] {
                    let isQuantity = usage[resource].map { Quantity($0) != nil } ?? false
                    #expect(isQuantity, "\(usage)")
                }
            }
        }
    }

    @Test("the vertical one may keep to one namespace; a client that would rather watch is refused at once, and falls back to the list")
    func verticalOfOneNamespace() async throws {
        // `--vpa-object-namespace` of the recommender, and client-go's WatchListClient, which takes any failure for a reason to list.
        let path = "/apis/metrics.k8s.io/v1beta1/namespaces/s1-prod/pods"
        let agent = "recommender/v0.0.0 (linux/amd64)"
        let watched = try await answer(
            path, "allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&watch=true",
            accept: "application/json, */*", agent: agent)
        #expect(watched.status == 405)
        let status = try JSONSerialization.jsonObject(with: Data(watched.body)) as? [String: Any]
        #expect(status?["kind"] as? String == "Status" && status?["reason"] as? String == "MethodNotAllowed")
        let all = try Self.items(try await answer("/apis/metrics.k8s.io/v1beta1/pods", "", accept: "application/json, */*", agent: agent))
        // Whatever version of the list a reflector wants, there is one.
        for query in ["", "resourceVersion=0", "resourceVersion=0&resourceVersionMatch=NotOlderThan&limit=500"] {
            let some = try Self.items(try await answer(path, query, accept: "application/json, */*", agent: agent))
            let expected = all.filter { ($0["metadata"] as? [String: Any])?["namespace"] as? String == "s1-prod" }
            #expect(!some.isEmpty && some.count == expected.count, "\(query)")
        }
    }

    @Test("a list of one name is asked about as that object")
    func oneName() async throws {
        let access = Questions()
        let answer = try await answer(
            "/apis/metrics.k8s.io/v1beta1/namespaces/s1-prod/pods", "fieldSelector=metadata.name%3Dpod-10", accept: "application/json",
            agent: "kubectl/v1.20.2", access: access)
        #expect(try Self.items(answer).count == 1)
        #expect(
            access.asked.withLock { $0.map(\.object) } == [
                .resource(
                    group: "metrics.k8s.io", version: "v1beta1", name: "pods", namespace: "s1-prod", object: "pod-10", subresource: nil)
            ])
    }

    @Test("requests are counted under the names that dashboards of API servers use")
    func counted() async throws {
        let api = try CapturedCluster.api(catalog: CapturedCluster.catalog(), store: CapturedCluster.store(), access: Questions())
        let answer = await api.answer(MetricsRequest(method: "GET", path: "/apis/metrics.k8s.io/v1beta1/namespaces/s1-prod/pods"))
        let endpoint = try #require(answer.endpoint)
        api.metrics.note(endpoint, code: answer.status, size: answer.size, duration: .milliseconds(7))
        _ = await CapturedCluster.api(catalog: api.catalog, store: api.store, access: NoAccess()).answer(
            MetricsRequest(method: "GET", path: "/apis"))
        let text = String(decoding: api.registry.render(), as: UTF8.self)
        let labels = #"group="metrics.k8s.io",version="v1beta1",resource="pods",subresource="",scope="namespace",component="apiserver""#
        for line in [
            #"apiserver_request_total{verb="LIST",dry_run="",\#(labels),code="200"} 1"#,
            #"apiserver_request_duration_seconds_bucket{verb="LIST",dry_run="",\#(labels),le="0.005"} 0"#,
            #"apiserver_request_duration_seconds_bucket{verb="LIST",dry_run="",\#(labels),le="0.025"} 1"#,
            #"apiserver_response_sizes_count{verb="LIST",\#(labels)} 1"#,
            #"apiserver_current_inflight_requests{request_kind="readOnly"} 0"#,
            #"authentication_attempts{result="success"} 1"#, #"authenticated_user_requests{username="other"} 1"#,
            #"authorization_attempts_total{result="allowed"} 1"#, #"authorization_duration_seconds_count{result="allowed"} 1"#,
        ] { #expect(text.contains(line + "\n"), "\(line)\n\(text)") }
        let masters = CapturedCluster.api(catalog: api.catalog, store: api.store, access: Masters())
        let exposition = await masters.answer(MetricsRequest(method: "GET", path: "/metrics"))
        for name in ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_start_time_seconds", "process_open_fds"] {
            #expect(String(decoding: exposition.body, as: UTF8.self).contains("\n\(name) "))
        }
    }

    private static func items(_ answer: MetricsAnswer) throws -> [[String: Any]] {
        let document = try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any]
        return try #require(document?["items"] as? [[String: Any]])
    }

    private static func count(of part: [UInt8], in bytes: [UInt8]) -> Int {
        bytes.indices.count { bytes[$0...].starts(with: part) }
    }
}
