import Foundation
import KubernetesObjects
import Testing

@testable import Exporter

/// What rules and dashboards that are passed around in public ask of kube-state-metrics: Tests/Fixtures/object-metrics/dashboards-use.tsv.
///
/// Names that do not begin with `kube_` are of other exporters and are passed over. So are those below that do and that
/// kube-state-metrics 2.20 does not have either, and labels that are not on the samples when they are scraped.
@Suite struct PublicDashboardTests {
    private struct Use {
        var metric: String
        var labels: [String]
    }

    /// Parts of names, and whose they are.
    private static let notServed = [
        "kube_hpa_": "before 2.0; now kube_horizontalpodautoscaler_",
        "kube_node_status_allocatable_memory_bytes": "before 2.0; now a label of kube_node_status_allocatable",
        "kube_node_status_capacity_pods": "before 2.0; now a label of kube_node_status_capacity",
        "kube_pod_container_resource_limits_memory_bytes": "before 2.0; now a label of kube_pod_container_resource_limits",
        "kube_pod_container_resource_requests_cpu_cores": "before 2.0; now a label of kube_pod_container_resource_requests",
        "kube_pod_container_resource_requests_memory_bytes": "before 2.0; now a label of kube_pod_container_resource_requests",
        "kube_pod_windows_container_resource_": "recording rules of kubernetes-mixin, from metrics of windows-exporter too",
    ]

    /// Every scraper adds them, or every sender to a long-term store.
    private static let targetLabels: Set = ["cluster", "instance", "job", "origin_prometheus"]

    /// Labels of single metrics, and where they come from.
    private static let elsewhere = [
        "kube_deployment_status_replicas_unavailable pod": "the pod that is scraped",
        "kube_pod_container_status_restarts_total kubernetes_pod_name": "the pod that is scraped, by an old scrape configuration",
        "kube_pod_container_status_restarts_total value": "a column of Grafana's tables",
        "kube_pod_status_phase type": "Gardener's scrape configuration",
        "kube_pod_status_ready type": "Gardener's scrape configuration",
    ]

    private func rows(_ name: String) throws -> [[String]] {
        try CapturedCluster.text(name).split(separator: "\n").dropFirst().map { line in
            line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        }
    }

    private func uses() throws -> [Use] {
        try rows("dashboards-use.tsv").map { columns in
            Use(metric: columns[0], labels: columns[1].split(separator: ",").map(String.init))
        }
    }

    /// The labels of each family: on the captured cluster's samples, or as listed for families that it has no samples of.
    private func served() throws -> [String: Set<String>] {
        let exporter = try ExporterUnderTest(captured: [
            "--resources=\(CapturedCluster.resources.map(\.plural).joined(separator: ","))", "--metric-opt-in-list=.*",
            "--metric-labels-allowlist=*=[*]", "--metric-annotations-allowlist=*=[*]",
        ])
        var served: [String: Set<String>] = [:]
        for line in exporter.lines() where !line.hasPrefix("#") {
            served[String(line.prefix { $0 != "{" }), default: []].formUnion(labelNames(of: line))
        }
        let built = Set(FamilyRegistry.all.flatMap(\.families).map(\.name))
        for columns in try rows("families.tsv") where built.contains(columns[1]) && served[columns[1]] == nil {
            // `condition={true|false|unknown}`: the name, and which values it has.
            served[columns[1]] = Set(columns[6].split(separator: ",").map { String($0.prefix { $0 != "=" }) })
        }
        return served
    }

    private func labelNames(of line: String) -> [String] {
        var names: [String] = []
        var name: [UInt8] = []
        var isValue = false
        var isEscaped = false
        for byte in line.utf8.drop(while: { $0 != UInt8(ascii: "{") }).dropFirst() {
            switch (isValue, byte) {
            case (true, _) where isEscaped: isEscaped = false
            case (true, UInt8(ascii: "\\")): isEscaped = true
            case (_, UInt8(ascii: "\"")): isValue.toggle()
            case (true, _), (false, UInt8(ascii: ",")): break
            case (false, UInt8(ascii: "=")):
                names.append(String(decoding: name, as: UTF8.self))
                name = []
            case (false, UInt8(ascii: "}")): return names
            case (false, _): name.append(byte)
            }
        }
        return names
    }

    @Test("every metric and every label that public rules and dashboards use of kube-state-metrics is served")
    func coverage() throws {
        let served = try served()
        var checked = 0
        for use in try uses() where use.metric.hasPrefix("kube_") && !Self.notServed.contains(where: { use.metric.hasPrefix($0.key) }) {
            let labels = try #require(served[use.metric], "\(use.metric) is not served")
            for label in use.labels where !Self.targetLabels.contains(label) && Self.elsewhere["\(use.metric) \(label)"] == nil {
                // Which labels and annotations objects have is up to their cluster.
                if use.metric.hasSuffix("_labels"), label.hasPrefix("label_") { continue }
                if use.metric.hasSuffix("_annotations"), label.hasPrefix("annotation_") { continue }
                #expect(labels.contains(label), "\(use.metric) has no label \(label)")
                checked += 1
            }
        }
        #expect(checked >= 150)
    }

    @Test("what is passed over is used, and kube-state-metrics does not have it")
    func exceptions() throws {
        let served = try served()
        let uses = try uses()
        let listed = Set(try rows("families.tsv").map { $0[1] })
        for name in Self.notServed.keys {
            #expect(uses.contains { $0.metric.hasPrefix(name) }, "\(name) is not used")
            #expect(!listed.contains { $0.hasPrefix(name) }, "\(name) is kube-state-metrics'")
        }
        for pair in Self.elsewhere.keys {
            let words = pair.split(separator: " ").map(String.init)
            #expect(uses.contains { $0.metric == words[0] && $0.labels.contains(words[1]) }, "\(pair) is not used")
            #expect(served[words[0]]?.contains(words[1]) == false, "\(pair) is served")
        }
        for label in Self.targetLabels {
            #expect(!served.values.contains { $0.contains(label) }, "\(label) is a label of ours")
        }
    }
}
