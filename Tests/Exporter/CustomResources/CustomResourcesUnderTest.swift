import DeltaStream
import Foundation
import KubernetesObjects
import Logging
import ProcessRuntime
import Testing

@testable import Exporter

/// A custom resource configuration that objects are fed to by hand, without sockets.
final class CustomResourcesUnderTest {
    let configuration: CustomResourceConfiguration
    let layout: CustomResourceLayout
    let registry = MetricsRegistry()
    let feed: CustomResourceFeed
    let complaints: [CustomResourceConfiguration.Complaint]
    private var store = StreamStore(streamID: 7)

    init(_ yaml: String, filter: FamilyFilter? = nil, taken: Set<String> = []) throws {
        configuration = try CustomResourceConfiguration(yaml: yaml)
        var complaints = configuration.complaints
        layout = CustomResourceLayout(configuration, filter: try filter ?? FamilyFilter(), taken: taken, complaints: &complaints)
        self.complaints = complaints
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        feed = CustomResourceFeed(layout, journal: RuleJournal(registry: registry, logger: logger), logger: logger)
    }

    /// One metric of `example.dev/v1, Thing` in a configuration of nothing else.
    /// - Parameter metric: the members of the metric, in YAML's flow style.
    convenience init(metric: String, resource: String = "labelsFromPath: {name: [metadata, name]}") throws {
        try self.init(
            """
            spec:
              resources:
              - groupVersionKind: {group: example.dev, version: v1, kind: Thing}
                \(resource)
                metrics:
                - {\(metric)}
            """)
    }

    func upsert(_ object: WatchedObject) {
        _ = feed.add(object.resource)
        if let delta = store.upsert(object, commitTime: 1) { feed.apply(delta) }
    }

    func delete(_ object: WatchedObject) {
        if let delta = store.delete(object, commitTime: 1) { feed.apply(delta) }
    }

    func exposition(_ format: ExpositionFormat = .text) -> String { ExporterUnderTest.exposition(feed.sections, format) }

    /// Without HELP lines.
    func lines(_ format: ExpositionFormat = .text) -> [String] {
        exposition(format).split(separator: "\n").filter { !$0.hasPrefix("# HELP") }.map(String.init)
    }

    /// Samples, without what identifies a Thing, and without the usual prefix.
    func samples() -> [String] {
        lines().filter { !$0.hasPrefix("#") }.map { line in
            line.replacing(#"customresource_group="example.dev",customresource_kind="Thing",customresource_version="v1""#, with: "…")
                .replacing("kube_customresource_", with: "")
        }
    }

    func failures(_ family: String) -> String? {
        String(decoding: registry.render(), as: UTF8.self).split(separator: "\n").first {
            $0.hasPrefix("mizzen_exporter_custom_resource_rule_failures_total{family=\"\(family)\"}")
        }.map { String($0.split(separator: " ").last ?? "") }
    }
}

enum CustomResourceFixtures {
    static let folder = CapturedCluster.fixtures.appending(path: "custom-resources")

    static func text(_ name: String) throws -> String { try String(contentsOf: folder.appending(path: name), encoding: .utf8) }

    /// Every captured object in each version that its definition serves.
    static func objects() throws -> [WatchedObject] {
        let definitions = try items("crds.json")
        return try items("objects.json").flatMap { item -> [WatchedObject] in
            let kind = try #require(item["kind"] as? String)
            let definition = try #require(definitions.first { names($0)["kind"] as? String == kind })
            let spec = try #require(definition["spec"] as? [String: Any])
            let versions = try #require(spec["versions"] as? [[String: Any]])
            return try versions.map { version in
                let name = try #require(version["name"] as? String)
                let resource = Resource(
                    group: try #require(spec["group"] as? String), version: name,
                    plural: try #require(names(definition)["plural"] as? String), kind: kind,
                    isNamespaced: spec["scope"] as? String == "Namespaced")
                var served = item
                served["apiVersion"] = resource.apiVersion
                let json = try JSONSerialization.data(withJSONObject: served)
                return try object(resource, String(decoding: json, as: UTF8.self))
            }
        }
    }

    private static func names(_ definition: [String: Any]) -> [String: Any] {
        (definition["spec"] as? [String: Any])?["names"] as? [String: Any] ?? [:]
    }

    private static func items(_ file: String) throws -> [[String: Any]] {
        let list = try JSONSerialization.jsonObject(with: Data(try text(file).utf8)) as? [String: Any]
        return try #require(list?["items"] as? [[String: Any]])
    }
}

let things = Resource(group: "example.dev", version: "v1", plural: "things", kind: "Thing", isNamespaced: true)

/// - Parameter rest: further members of the object.
func thing(
    _ rest: String = "", name: String = "one", namespace: String = "default", metadata: String = "", of resource: Resource = things,
    version: Int = 1
) throws -> WatchedObject {
    try object(
        resource,
        """
        {"metadata":{"name":"\(name)","namespace":"\(namespace)","uid":"uid-\(namespace)-\(name)","resourceVersion":"\(version)"\
        \(metadata.isEmpty ? "" : ",")\(metadata)}\(rest.isEmpty ? "" : ",")\(rest)}
        """)
}
