import AccessReview
import Foundation
import ProcessRuntime
import Synchronization
import Testing

@testable import Collector

/// An API server's reviews, scripted: tokens and who they belong to, and what users may do.
private final class Reviews: Sendable {
    private let calls = Mutex<[String]>([])
    var all: [String] { calls.withLock { $0 } }

    func post(_ path: String, _ body: [UInt8]) throws -> [UInt8] {
        let text = String(decoding: body, as: UTF8.self)
        calls.withLock { $0.append("\(path) \(text)") }
        if path.hasSuffix("tokenreviews") {
            if text.contains("broken") { throw CancellationError() }
            guard text.contains("\"good\"") else { return Array(#"{"status":{"authenticated":false}}"#.utf8) }
            return Array(
                #"{"status":{"authenticated":true,"user":{"username":"jane","groups":["devs"],"extra":{"k":["v"]}}}}"#
                    .utf8)
        }
        let allowed = text.contains("\"namespace\":\"s1-prod\"") && text.contains("jane")
        return Array(#"{"status":{"allowed":\#(allowed),"reason":"\#(allowed ? "" : "RBAC: no rule")"}}"#.utf8)
    }
}

@Suite("Access to the metrics API")
struct AccessTests {
    private func status(
        _ access: any AccessControl, _ path: String, token: String? = nil
    ) async throws -> (Int, String) {
        let api = CapturedCluster.api(
            catalog: try CapturedCluster.catalog(), store: try CapturedCluster.store(), access: access)
        var request = MetricsRequest(method: "GET", path: path)
        request.userAgent = "curl/8"
        request.evidence.token = token
        let answer = await api.answer(request)
        return (answer.status, String(decoding: answer.body, as: UTF8.self))
    }

    @Test("without an API server everyone is refused as metrics-server refuses strangers, but may ask for health")
    func strangers() async throws {
        let (status, body) = try await status(NoAccess(), "/apis/metrics.k8s.io/v1beta1/nodes")
        #expect(status == 403)
        #expect(body == String(decoding: try CapturedCluster.bytes("metrics-api/anon.json"), as: UTF8.self))
        for path in ["/livez", "/healthz", "/readyz"] { #expect(try await self.status(NoAccess(), path).0 == 200) }
        #expect(try await self.status(NoAccess(), "/metrics").0 == 403)
        #expect(try await self.status(NoAccess(), "/apis").0 == 403)
    }

    @Test("a token is reviewed, then what its owner may do; refusals say who may not do what, and why")
    func delegation() async throws {
        let reviews = Reviews()
        let access = DelegatedAccess { try reviews.post($0, $1) }
        let prod = "/apis/metrics.k8s.io/v1beta1/namespaces/s1-prod/pods"
        #expect(try await status(access, prod, token: "good").0 == 200)
        #expect(try await status(access, prod, token: "bad").0 == 401)
        #expect(try await status(access, prod, token: "broken").0 == 401)
        let (refused, body) = try await status(
            access, "/apis/metrics.k8s.io/v1beta1/namespaces/x/pods/p", token: "good")
        #expect(refused == 403)
        #expect(
            body.contains(
                #"pods.metrics.k8s.io \"p\" is forbidden: User \"jane\" cannot get resource \"pods\" in API group "#
                    + #"\"metrics.k8s.io\" in the namespace \"x\": RBAC: no rule"#))
        #expect(
            reviews.all[1]
                == "/apis/authorization.k8s.io/v1/subjectaccessreviews "
                + #"{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1","spec":{"resourceAttributes":"#
                + #"{"namespace":"s1-prod","verb":"list","group":"metrics.k8s.io","version":"v1beta1","resource":"pods"},"#
                + #""user":"jane","groups":["devs","system:authenticated"],"extra":{"k":["v"]}}}"# + "\n")
    }

    @Test("answers of the API server are kept for a while, each kind for its own")
    func caching() async throws {
        let reviews = Reviews()
        let start = ContinuousClock.now
        let elapsed = Mutex(Duration.zero)
        let access = CachedAccess(
            DelegatedAccess { try reviews.post($0, $1) },
            lifetimes: .init(token: .seconds(10), allowed: .seconds(5), denied: .seconds(10)),
            now: { start + elapsed.withLock { $0 } })
        let prod = "/apis/metrics.k8s.io/v1beta1/namespaces/s1-prod/pods"
        for _ in 0..<3 { #expect(try await status(access, prod, token: "good").0 == 200) }
        #expect(reviews.all.count == 2)
        elapsed.withLock { $0 = .seconds(6) }
        #expect(try await status(access, prod, token: "good").0 == 200)
        #expect(reviews.all.count == 3)
        for _ in 0..<3 { #expect(try await status(access, prod, token: "bad").0 == 401) }
        #expect(reviews.all.count == 4)
        for _ in 0..<3 { #expect(try await status(access, prod, token: "broken").0 == 401) }
        #expect(reviews.all.count == 7)
    }
}
