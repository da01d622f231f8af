import KubernetesObjects

extension CustomResourceConfiguration {
    /// More rules are refused: each costs time with every change of an object.
    static let ruleLimit = 20_000

    /// Reads the YAML text of kube-state-metrics' `--custom-resource-state-config`. Unknown members are passed over.
    ///
    /// A rule that cannot be taken is left out and complained of, and harms no other.
    /// - Throws: for what is no YAML, or has no list of resources where one belongs.
    init(yaml: String) throws(ConfigurationError) {
        var count = 0
        for resource in try ConfigurationNode.resources(of: yaml) {
            do throws(ConfigurationNode.Fault) {
                entries.append(try entry(resource))
                count += entries.last?.rules.count ?? 0
            } catch {
                complaints.append(Complaint(about: error.complaint))
            }
            guard count <= Self.ruleLimit else { throw ConfigurationError(reason: "it has more than \(Self.ruleLimit) metrics") }
        }
    }

    // MARK: A resource

    private mutating func entry(_ node: ConfigurationNode) throws(ConfigurationNode.Fault) -> Entry {
        let selector = try CustomResourceSelector(node)
        let shared = RuleSettings(
            prefix: try node.member("metricNamePrefix")?.text() ?? RuleSettings.usualPrefix,
            commonLabels: try labels(node), labelsFromPath: try paths(node),
            errorLogV: try node.member("errorLogV")?.integer() ?? 0)
        var rules: [CustomResourceRule] = []
        for metric in try node.member("metrics")?.elements() ?? [] {
            do throws(ConfigurationNode.Fault) {
                rules.append(try rule(metric, shared))
            } catch {
                complaints.append(Complaint(about: error.complaint))
            }
        }
        let plural = try node.member("resourcePlural")?.text() ?? ""
        let kind = try node.member("groupVersionKind")?.member("kind")?.text() ?? ""
        return Entry(selector: selector, rules: rules, plural: plural.isEmpty ? Self.plural(kind) ?? selector.group : plural)
    }

    /// As kubebuilder makes plurals of most kinds; nil for a wildcard.
    private static func plural(_ kind: String) -> String? {
        guard !kind.isEmpty, kind != "*" else { return nil }
        let name = kind.lowercased()
        if name.hasSuffix("y"), let before = name.dropLast().last, !"aeiou".contains(before) { return name.dropLast() + "ies" }
        return ["s", "x", "z", "ch", "sh"].contains(where: name.hasSuffix) ? name + "es" : name + "s"
    }

    /// What the metrics of a resource have in common.
    private struct RuleSettings {
        static let usualPrefix = "kube_customresource"
        var prefix: String
        var commonLabels: [String: String]
        var labelsFromPath: [String: ValuePath]
        var errorLogV: Int
    }

    // MARK: A metric

    private mutating func rule(
        _ node: ConfigurationNode, _ shared: RuleSettings
    ) throws(ConfigurationNode.Fault) -> CustomResourceRule {
        let own = try node.member("name")?.text() ?? ""
        guard !own.isEmpty else { throw ConfigurationNode.Fault(node.complaint("the metric has no name")) }
        let written = shared.prefix.isEmpty ? own : "\(shared.prefix)_\(own)"
        let name = LabelName.validMetric(written)
        if name != written {
            let about = node.complaint("'\(written)' is no name for a metric, which is served as \(name)")
            complaints.append(Complaint(about: about, isFault: false))
        }
        let errorLogV = try node.member("errorLogV")?.integer() ?? 0
        return CustomResourceRule(
            name: name, help: try node.member("help")?.text() ?? "",
            commonLabels: shared.commonLabels.merging(try labels(node)) { _, own in own },
            labelsFromPath: LabelPaths(shared.labelsFromPath.merging(try paths(node)) { _, own in own }),
            each: try each(try node.member("each") ?? node), isQuiet: (errorLogV == 0 ? shared.errorLogV : errorLogV) > 0)
    }

    private func each(_ node: ConfigurationNode) throws(ConfigurationNode.Fault) -> CustomResourceRule.Each {
        let type = try node.member("type")?.text() ?? ""
        func settings(_ key: String) throws(ConfigurationNode.Fault) -> ConfigurationNode {
            guard let found = try node.member(key) else {
                throw ConfigurationNode.Fault(node.complaint("the type is \(type), so '\(key)' has to be there"))
            }
            return found
        }
        switch type.lowercased() {
        case "gauge":
            let gauge = try settings("gauge")
            return .gauge(
                .init(
                    path: try path(gauge, "path"), labelsFromPath: LabelPaths(try paths(gauge)),
                    labelFromKey: try labelName(gauge, "labelFromKey"), valueFrom: try path(gauge, "valueFrom"),
                    nilIsZero: try gauge.member("nilIsZero")?.bool() ?? false))
        case "info":
            let info = try settings("info")
            return .info(
                .init(
                    path: try path(info, "path"), labelsFromPath: LabelPaths(try paths(info)),
                    labelFromKey: try labelName(info, "labelFromKey")))
        case "stateset":
            let set = try settings("stateSet")
            guard let name = try labelName(set, "labelName") else {
                throw ConfigurationNode.Fault(set.complaint("a StateSet needs a labelName"))
            }
            return .stateSet(
                .init(
                    path: try path(set, "path"), labelsFromPath: LabelPaths(try paths(set)), labelName: name,
                    valueFrom: try path(set, "valueFrom"), list: try set.member("list")?.texts() ?? []))
        default:
            let found = type.isEmpty ? "there is none" : "not '\(type)'"
            throw ConfigurationNode.Fault(node.complaint("the type has to be Gauge, Info or StateSet, and \(found)"))
        }
    }

    // MARK: What both have

    private func labelName(_ node: ConfigurationNode, _ key: String) throws(ConfigurationNode.Fault) -> String? {
        let name = try node.member(key)?.text() ?? ""
        return name.isEmpty ? nil : LabelName.valid(name)
    }

    private func labels(_ node: ConfigurationNode) throws(ConfigurationNode.Fault) -> [String: String] {
        var labels: [String: String] = [:]
        for (key, value) in try node.member("commonLabels")?.members() ?? [] { labels[LabelName.valid(key)] = try value.text() }
        return labels
    }

    private func paths(_ node: ConfigurationNode) throws(ConfigurationNode.Fault) -> [String: ValuePath] {
        var paths: [String: ValuePath] = [:]
        for (key, value) in try node.member("labelsFromPath")?.members() ?? [] { paths[key] = try path(value) }
        return paths
    }

    private func path(_ node: ConfigurationNode, _ key: String) throws(ConfigurationNode.Fault) -> ValuePath {
        try node.member(key).map(path) ?? .empty
    }

    private func path(_ node: ConfigurationNode) throws(ConfigurationNode.Fault) -> ValuePath {
        let elements = try node.texts()
        do throws(ValuePath.Fault) {
            return try ValuePath(elements)
        } catch {
            throw ConfigurationNode.Fault(node.complaint(error.reason))
        }
    }
}
