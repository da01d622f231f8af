import Foundation
import KubernetesObjects
import ProcessRuntime
import Testing

@testable import Collector

/// One line of metrics-api/INDEX.txt: which answer metrics-server gave to which request.
struct CapturedAnswer: Sendable, CustomTestStringConvertible {
    var file: String
    var target: String
    var status: Int
    var contentType: String

    var testDescription: String { "\(file) \(target)" }

    static let all: [CapturedAnswer] = {
        let text =
            (try? CapturedCluster.bytes("metrics-api/INDEX.txt")).map { String(decoding: $0, as: UTF8.self) } ?? ""
        return text.split(separator: "\n").compactMap { line in
            let parts = line.split(separator: " ", maxSplits: 3)
            guard parts.count == 4, let status = Int(parts[2]) else { return nil }
            return CapturedAnswer(
                file: String(parts[0]), target: String(parts[1]), status: status, contentType: String(parts[3]))
        }
    }()

    /// The request that was sent; what is not in the index follows from the file's name, as the capture was made with curl.
    var request: MetricsRequest {
        let parts = target.split(separator: "?", maxSplits: 1)
        var request = MetricsRequest(method: "GET", path: String(parts[0]))
        request.query = MetricsRequest.parameters(parts.count > 1 ? String(parts[1]) : "")
        request.userAgent = "curl/8.14.1"
        request.accept = "*/*"
        if file.hasSuffix("-table.json") { request.accept = "application/json;as=Table;v=v1;g=meta.k8s.io" }
        if file.hasSuffix("-yaml.txt") { request.accept = "application/yaml" }
        if file.hasSuffix(".pb") { request.accept = "application/vnd.kubernetes.protobuf" }
        if file == "post.json" { request.method = "POST" }
        if file == "delete.json" { request.method = "DELETE" }
        return request
    }

    /// Answers that say more about a build of metrics-server than about metrics.
    var isAboutTheBuild: Bool { file == "version.json" || file == "readyz.txt" }
}

@Suite("Answers after the two captured scrapes")
struct CapturedAnswersTests {
    @Test("equal metrics-server's, byte for byte", arguments: CapturedAnswer.all.filter { !$0.isAboutTheBuild })
    func answers(captured: CapturedAnswer) async throws {
        // The capture took a little over a second; items carry the second of their answer.
        let api = CapturedCluster.api(
            catalog: try CapturedCluster.catalog(), store: try CapturedCluster.store(),
            delay: captured.file.hasSuffix(".pb") ? 1 : 0)
        let answer = await api.answer(captured.request)
        #expect(answer.status == captured.status)
        #expect(answer.contentType == captured.contentType)
        let wanted = try CapturedCluster.bytes("metrics-api/\(captured.file)")
        if captured.file == "nodes.pb" {
            #expect(answer.body == wanted)
        } else if captured.file == "pods.pb" {
            // Go walks over maps in random order: the containers of a pod may stand in any.
            #expect(answer.body.count == wanted.count)
            let bytesAreTheSame = answer.body.sorted() == wanted.sorted()
            #expect(bytesAreTheSame)
        } else if captured.file.hasSuffix(".json") {
            #expect(try Self.sorted(answer.body) == Self.sorted(wanted))
            #expect(answer.body.count == wanted.count)
        } else {
            #expect(String(decoding: answer.body, as: UTF8.self) == String(decoding: wanted, as: UTF8.self))
        }
    }

    /// The document with the containers of each pod in order of their names.
    private static func sorted(_ bytes: [UInt8]) throws -> String {
        func walk(_ value: Any) -> Any {
            if let object = value as? [String: Any] { return object.mapValues(walk) }
            guard let list = value as? [Any] else { return value }
            let walked = list.map(walk)
            let names = walked.compactMap { ($0 as? [String: Any])?["name"] as? String }
            guard names.count == walked.count, names.allSatisfy({ $0.hasPrefix("c") }) else { return walked }
            return walked.sorted {
                (($0 as? [String: Any])?["name"] as? String ?? "") < (($1 as? [String: Any])?["name"] as? String ?? "")
            }
        }
        let document = try JSONSerialization.jsonObject(with: Data(bytes))
        let data = try JSONSerialization.data(withJSONObject: walk(document), options: [.sortedKeys, .prettyPrinted])
        return String(decoding: data, as: UTF8.self)
    }

    @Test("every line of the index is one of them")
    func index() throws {
        let lines = String(decoding: try CapturedCluster.bytes("metrics-api/INDEX.txt"), as: UTF8.self).split(separator: "\n")
        // Those that nobody's credentials got are judged over HTTP.
        #expect(CapturedAnswer.all.count == lines.count { !$0.contains("(no credentials)") })
        #expect(CapturedAnswer.all.count > 20)
    }

    @Test("do not depend on the encoding in which the stream brings the objects")
    func encodings() async throws {
        let store = try CapturedCluster.store()
        let request = MetricsRequest(method: "GET", path: "/apis/metrics.k8s.io/v1beta1/pods")
        let first = await CapturedCluster.api(catalog: try CapturedCluster.catalog(encoding: .json), store: store)
            .answer(request)
        let second = await CapturedCluster.api(catalog: try CapturedCluster.catalog(encoding: .protobuf), store: store)
            .answer(request)
        #expect(first.body == second.body)
    }

    @Test("hold as many measurements as metrics-server says it does")
    func points() throws {
        #expect(try CapturedCluster.store().counts == UsageStore.Counts(nodes: 3, containers: 32))
    }

    @Test("are not there after one round, and the collector is not ready")
    func oneRound() async throws {
        let api = CapturedCluster.api(
            catalog: try CapturedCluster.catalog(), store: try CapturedCluster.store(rounds: 1...1))
        let nodes = await api.answer(MetricsRequest(method: "GET", path: "/apis/metrics.k8s.io/v1beta1/nodes"))
        #expect(
            String(decoding: nodes.body, as: UTF8.self)
                == #"{"kind":"NodeMetricsList","apiVersion":"metrics.k8s.io/v1beta1","metadata":{},"items":[]}"# + "\n")
        let ready = await api.answer(MetricsRequest(method: "GET", path: "/readyz"))
        #expect(ready.status == 500)
        #expect(String(decoding: ready.body, as: UTF8.self).contains("[-]metric-storage-ready failed"))
    }

    @Test("liveness fails when no scrape ends any more")
    func liveness() async throws {
        let (catalog, store) = (try CapturedCluster.catalog(), try CapturedCluster.store())
        for (silence, status) in [(Duration.seconds(59), 200), (.seconds(61), 500)] {
            let api = CapturedCluster.api(catalog: catalog, store: store, silence: silence)
            #expect(await api.answer(MetricsRequest(method: "GET", path: "/livez")).status == status)
        }
        let empty = CapturedCluster.api(catalog: ClusterCatalog(), store: store, silence: .seconds(61))
        #expect(await empty.answer(MetricsRequest(method: "GET", path: "/livez")).status == 200)
    }

    @Test("readiness passes with the checks of metrics-server's own")
    func readiness() async throws {
        let api = CapturedCluster.api(catalog: try CapturedCluster.catalog(), store: try CapturedCluster.store())
        let answer = await api.answer(MetricsRequest(method: "GET", path: "/readyz", query: [("verbose", "")]))
        let wanted = try Set(
            String(decoding: CapturedCluster.bytes("metrics-api/readyz.txt"), as: UTF8.self).split(separator: "\n"))
        let lines = String(decoding: answer.body, as: UTF8.self).split(separator: "\n")
        #expect(answer.status == 200 && lines.count == 5 && lines.allSatisfy(wanted.contains))
    }
}
