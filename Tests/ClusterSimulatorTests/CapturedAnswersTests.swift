import ClusterSimulator
import Foundation
import KubernetesObjects
import Testing

/// The simulator, loaded with the captured cluster, must answer as the real API server did.
@Suite("Answers equal the captured ones")
struct CapturedAnswersTests {
    private static func file(_ resource: Resource) -> String {
        "lists/\(resource.apiVersion.replacing("/", with: "_"))_\(resource.plural)"
    }

    @Test("every list is served as captured, in JSON")
    func jsonLists() async throws {
        try await SimulatorClient.with(Fixture.configuration) { api in
            for resource in Resource.all {
                let answer = try await api.send(.get, resource.listPath)
                #expect(answer.status == 200)
                #expect(answer.contentType == "application/json")
                let captured = try JSONValue(parsing: try Fixture.bytes(Self.file(resource) + ".json"))
                #expect(try answer.tree == captured, "\(resource)")
            }
        }
    }

    @Test("every list decodes to the captured values, in protobuf")
    func protobufLists() async throws {
        try await SimulatorClient.with(Fixture.configuration) { api in
            for resource in Resource.all {
                let answer = try await api.send(.get, resource.listPath, accept: SimulatorClient.protobuf)
                #expect(answer.contentType == SimulatorClient.protobuf)
                let ours = try ListParts(answer.body)
                let captured = try ListParts(try Fixture.bytes(Self.file(resource) + ".pb"))
                #expect(ours.type == captured.type, "\(resource)")
                #expect(ours.metadata == captured.metadata, "\(resource)")
                #expect(ours.items.count == captured.items.count)
                for (our, real) in zip(ours.items, captured.items) {
                    let ourJSON = try JSONValue(parsing: ObjectTranscoder.json(fromProtobuf: our, resource: resource))
                    let realJSON = try JSONValue(parsing: ObjectTranscoder.json(fromProtobuf: real, resource: resource))
                    #expect(ourJSON == realJSON, "\(resource)")
                }
            }
        }
    }

    @Test(
        "discovery documents are served byte for byte",
        arguments: [
            ("/version", "version.json"), ("/api", "api.json"), ("/api/v1", "api_v1.json"), ("/apis", "apis.json"),
            ("/apis/discovery.k8s.io/v1", "apis_discovery.k8s.io_v1.json"),
        ])
    func discovery(path: String, file: String) async throws {
        try await SimulatorClient.with(Fixture.configuration) { api in
            let answer = try await api.send(.get, path)
            let captured = try Fixture.bytes(file)
            #expect(answer.body == captured)
        }
    }

    @Test("a watch from forgotten history gets the captured 410 as one frame of a good answer")
    func expired() async throws {
        try await SimulatorClient.with(Fixture.configuration) { api in
            let path = "/api/v1/services?watch=1&resourceVersion=1"
            let json = try await api.send(.get, path)
            #expect(json.status == 200)
            let expected = try captured("services.expired.json")
            #expect(String(decoding: json.body, as: UTF8.self) == expected)
            let protobuf = try await api.send(.get, path, accept: SimulatorClient.protobuf)
            #expect(protobuf.contentType == SimulatorClient.protobuf + ";stream=watch")
            let frame = try captured("services.expired.pb")
            #expect(String(decoding: protobuf.body, as: UTF8.self) == frame)
        }
    }

    /// The capture's oldest version was another.
    private func captured(_ file: String) throws -> String {
        String(decoding: try Fixture.bytes("watch/\(file)"), as: UTF8.self).replacing("(1810)", with: "(1665)")
    }

    @Test(
        "a WatchList sends every object and then the captured bookmark",
        arguments: [
            Resource.services, .namespaces, .endpointSlices,
        ])
    func watchList(resource: Resource) async throws {
        try await SimulatorClient.with(Fixture.configuration) { api in
            let path =
                "\(resource.listPath)?watch=1&allowWatchBookmarks=true&sendInitialEvents=true"
                + "&resourceVersionMatch=NotOlderThan&timeoutSeconds=60"
            let count = try JSONValue(parsing: Fixture.bytes(Self.file(resource) + ".json"))["items"]?.array?.count ?? 0
            let events = try await api.events(path, count: count + 1)
            let captured = try SimulatorClient.lines(try Fixture.bytes("watch/\(resource.plural).watchlist.json"))
            #expect(events.count == count + 1)
            // The watches were captured after the lists, so they hold one object more.
            for ours in events where ours["type"] == "ADDED" {
                let real = captured.first { $0["object"]?["metadata"]?["uid"] == ours["object"]?["metadata"]?["uid"] }
                #expect(ours == real)
            }
            let end = try #require(captured.first { $0.text.contains("k8s.io/initial-events-end") })
            #expect(events.last?.withVersion("1665") == end.withVersion("1665"))
        }
    }

    @Test("protobuf frames of a WatchList decode to the captured ones")
    func protobufWatchList() async throws {
        try await SimulatorClient.with(Fixture.configuration) { api in
            let path =
                "/api/v1/namespaces?watch=1&allowWatchBookmarks=true&sendInitialEvents=true"
                + "&resourceVersionMatch=NotOlderThan&timeoutSeconds=60"
            let answer = try await api.watch(path, accept: SimulatorClient.protobuf) {
                String(decoding: $0, as: UTF8.self).contains("k8s.io/initial-events-end")
            }
            let ours = try FrameParts.all(in: answer.body)
            let captured = try FrameParts.all(in: try Fixture.bytes("watch/namespaces.watchlist.pb"))
            #expect(ours.count == 9)
            // The watch was captured after the list, so it holds one object more.
            let known = try captured.map { try ObjectTranscoder.json(fromProtobuf: $0.object, resource: .namespaces) }
            for our in ours where our.type == "ADDED" {
                #expect(our.objectType == captured.first?.objectType)
                #expect(known.contains(try ObjectTranscoder.json(fromProtobuf: our.object, resource: .namespaces)))
            }
            #expect(ours.last?.type == "BOOKMARK")
        }
    }

    @Test("creation, change and deletion are seen as captured: types, order and versions that grow")
    func resume() async throws {
        try await SimulatorClient.with(Fixture.configuration) { api in
            let path = "/api/v1/services?watch=1&allowWatchBookmarks=true&resourceVersion=1665&timeoutSeconds=60"
            let events = try await api.events(path, count: 3) {
                let collection = "/api/v1/namespaces/s1-tools/services"
                let body = #"{"metadata":{"name":"late"},"spec":{"ports":[{"name":"http","port":80}]}}"#
                #expect(try await api.send(.post, collection, body: body).status == 201)
                let patch = #"{"metadata":{"labels":{"a":"b"}}}"#
                let patched = try await api.send(
                    .patch, "\(collection)/late", body: patch, contentType: "application/merge-patch+json")
                #expect(patched.status == 200)
                #expect(try await api.send(.delete, "\(collection)/late").status == 200)
            }
            let captured = try SimulatorClient.lines(try Fixture.bytes("watch/services.resume.json"))
            #expect(events.map { $0["type"] } == captured.prefix(3).map { $0["type"] })
            let keys = { (event: JSONValue) in event["object"]?.object?.members.map(\.key) ?? [] }
            for (ours, real) in zip(events, captured) { #expect(keys(ours) == keys(real)) }
            let versions = events.compactMap { $0.version }
            #expect(versions == versions.sorted() && Set(versions).count == 3)
        }
    }

    @Test("bookmarks are objects with nothing but a version, as captured")
    func bookmarks() async throws {
        var configuration = Fixture.configuration
        configuration.bookmarks = .every(.milliseconds(20))
        try await SimulatorClient.with(configuration) { api in
            for resource in [Resource.services, .namespaces, .endpointSlices] {
                let path =
                    "\(resource.listPath)?watch=1&allowWatchBookmarks=true&resourceVersion=1665&timeoutSeconds=60"
                let events = try await api.events(path, count: 1)
                let captured = try SimulatorClient.lines(try Fixture.bytes("watch/\(resource.plural).resume.json"))
                let bookmark = try #require(captured.last { $0["type"] == "BOOKMARK" })
                #expect(events.first?.withVersion("1665") == bookmark.withVersion("1665"))
            }
        }
    }
}

extension JSONValue {
    var text: String { String(decoding: encoded, as: UTF8.self) }

    var version: UInt64? { self["object"]?["metadata"]?["resourceVersion"]?.string.flatMap { UInt64($0) } }

    /// A watch event whose object claims another version.
    func withVersion(_ version: String) -> JSONValue {
        var event = self
        var object = event["object"] ?? .null
        var metadata = object["metadata"] ?? .null
        metadata["resourceVersion"] = .string(version)
        object["metadata"] = metadata
        event["object"] = object
        return event
    }
}
