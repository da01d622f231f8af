import Foundation
import TestSupport
import Testing

@testable import Collector

@Suite("Discovery and OpenAPI of the metrics API")
struct DocumentTests {
    private func answer(_ path: String, accept: String = "", holding mark: String = "", hash: String? = nil) async throws -> MetricsAnswer {
        var request = MetricsRequest(method: "GET", path: path)
        (request.accept, request.ifNoneMatch) = (accept, mark)
        if let hash { request.query = [("hash", hash)] }
        return try await CapturedCluster.api(catalog: CapturedCluster.catalog(), store: CapturedCluster.store()).answer(request)
    }

    private func tree(_ answer: MetricsAnswer) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any])
    }

    private func header(_ name: String, of answer: MetricsAnswer) -> String? { answer.headers.first { $0.name == name }?.value }

    // MARK: Discovery

    @Test(
        "all of discovery comes in one document for those who ask for it, in the version that they ask for", arguments: ["v2", "v2beta1"])
    func aggregated(version: String) async throws {
        let type = "application/json;g=apidiscovery.k8s.io;v=\(version);as=APIGroupDiscoveryList"
        // As client-go and the aggregator ask.
        let answer = try await answer("/apis", accept: type + ",application/json")
        #expect(answer.status == 200 && answer.contentType == type)
        #expect(
            String(decoding: answer.body, as: UTF8.self)
                == #"{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/\#(version)","metadata":{},"items":[{"metadata":"#
                + #"{"name":"metrics.k8s.io"},"versions":[{"version":"v1beta1","resources":[{"resource":"nodes","responseKind":{"group":"#
                + #""metrics.k8s.io","version":"v1beta1","kind":"NodeMetrics"},"scope":"Cluster","singularResource":"","verbs":["get","#
                + #""list"]},{"resource":"pods","responseKind":{"group":"metrics.k8s.io","version":"v1beta1","kind":"PodMetrics"},"#
                + #""scope":"Namespaced","singularResource":"","verbs":["get","list"]}],"freshness":"Current"}]}]}"# + "\n")
        let mark = try #require(header("Etag", of: answer))
        let again = try await self.answer("/apis", accept: type, holding: mark)
        #expect(again.status == 304 && again.body.isEmpty && header("Etag", of: again) == mark)
        #expect(try await self.answer("/apis", accept: type, holding: "\"other\"").status == 200)
    }

    @Test("whoever asks for another version, or for none, gets the groups")
    func groups() async throws {
        for accept in ["application/json;g=apidiscovery.k8s.io;v=v3;as=APIGroupDiscoveryList,application/json", "application/json", ""] {
            let answer = try await answer("/apis", accept: accept)
            #expect(answer.contentType == "application/json")
            #expect(try tree(answer)["kind"] as? String == "APIGroupList")
        }
        let only = try await answer("/apis", accept: "application/json;g=apidiscovery.k8s.io;v=v3;as=APIGroupDiscoveryList")
        #expect(only.status == 406)
    }

    @Test(
        "the documents come in protobuf too",
        arguments: [
            ("/apis", ["APIGroupList", "metrics.k8s.io/v1beta1", ":14443"]), ("/apis/metrics.k8s.io", ["APIGroup", "metrics.k8s.io"]),
            ("/apis/metrics.k8s.io/v1beta1", ["APIResourceList", "NodeMetrics", "PodMetrics", "list"]),
        ])
    func protobuf(path: String, texts: [String]) async throws {
        let answer = try await answer(path, accept: "application/vnd.kubernetes.protobuf,application/json")
        #expect(answer.contentType == "application/vnd.kubernetes.protobuf" && answer.body.prefix(4) == [0x6B, 0x38, 0x73, 0])
        let text = String(decoding: answer.body, as: UTF8.self)
        for part in texts { #expect(text.contains(part)) }
    }

    // MARK: OpenAPI

    /// Every reference and where it leads.
    private func references(in value: Any) -> Set<String> {
        if let object = value as? [String: Any] {
            var found = object.values.reduce(into: Set<String>()) { $0.formUnion(references(in: $1)) }
            if let reference = object["$ref"] as? String { found.insert(reference) }
            return found
        }
        return (value as? [Any])?.reduce(into: Set<String>()) { $0.formUnion(references(in: $1)) } ?? []
    }

    private func operations(_ document: [String: Any]) throws -> [[String: Any]] {
        let paths = try #require(document["paths"] as? [String: [String: Any]])
        return try paths.values.map { try #require($0["get"] as? [String: Any]) }
    }

    @Test("version 2 has every path and all that it names, and nothing else")
    func version2() async throws {
        // As kube-aggregator downloads it.
        let document = try tree(await answer("/openapi/v2", accept: "application/json"))
        #expect(document["swagger"] as? String == "2.0")
        let paths = try #require(document["paths"] as? [String: Any])
        #expect(
            Set(paths.keys) == [
                "/apis/", "/apis/metrics.k8s.io/", "/apis/metrics.k8s.io/v1beta1/", "/apis/metrics.k8s.io/v1beta1/nodes",
                "/apis/metrics.k8s.io/v1beta1/nodes/{name}", "/apis/metrics.k8s.io/v1beta1/pods",
                "/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods",
                "/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods/{name}",
                "/version/",
            ])
        let definitions = try #require(document["definitions"] as? [String: [String: Any]])
        let named = Set(references(in: document).map { String($0.dropFirst("#/definitions/".count)) })
        #expect(named == Set(definitions.keys))
        let identifiers = try operations(document).compactMap { $0["operationId"] as? String }
        #expect(Set(identifiers).count == paths.count)
        for (name, definition) in definitions {
            #expect((definition["description"] as? String)?.isEmpty == false, "\(name)")
            for (field, value) in definition["properties"] as? [String: [String: Any]] ?? [:] {
                #expect((value["description"] as? String)?.isEmpty == false, "\(name).\(field)")
            }
        }
        let kinds = definitions.values.compactMap { $0["x-kubernetes-group-version-kind"] as? [[String: String]] }.joined()
        #expect(
            Set(kinds.filter { $0["group"] == "metrics.k8s.io" }.compactMap { $0["kind"] })
                == ["NodeMetrics", "NodeMetricsList", "PodMetrics", "PodMetricsList"])
    }

    @Test("version 3's index leads to each document, which clients may keep for good")
    func version3() async throws {
        let index = try await answer("/openapi/v3")
        let paths = try #require(try tree(index)["paths"] as? [String: [String: String]])
        #expect(Set(paths.keys) == ["apis", "apis/metrics.k8s.io", "apis/metrics.k8s.io/v1beta1", "version"])
        for (place, entry) in paths {
            let address = try #require(entry["serverRelativeURL"])
            let parts = address.split(separator: "?", maxSplits: 1)
            #expect(parts[0] == "/openapi/v3/\(place)")
            let hash = String(parts[1].dropFirst("hash=".count))
            let answer = try await self.answer(String(parts[0]), accept: "application/json", hash: hash)
            #expect(answer.status == 200 && header("Etag", of: answer) == "\"\(hash)\"")
            #expect(header("Cache-Control", of: answer) == "public, immutable")
            let document = try tree(answer)
            #expect(document["openapi"] as? String == "3.0.0")
            let schemas = try #require((document["components"] as? [String: Any])?["schemas"] as? [String: Any])
            #expect(Set(references(in: document).map { String($0.dropFirst("#/components/schemas/".count)) }) == Set(schemas.keys))
            let old = try await self.answer(String(parts[0]), hash: "OLD")
            #expect(old.status == 301 && header("Location", of: old) == address)
            #expect(try await self.answer(String(parts[0]), holding: "\"\(hash)\"").status == 304)
        }
        #expect(try await answer("/openapi/v3/apis/apps/v1").status == 404)
        #expect(try await answer("/openapi/v3/apis/metrics.k8s.io/v1beta1", accept: "text/html").status == 406)
    }

    @Test(
        "what items look like is what the schemas say",
        arguments: ["/apis/metrics.k8s.io/v1beta1/nodes", "/apis/metrics.k8s.io/v1beta1/pods"])
    func truth(path: String) async throws {
        let list = try tree(await answer(path))
        let schemas = try #require(try tree(await answer("/openapi/v2"))["definitions"] as? [String: [String: Any]])
        func check(_ value: Any, _ schema: [String: Any], _ place: String) throws {
            if let reference = schema["$ref"] as? String {
                return try check(value, try #require(schemas[String(reference.dropFirst("#/definitions/".count))]), place)
            }
            switch schema["type"] as? String {
            case "string": #expect(value is String, "\(place)")
            case "array":
                let items = try #require(schema["items"] as? [String: Any])
                for element in try #require(value as? [Any], "\(place)") { try check(element, items, place + "[]") }
            case "object":
                let object = try #require(value as? [String: Any], "\(place)")
                for name in schema["required"] as? [String] ?? [] { #expect(object[name] != nil, "\(place).\(name)") }
                for (name, value) in object {
                    let field =
                        (schema["properties"] as? [String: [String: Any]])?[name] ?? schema["additionalProperties"] as? [String: Any]
                    try check(value, try #require(field, "\(place).\(name)"), "\(place).\(name)")
                }
            default: Issue.record("\(place): \(schema)")
            }
        }
        let kind = try #require(list["kind"] as? String)
        try check(list, try #require(schemas["io.k8s.metrics.pkg.apis.metrics.v1beta1.\(kind)"]), kind)
    }
}
