/// Which custom resources are meant: by group, version and kind as in kube-state-metrics' configuration, or by a name as on kubectl's
/// command line.
public struct CustomResourceSelector: Hashable, Sendable {
    private enum Form: Hashable, Sendable {
        case kind(group: String, version: String, kind: String)
        /// `widgets.shop.example.dev`, `widgets.v1.shop.example.dev`, `*.shop.example.dev`.
        case name(String)
    }

    private let form: Form

    /// - Parameters: of version and kind `*` and an empty text mean any.
    public init(group: String, version: String, kind: String) { form = .kind(group: group, version: version, kind: kind) }

    /// - Parameter name: plural and group (all versions that are served), plural, version and group, or `*` and group.
    /// - Returns: nil for what is no such name.
    public init?(name: String) {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count >= 2, parts.allSatisfy({ !$0.isEmpty }), parts.dropFirst().allSatisfy({ !$0.contains("*") }),
            parts[0] == "*" || !parts[0].contains("*"), !name.contains("/"), !name.contains(" ")
        else { return nil }
        form = .name(name)
    }

    /// Empty for one that is made of a name.
    public var group: String { if case .kind(let group, _, _) = form { group } else { "" } }

    /// Group, version and kind in this order, for sorting; the name alone.
    public var sortKey: [String] {
        switch form {
        case .kind(let group, let version, let kind): [group, version, kind]
        case .name(let name): [name]
        }
    }

    /// Whether some resource of the group may be meant.
    public func concerns(group: String) -> Bool {
        switch form {
        case .kind(let wanted, _, _): wanted == group
        case .name(let name): name.hasSuffix(".\(group)")
        }
    }

    public func matches(_ resource: Resource) -> Bool {
        switch form {
        case .kind(let group, let version, let kind):
            resource.group == group && Self.admits(version, resource.version) && Self.admits(kind, resource.kind)
        case .name(let name):
            name == "\(resource.plural).\(resource.group)" || name == "\(resource.plural).\(resource.version).\(resource.group)"
                || name == "*.\(resource.group)"
        }
    }

    private static func admits(_ pattern: String, _ text: String) -> Bool { pattern.isEmpty || pattern == "*" || pattern == text }
}

extension CustomResourceSelector: CustomStringConvertible {
    public var description: String {
        switch form {
        case .kind(let group, let version, let kind):
            "\(group)/\(version.isEmpty ? "*" : version), \(kind.isEmpty ? "*" : kind)"
        case .name(let name): name
        }
    }
}

extension CustomResourceSelector {
    /// The `groupVersionKind` of an element of `spec.resources`.
    /// - Throws: where it names no group.
    package init(_ entry: ConfigurationNode) throws(ConfigurationNode.Fault) {
        let kind = try entry.member("groupVersionKind")
        let group = try kind?.member("group")?.text() ?? ""
        guard !group.isEmpty, group != "*" else {
            throw ConfigurationNode.Fault((kind ?? entry).complaint("groupVersionKind needs a group, which may not be '*'"))
        }
        self.init(
            group: group, version: try kind?.member("version")?.text() ?? "", kind: try kind?.member("kind")?.text() ?? "")
    }

    /// What a custom resource configuration is about. Resources that cannot be read are left out.
    ///
    /// - Throws: for what is no YAML, or has no list of resources where one belongs.
    package static func all(inConfiguration yaml: String) throws(ConfigurationError) -> [CustomResourceSelector] {
        try ConfigurationNode.resources(of: yaml).compactMap { try? CustomResourceSelector($0) }
    }
}

extension ConfigurationNode {
    /// The elements of `spec.resources` of a custom resource configuration.
    package static func resources(of yaml: String) throws(ConfigurationError) -> [ConfigurationNode] {
        let root = try ConfigurationNode(yaml)
        do throws(Fault) {
            return try root.member("spec")?.member("resources")?.elements() ?? []
        } catch {
            throw ConfigurationError(line: error.complaint.line, reason: "\(error.complaint.place): \(error.complaint.reason)")
        }
    }
}
