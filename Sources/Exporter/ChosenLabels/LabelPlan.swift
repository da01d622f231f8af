import KubernetesObjects
import ProcessRuntime

/// `--metric-labels-on`, worked out for what is served: which labels stand on which families, and whose objects are followed for them.
struct LabelPlan: Sendable {
    /// A label as it stands on series.
    struct Label: Hashable, Sendable {
        var source: LabelSource
        /// Its place among the keys of its source.
        var index: Int
        var name: String
    }

    /// What stands on the families of one resource.
    struct Shown: Sendable {
        /// The different lists of labels, each for some families.
        var labels: [[Label]] = []
        /// Which of them each family has, from 1; 0: none.
        var lists: [Int] = []
        /// The same for the families of the objects' usage.
        var usageLists: [Int] = []
        var sources: Set<LabelSource> = []
        /// The resources whose objects' labels stand there.
        var following: [Resource] = []
    }

    /// Those whose objects other objects name as their controllers. What is not here (custom resources; the pod of an ephemeral volume,
    /// for which each shard would have to follow all pods) gives no labels.
    static let controllers: [Resource: [Resource]] = [
        .pods: [.replicaSets, .statefulSets, .daemonSets, .jobs, .replicationControllers, .nodes],
        .replicaSets: [.deployments],
        .jobs: [.cronJobs],
        .persistentVolumeClaims: [.statefulSets],
        .endpointSlices: [.services],
    ]

    /// The families of one resource, in their order.
    struct Served {
        var resource: Resource
        var families: [FamilyDescription]
        var usage: [FamilyDescription] = []
    }

    private(set) var shown: [Resource: Shown] = [:]
    /// Of the objects that are served, and of their namespaces and controllers, the keys that are asked for.
    let objectKeys: [String]
    let namespaceKeys: [String]
    let controllerKeys: [String]

    /// - Parameters:
    ///   - lists: the values of the option.
    /// - Returns: nil where no label stands anywhere.
    /// - Throws: 64 for what cannot be read, and for a pattern that matches no family that there is.
    init?(_ lists: [String], served: [Served], warnings: inout [String]) throws(ProcessError) {
        var choices: [LabelChoice] = []
        for text in lists { choices += try LabelChoice.parse(text) }
        let known = FamilyRegistry.names
        if let unknown = choices.first(where: { choice in !known.contains { choice.concerns($0) } }) {
            throw LabelChoice.error(
                "'\(unknown.pattern)' is the name of no family from its beginning to its end; `mizzen-exporter families` lists them, "
                    + "and those of custom resources get no labels")
        }
        func keys(_ sources: LabelSource...) -> [String] {
            Set(choices.flatMap(\.keys).filter { sources.contains($0.source) }.map(\.key)).sorted()
        }
        (objectKeys, namespaceKeys, controllerKeys) = (keys(.object), keys(.namespace), keys(.controller, .owner))
        let labels = Self.labels(keys: [
            .object: objectKeys, .namespace: namespaceKeys, .controller: controllerKeys, .owner: controllerKeys,
        ])
        for served in served {
            var shown = Shown()
            shown.lists = Self.lists(of: served.families, of: served.resource, choices, labels, &shown)
            shown.usageLists = Self.lists(of: served.usage, of: served.resource, choices, labels, &shown)
            shown.following = Self.following(served.resource, shown.sources)
            if !shown.labels.isEmpty { self.shown[served.resource] = shown }
        }
        for choice in choices where !choice.keys.isEmpty && !served.contains(where: { Self.hasEffect(choice, on: $0) }) {
            warnings.append(
                "--metric-labels-on: '\(choice.pattern)' puts no label anywhere: its families are not served, show their objects' labels "
                    + "already (kube_*_labels), or their objects have no controller that is followed")
        }
        if shown.isEmpty { return nil }
    }

    /// Each label with its name on series, the same on every family: keys that become one name are numbered as those of `kube_*_labels`.
    private static func labels(keys: [LabelSource: [String]]) -> [LabelChoice.Key: Label] {
        var labels: [LabelChoice.Key: Label] = [:]
        for (source, keys) in keys {
            let names = MetadataLabels.make(Dictionary(keys.map { ($0, "") }) { first, _ in first }, prefix: source.namePrefix).map(\.0)
            let sorted = keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            for (key, name) in zip(sorted, names) {
                labels[LabelChoice.Key(source: source, key: key)] = Label(source: source, index: keys.firstIndex(of: key) ?? 0, name: name)
            }
        }
        return labels
    }

    /// - Returns: empty where none of the families has a label.
    private static func lists(
        of families: [FamilyDescription], of resource: Resource, _ choices: [LabelChoice], _ labels: [LabelChoice.Key: Label],
        _ shown: inout Shown
    ) -> [Int] {
        var lists: [Int] = []
        for family in families {
            var list: [Label] = []
            for key in choices.filter({ $0.concerns(family.name) }).flatMap(\.keys) where stands(key, on: family, of: resource) {
                if let label = labels[key], !list.contains(label) { list.append(label) }
            }
            guard !list.isEmpty else {
                lists.append(0)
                continue
            }
            if !shown.labels.contains(list) { shown.labels.append(list) }
            lists.append((shown.labels.firstIndex(of: list) ?? 0) + 1)
            shown.sources.formUnion(list.map(\.source))
        }
        return lists.contains { $0 > 0 } ? lists : []
    }

    private static func hasEffect(_ choice: LabelChoice, on served: Served) -> Bool {
        (served.families + served.usage).contains { family in
            choice.concerns(family.name) && choice.keys.contains { stands($0, on: family, of: served.resource) }
        }
    }

    /// Whether objects of the resource can have the label, and the family has it not already.
    private static func stands(_ key: LabelChoice.Key, on family: FamilyDescription, of resource: Resource) -> Bool {
        switch key.source {
        case .object: !family.showsLabels
        case .namespace: resource.isNamespaced || resource == .namespaces
        case .controller, .owner: controllers[resource] != nil
        }
    }

    private static func following(_ resource: Resource, _ sources: Set<LabelSource>) -> [Resource] {
        var following: [Resource] = sources.contains(.namespace) ? [.namespaces] : []
        var next = sources.isDisjoint(with: [.controller, .owner]) ? [] : controllers[resource] ?? []
        while !next.isEmpty {
            following += next
            next = sources.contains(.owner) ? next.flatMap { controllers[$0] ?? [] }.filter { !following.contains($0) } : []
        }
        return following
    }

    /// Every resource that is followed for its labels, whether or not its objects are served.
    var followed: [Resource] {
        var all: [Resource] = []
        for resource in FamilyRegistry.all.map(\.resource) + [.namespaces]
        where !all.contains(resource) && shown.values.contains(where: { $0.following.contains(resource) }) {
            all.append(resource)
        }
        return all
    }
}

extension FamilyDescription {
    /// `kube_*_labels`, whose samples have labels of the object as labels of the same names.
    var showsLabels: Bool { name.hasSuffix("_labels") }
}
