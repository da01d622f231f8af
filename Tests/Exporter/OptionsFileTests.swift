import KubernetesObjects
import Logging
import ProcessRuntime
import TestSupport
import Testing

@testable import Exporter

@Suite struct OptionsFileTests {
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func command(_ yaml: String, _ words: [String] = []) throws -> ExporterCommand {
        var command = try KubeStateMetricsCommandLineTests.command(words)
        try OptionsFile(yaml: yaml).apply(to: &command)
        return command
    }

    @Test("every key has its meaning, and the file wins over the command line")
    func keys() throws {
        let command = try command(
            """
            resources: {pods: {}, nodes: {}, services: }
            namespaces: [a, b]
            namespaces_denylist: [b]
            metric_denylist: {"kube_pod_created": {}}
            metric_opt_in_list: {kube_pod_tolerations: {}}
            labels_allow_list: {pods: ["*"], nodes: [zone, team]}
            annotations_allow_list: {pods: [owner]}
            port: 9090
            telemetry_port: 9091
            host: 127.0.0.1
            telemetry_host: "::1"
            shard: 1
            total_shards: 4
            server_idle_timeout: 2m
            server_read_timeout: 60000000000
            enable_gzip_encoding: true
            track_unscheduled_pods: true
            pod: shop-1
            namespace: shop
            custom_resource_state_config_file: /etc/x
            custom_resource_config_file: /etc/old
            custom_resources_only: false
            use_api_server_cache: true
            kubeconfig: /etc/k
            auto-gomemlimit: true
            metric_labels_on: {"kube_pod_.*": [team, "owner:team"], kube_node_info: [zone]}
            series_limit: {kube_pod_info: 100, kube_node_info: 5}
            """, ["--resources=jobs", "--port=1", "--namespaces=z", "--metric-denylist=kube_x", "--metric-labels-allowlist=jobs=[x]"])
        #expect(command.selection.resources == ["nodes", "pods", "services"])
        #expect(command.selection.namespaces == ["a", "b"])
        #expect(command.selection.namespacesDenylist == ["b"])
        #expect(command.selection.metricDenylist == ["kube_pod_created"])
        #expect(command.selection.metricLabelsAllowlist == "nodes=[zone,team],pods=[*]")
        #expect(command.selection.metricAnnotationsAllowlist == "pods=[owner]")
        #expect(command.selection.metricLabelsOn == ["kube_node_info=[zone],kube_pod_.*=[team,owner:team]"])
        #expect(command.selection.seriesLimit == ["kube_node_info=5", "kube_pod_info=100"])
        #expect((command.serving.port, command.serving.telemetryPort) == (9090, 9091))
        #expect((command.serving.host, command.serving.telemetryHost) == ("127.0.0.1", "::1"))
        #expect((command.selection.shard, command.selection.totalShards) == (1, 4))
        #expect(command.serving.serverIdleTimeout == .seconds(120))
        #expect(command.serving.serverReadTimeout == .seconds(60))
        #expect(command.serving.enableGzipEncoding && command.selection.trackUnscheduledPods)
        #expect((command.selection.pod, command.selection.podNamespace) == ("shop-1", "shop"))
        #expect(command.customs.customResourceStateConfigFile == "/etc/x")
        #expect(Set(command.ignored.given.map(\.flag)).isSuperset(of: ["--use-apiserver-cache", "--kubeconfig", "--auto-gomemlimit"]))
    }

    @Test("an empty file, and empty sets, leave the command line's; an old name of a key is still known; unknown keys are told")
    func leftAlone() throws {
        let command = try command(
            "resources: {}\nmetric_denylist: {}\nlabels_allow_list: {}", ["--resources=jobs", "--metric-denylist=kube_x"])
        #expect(command.selection.resources == ["jobs"])
        #expect(command.selection.metricDenylist == ["kube_x"])
        #expect(try self.command(" \n", ["--port=3"]).serving.port == 3)
        #expect(try self.command("custom_resource_config_file: /a").customs.customResourceStateConfigFile == "/a")
        #expect(try self.command("series_limit: [kube_pod_info=7]").selection.seriesLimit == ["kube_pod_info=7"])
        #expect(try self.command("series_limit: {}", ["--series-limit=kube_pod_info=3"]).selection.seriesLimit == ["kube_pod_info=3"])
        #expect(try OptionsFile(yaml: "rescources: {pods: {}}").unknown == ["rescources"])
    }

    @Test(
        "a file that cannot be taken is refused with the place",
        arguments: [
            ("port: [1]", "port"), ("resources: pods", "resources"), ("- a", "map"), ("a: [", "line"),
            ("labels_allow_list: [a]", "labels_allow_list"),
            ("enable_gzip_encoding: maybe", "enable_gzip_encoding"),
        ])
    func broken(yaml: String, mentions: String) {
        let error = #expect(throws: ConfigurationError.self) { _ = try OptionsFile(yaml: yaml) }
        #expect(error.map { "\($0)".contains(mentions) } == true, "\(String(describing: error))")
    }

    @Test(
        "a value of the right form that is no port or duration is refused, naming the key",
        arguments: ["port: 70000", "server_idle_timeout: soon"])
    func wrongValue(yaml: String) throws {
        let error = #expect(throws: ProcessError.self) { _ = try command(yaml) }
        #expect(error?.place == yaml.split(separator: ":").first.map(String.init))
    }

    @Test("what changed is told apart by when it takes effect")
    func changes() throws {
        let (old, new) = (try OptionsFile(yaml: "port: 1\nresources: {pods: {}}"), try OptionsFile(yaml: "port: 2\nnode: n\nkubeconfig: x"))
        let changes = new.changes(since: old)
        #expect(changes.live.sorted() == ["node", "resources"])
        #expect(changes.afterRestart == ["port"])
    }

    @Test("a file that is missing is an error unless it may be, comes later, and stays in force while what follows is broken")
    func source() throws {
        let folder = try TemporaryFolder()
        let registry = MetricsRegistry()
        let path = folder.path("options.yaml")
        #expect(throws: ProcessError.self) { try OptionsFileSource(path, isOptional: false, registry: registry, logger: logger) }
        let source = try OptionsFileSource(path, isOptional: true, registry: registry, logger: logger)
        #expect(source.reload() == nil && source.current == OptionsFile())
        try folder.write(Array("node: n1\nport: 1".utf8), to: "options.yaml")
        let first = try #require(source.reload())
        #expect(first.live == ["node"] && first.afterRestart == ["port"])
        #expect(source.reload() == nil)
        let taken = source.current
        try folder.write(Array("node: [".utf8), to: "options.yaml")
        #expect(source.reload() == nil && source.current == taken)
        let metrics = String(decoding: registry.render(), as: UTF8.self)
        #expect(metrics.contains(#"kube_state_metrics_last_config_reload_successful{type="config",filename="\#(path)"} 0"#))
    }
}
