import ArgumentParser
import KubernetesObjects
import MizzenSystem
import ProcessRuntime

/// The values of kube-state-metrics' options file (`--config`). They win over those of the command line, as there.
struct OptionsFile: Hashable, Sendable {
    enum Value: Hashable, Sendable {
        case text(String)
        case list([String])
        /// Keys by resource.
        case lists([String: [String]])
    }

    private(set) var values: [String: Value] = [:]
    /// Keys that kube-state-metrics does not know either.
    private(set) var unknown: [String] = []

    /// The file that does not exist yet.
    init() {}

    /// - Throws: for what is no YAML, is no map, or has a value of another form than its key's.
    init(yaml: String) throws(ConfigurationError) {
        // An empty config map is no mistake.
        guard yaml.contains(where: { !$0.isWhitespace }) else { return }
        let root = try ConfigurationNode(yaml)
        do throws(ConfigurationNode.Fault) {
            for (name, node) in try root.members() {
                guard let key = OptionsFileKey.all.first(where: { $0.name == name }) else {
                    unknown.append(name)
                    continue
                }
                values[name] = try key.read(node)
            }
        } catch {
            throw ConfigurationError(line: error.complaint.line, reason: "\(error.complaint.place): \(error.complaint.reason)")
        }
    }

    /// - Throws: 78, naming the key whose value cannot be taken.
    func apply(to command: inout ExporterCommand) throws(ProcessError) {
        for key in OptionsFileKey.all {
            guard let value = values[key.name] else { continue }
            do {
                try key.set(value, &command)
            } catch {
                throw ProcessError(code: ExitStatus.configuration, message: ExporterCommand.message(for: error), place: key.name)
            }
        }
    }

    /// What differs from an earlier file, by when it has an effect.
    func changes(since earlier: OptionsFile) -> (live: [String], afterRestart: [String]) {
        let changed = OptionsFileKey.all.filter { values[$0.name] != earlier.values[$0.name] }
        return (changed.filter { $0.effect == .live }.map(\.name), changed.filter { $0.effect == .restart }.map(\.name))
    }
}

/// One key of the file.
struct OptionsFileKey: Sendable {
    enum Effect: Hashable, Sendable {
        /// A change takes effect while the exporter runs.
        case live
        /// Sockets and the stream's ends are made once.
        case restart
        case none
    }

    var name: String
    var effect: Effect
    var read: @Sendable (ConfigurationNode) throws(ConfigurationNode.Fault) -> OptionsFile.Value
    var set: @Sendable (OptionsFile.Value, inout ExporterCommand) throws -> Void

    private static func text(
        _ name: String, _ effect: Effect = .live, _ set: @escaping @Sendable (inout ExporterCommand, String) throws -> Void
    ) -> OptionsFileKey {
        OptionsFileKey(name: name, effect: effect) { node throws(ConfigurationNode.Fault) in
            .text(try node.text())
        } set: { value, command in
            if case .text(let text) = value { try set(&command, text) }
        }
    }

    private static func count(
        _ name: String, _ effect: Effect = .live, _ set: @escaping @Sendable (inout ExporterCommand, Int) -> Void
    ) -> OptionsFileKey {
        text(name, effect) { command, text in set(&command, try OptionValue.count(text)) }
    }

    private static func toggle(
        _ name: String, _ effect: Effect = .live, _ set: @escaping @Sendable (inout ExporterCommand, Bool) -> Void
    ) -> OptionsFileKey {
        OptionsFileKey(name: name, effect: effect) { node throws(ConfigurationNode.Fault) in
            .text(try node.bool() ? "true" : "false")
        } set: { value, command in
            set(&command, value == .text("true"))
        }
    }

    /// As Go writes it, or a number of nanoseconds.
    private static func duration(
        _ name: String, _ set: @escaping @Sendable (inout ExporterCommand, Duration) -> Void
    ) -> OptionsFileKey {
        text(name, .restart) { command, text in
            set(&command, try Int64(text).map { .nanoseconds($0) } ?? OptionValue.duration(text))
        }
    }

    /// A list. Of a set kube-state-metrics takes the keys of a map (`pods: {}`), and an empty one leaves the command line's.
    private static func list(
        _ name: String, isSet: Bool = true, _ set: @escaping @Sendable (inout ExporterCommand, [String]) -> Void
    ) -> OptionsFileKey {
        OptionsFileKey(name: name, effect: .live) { node throws(ConfigurationNode.Fault) in
            if let list = try? node.texts() { return .list(list) }
            return .list(try node.keys().sorted())
        } set: { value, command in
            if case .list(let list) = value, !isSet || !list.isEmpty { set(&command, list) }
        }
    }

    private static func lists(
        _ name: String, _ set: @escaping @Sendable (inout ExporterCommand, String) -> Void
    ) -> OptionsFileKey {
        OptionsFileKey(name: name, effect: .live) { node throws(ConfigurationNode.Fault) in
            var lists: [String: [String]] = [:]
            for (resource, keys) in try node.members() { lists[resource] = try keys.texts() }
            return .lists(lists)
        } set: { value, command in
            guard case .lists(let lists) = value, !lists.isEmpty else { return }
            set(&command, lists.sorted { $0.key < $1.key }.map { "\($0)=[\($1.joined(separator: ","))]" }.joined(separator: ","))
        }
    }

    /// A number for each of some names, or a list of `NAME=NUMBER`.
    private static func counts(
        _ name: String, _ set: @escaping @Sendable (inout ExporterCommand, [String]) -> Void
    ) -> OptionsFileKey {
        OptionsFileKey(name: name, effect: .live) { node throws(ConfigurationNode.Fault) in
            if let list = try? node.texts() { return .list(list) }
            var entries: [String] = []
            for (key, number) in try node.members() { entries.append("\(key)=\(try number.text())") }
            return .list(entries.sorted())
        } set: { value, command in
            if case .list(let list) = value, !list.isEmpty { set(&command, list) }
        }
    }

    private static func nothing(_ name: String) -> OptionsFileKey { text(name, .none) { _, _ in } }

    /// kube-state-metrics' keys, and behind those ours.
    static let all: [OptionsFileKey] = [
        lists("annotations_allow_list") { $0.selection.metricAnnotationsAllowlist = $1 },
        lists("labels_allow_list") { $0.selection.metricLabelsAllowlist = $1 },
        list("metric_allowlist") { $0.selection.metricAllowlist = $1 },
        list("metric_denylist") { $0.selection.metricDenylist = $1 },
        list("metric_opt_in_list") { $0.selection.metricOptInList = $1 },
        list("resources") { $0.selection.resources = $1 },
        list("namespaces", isSet: false) { $0.selection.namespaces = $1 },
        list("namespaces_denylist", isSet: false) { $0.selection.namespacesDenylist = $1 },
        text("node") { $0.selection.node = $1 },
        toggle("track_unscheduled_pods") { $0.selection.trackUnscheduledPods = $1 },
        count("shard") { $0.selection.shard = $1 },
        count("total_shards") { $0.selection.totalShards = $1 },
        text("pod", .restart) { $0.selection.pod = $1 },
        text("namespace", .restart) { $0.selection.podNamespace = $1 },
        text("custom_resource_config") { $0.customs.customResourceStateConfig = $1 },
        // The name before 2.17; the one below comes first.
        text("custom_resource_config_file") { $0.customs.customResourceStateConfigFile = $1 },
        text("custom_resource_state_config_file") { $0.customs.customResourceStateConfigFile = $1 },
        toggle("continue_without_custom_resource_state_config_file") {
            $0.customs.continueWithoutCustomResourceStateConfigFile = $1
        },
        toggle("custom_resources_only") { $0.customs.customResourceStateOnly = $1 },
        text("host", .restart) { $0.serving.host = $1 },
        text("port", .restart) { $0.serving.port = try OptionValue.port($1) },
        text("telemetry_host", .restart) { $0.serving.telemetryHost = $1 },
        text("telemetry_port", .restart) { $0.serving.telemetryPort = try OptionValue.port($1) },
        duration("server_idle_timeout") { $0.serving.serverIdleTimeout = $1 },
        duration("server_read_timeout") { $0.serving.serverReadTimeout = $1 },
        duration("server_read_header_timeout") { $0.serving.serverReadHeaderTimeout = $1 },
        duration("server_write_timeout") { $0.serving.serverWriteTimeout = $1 },
        text("tls_config", .restart) { $0.serving.tlsConfig = $1 },
        toggle("auth_filter", .restart) { $0.serving.authFilter = $1 },
        toggle("enable_gzip_encoding", .restart) { $0.serving.enableGzipEncoding = $1 },
        text("apiserver", .none) { $0.ignored.apiserver = $1 },
        text("kubeconfig", .none) { $0.ignored.kubeconfig = $1 },
        toggle("use_api_server_cache", .none) { $0.ignored.useApiserverCache = $1 },
        count("object_limit", .none) { $0.ignored.objectLimit = $1 },
        toggle("auto-gomemlimit", .none) { $0.ignored.autoGomemlimit = $1 },
        nothing("auto-gomemlimit-ratio"), nothing("continue_without_config"), nothing("help"), nothing("config"),
        lists("metric_labels_on") { $0.selection.metricLabelsOn = [$1] },
        counts("series_limit") { $0.selection.seriesLimit = $1 },
    ]
}
