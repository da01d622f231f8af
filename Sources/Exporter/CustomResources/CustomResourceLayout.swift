import KubernetesObjects

/// Which families a custom resource configuration serves, and in which sections of the exposition they stand.
///
/// A family has one place, however many entries write it: entries that share a family are one section. So its samples stand together,
/// and under one header.
struct CustomResourceLayout: Sendable {
    struct Section: Sendable {
        /// The name that `?resources=` selects: the plural of its first kind as far as the configuration tells.
        var name: String
        var families: [FamilyDescription] = []
        var entries: [CustomResourceConfiguration.Entry] = []
        /// Families of which two objects may give the same series, by position.
        var shared: Set<Int> = []

        fileprivate var positions: [String: Int] = [:]

        func position(of family: String) -> Int? { positions[family] }
    }

    private(set) var sections: [Section] = []

    /// - Parameters:
    ///   - taken: families that somebody else writes; rules of these names are left out.
    ///   - complaints: gets what is left out.
    init(
        _ configuration: CustomResourceConfiguration, filter: FamilyFilter, taken: Set<String>,
        complaints: inout [CustomResourceConfiguration.Complaint]
    ) {
        var entries: [CustomResourceConfiguration.Entry] = []
        for entry in configuration.entries {
            var entry = entry
            entry.rules.removeAll { rule in
                guard taken.contains(rule.name) else { return !filter.admits(rule.description) }
                let about = ConfigurationComplaint(
                    place: "\(entry.selector)", reason: "\(rule.name) is a family of Kubernetes' own objects; choose another name")
                complaints.append(.init(about: about))
                return true
            }
            if !entry.rules.isEmpty { entries.append(entry) }
        }
        let ordered = entries.enumerated().sorted {
            let (one, other) = ($0.element.selector.sortKey, $1.element.selector.sortKey)
            return one == other ? $0.offset < $1.offset : one.lexicographicallyPrecedes(other)
        }.map(\.element)
        for members in Self.groups(ordered) { sections.append(Section(members)) }
    }

    /// Entries that share a family, directly or by way of others, in the order of their first.
    private static func groups(_ entries: [CustomResourceConfiguration.Entry]) -> [[CustomResourceConfiguration.Entry]] {
        var parents = Array(entries.indices)
        func root(_ index: Int) -> Int {
            var index = index
            while parents[index] != index { index = parents[index] }
            return index
        }
        var firsts: [String: Int] = [:]
        for (index, entry) in entries.enumerated() {
            for rule in entry.rules {
                guard let first = firsts[rule.name] else {
                    firsts[rule.name] = index
                    continue
                }
                let (one, other) = (root(first), root(index))
                // The lower is the parent, so that a group is known by its first entry.
                parents[max(one, other)] = min(one, other)
            }
        }
        let groups = Dictionary(grouping: entries.indices, by: root)
        return groups.keys.sorted().map { (groups[$0] ?? []).map { entries[$0] } }
    }

    /// The sections to which objects of this resource contribute.
    func sections(of resource: Resource) -> [Int] {
        sections.indices.filter { sections[$0].entries.contains { $0.selector.matches(resource) } }
    }

    func concerns(_ resource: Resource) -> Bool { !sections(of: resource).isEmpty }
}

extension CustomResourceLayout.Section {
    fileprivate init(_ entries: [CustomResourceConfiguration.Entry]) {
        name = entries.first?.plural ?? ""
        self.entries = entries
        var identities: [Int: Set<ObjectLabels?>] = [:]
        for rule in entries.flatMap(\.rules) {
            let position = positions[rule.name] ?? families.count
            if position == families.count {
                families.append(rule.description)
                positions[rule.name] = position
            } else if families[position].type != rule.type {
                // Whoever reads OpenMetrics takes the type of a family at its word; a gauge promises nothing.
                families[position] = families[position].asGauge
            }
            identities[position, default: []].insert(rule.objectLabels)
        }
        shared = Set(families.indices.filter { identities[$0]?.count != 1 || identities[$0]?.contains(nil) == true })
    }
}

/// The labels that tell the objects of one resource apart.
private struct ObjectLabels: Hashable {
    var names: [String]
}

extension CustomResourceRule {
    var description: FamilyDescription {
        FamilyDescription(name: name, stability: .alpha, type: type, isOptIn: false, help: help)
    }

    /// nil where two objects, or one object in two versions, may give the same series.
    fileprivate var objectLabels: ObjectLabels? {
        let own = eachLabels
        guard !own.hasStars, !labelsFromPath.hasStars else { return nil }
        let changed = Set(own.names).union(labelsFromPath.names).union(commonLabels.keys)
        guard changed.isDisjoint(with: CustomResourceIdentity.labels) else { return nil }
        func label(_ elements: [String]) -> String? {
            labelsFromPath.label(at: elements).flatMap { own.names.contains($0) ? nil : $0 }
        }
        if let uid = label(["metadata", "uid"]) { return ObjectLabels(names: [uid]) }
        guard let name = label(["metadata", "name"]), let namespace = label(["metadata", "namespace"]) else { return nil }
        return ObjectLabels(names: [name, namespace])
    }

    private var eachLabels: (names: [String], hasStars: Bool) {
        switch each {
        case .gauge(let gauge): (gauge.labelsFromPath.names + (gauge.labelFromKey.map { [$0] } ?? []), gauge.labelsFromPath.hasStars)
        case .info(let info): (info.labelsFromPath.names + (info.labelFromKey.map { [$0] } ?? []), info.labelsFromPath.hasStars)
        case .stateSet(let set): (set.labelsFromPath.names + [set.labelName], set.labelsFromPath.hasStars)
        }
    }
}

extension FamilyDescription {
    fileprivate var asGauge: FamilyDescription {
        FamilyDescription(name: name, stability: stability, type: .gauge, isOptIn: isOptIn, help: help)
    }
}

/// The labels that every sample of a custom resource has.
enum CustomResourceIdentity {
    static let labels: Set<String> = ["customresource_group", "customresource_version", "customresource_kind"]

    static func labels(of resource: Resource) -> [String: String] {
        [
            "customresource_group": resource.group, "customresource_version": resource.version,
            "customresource_kind": resource.kind,
        ]
    }
}
