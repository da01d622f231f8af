import DeltaStream
import KubernetesObjects
import ProcessRuntime

/// What a command line asks for, checked as a whole.
struct ExporterConfiguration: Sendable {
    /// In the order in which they are shown.
    var renderers: [ResourceRenderer] = []
    /// What of the options has no effect, and why.
    var warnings: [String] = []
    var topics: [TopicFilter] = []
    /// Of the objects that are served; others may come, for their labels.
    var buckets: BucketSet
    /// Labels that stand on series; nil: none.
    var labels: LabelPlan?
    var limits: SeriesLimits
    var deniedNamespaces: Set<String> = []
    var shard = 0
    var totalShards = 1
    /// The families of usage that are served.
    var nodeUsage: FamilySet<NodeUsage>
    var podUsage: FamilySet<PodUsage>
    /// Which pods' states are counted; nil where none of the families that say so is served.
    var states: StateSelection?
    /// What of custom resources is served, if any.
    var customs: CustomResourceService.Selection

    /// - Throws: 64, naming the flag and what it expects.
    init(_ command: ExporterCommand, division: Division? = nil) throws(ProcessError) {
        try self.init(
            command.selection, servesOnlyCustoms: command.customs.customResourceStateOnly, hasCustoms: command.customs.source() != nil,
            division: division)
    }

    /// - Parameters:
    ///   - servesOnlyCustoms: custom resources and nothing else.
    ///   - hasCustoms: whether there may be families of custom resources.
    ///   - division: comes before the options' share.
    /// - Throws: 64, naming the flag and what it expects.
    init(
        _ options: SelectionOptions, servesOnlyCustoms: Bool = false, hasCustoms: Bool = false, division: Division? = nil
    ) throws(ProcessError) {
        if division == nil { try Self.check(shard: options.shard, of: options.totalShards) }
        let division = division ?? Division(index: options.shard, total: options.totalShards)
        (shard, totalShards, buckets) = (division.index, division.total, division.buckets)
        limits = try SeriesLimits(options.seriesLimit, known: hasCustoms ? nil : FamilyRegistry.names)
        let filter = try FamilyFilter(
            allowList: Self.items(options.metricAllowlist), denyList: Self.items(options.metricDenylist),
            optInList: Self.items(options.metricOptInList))
        let wanted = Self.items(options.resources)
        if !options.node.isEmpty, let other = wanted.first(where: { $0 != "pods" }) {
            throw ProcessError(
                code: ExitStatus.usage, message: "only pods can be selected by node, not \(other); add --resources=pods",
                place: "--node")
        }
        let resources = servesOnlyCustoms ? [] : try Self.resources(wanted)
        let allowedLabels = try Self.allowLists(options.metricLabelsAllowlist, "--metric-labels-allowlist", &warnings)
        let annotations = try Self.allowLists(
            options.metricAnnotationsAllowlist, "--metric-annotations-allowlist", &warnings)
        let nodes: NodeSelection =
            options.trackUnscheduledPods ? .none : options.node.isEmpty ? .all : .named(options.node)
        for families in resources {
            let context = FamilyContext(
                labels: MetadataAllowList(patterns: allowedLabels["*"] ?? allowedLabels[families.resource.plural] ?? []),
                annotations: MetadataAllowList(patterns: annotations["*"] ?? annotations[families.resource.plural] ?? []))
            renderers.append(families.renderer(filter, context: context, nodes: nodes))
        }
        nodeUsage = FamilySet(nodeUsageFamilies, filter: filter)
        podUsage = FamilySet(podUsageFamilies, filter: filter)
        deniedNamespaces = Set(Self.items(options.namespacesDenylist))
        let namespaces = Self.items(options.namespaces)
        topics = Self.topics(resources.map(\.resource), namespaces: namespaces, buckets: division.buckets)
        let usage: [Resource: [FamilyDescription]] = [.nodes: nodeUsage.descriptions, .pods: podUsage.descriptions]
        labels = try LabelPlan(
            options.metricLabelsOn,
            served: renderers.map { .init(resource: $0.resource, families: $0.families, usage: usage[$0.resource] ?? []) },
            warnings: &warnings)
        // A controller may be in another shard's bucket.
        if let labels { topics += Self.topics(labels.followed, namespaces: namespaces, buckets: .all) }
        states = StateSelection(
            FamilySet(podStateFamilies, filter: filter), buckets: division.buckets,
            .init(namespaces: Set(namespaces), deniedNamespaces: deniedNamespaces, nodes: nodes),
            servesPods: resources.contains { $0.resource == .pods })
        let families = renderers.flatMap(\.families) + nodeUsage.descriptions + podUsage.descriptions + podStateFamilies.map(\.description)
        customs = CustomResourceService.Selection(
            filter: filter, namespaces: namespaces, deniedNamespaces: deniedNamespaces,
            buckets: division.buckets, taken: Set(families.map(\.name)))
        for family in limits.limits.keys.sorted() where FamilyRegistry.names.contains(family) && !customs.taken.contains(family) {
            warnings.append("--series-limit: '\(family)' is not served, so there is nothing to limit")
        }
    }

    /// The entries of comma lists, without blanks and empty ones, each once.
    static func items(_ lists: [String]) -> [String] {
        var seen: Set<String> = []
        return lists.flatMap { $0.split(separator: ",").map { String($0).trimmed } }
            .filter { !$0.isEmpty && seen.insert($0).inserted }
    }

    private static func check(shard: Int, of total: Int) throws(ProcessError) {
        guard (1...Topic.bucketCount).contains(total) else {
            throw ProcessError(
                code: ExitStatus.usage, message: "expected 1 to \(Topic.bucketCount) shards, not \(total)",
                place: "--total-shards")
        }
        guard shard < total else {
            throw ProcessError(
                code: ExitStatus.usage, message: "expected 0 to \(total - 1) with --total-shards=\(total), not \(shard)",
                place: "--shard")
        }
    }

    /// - Throws: 64 for one that does not exist, as kube-state-metrics does.
    private static func resources(_ wanted: [String]) throws(ProcessError) -> [ResourceFamilies] {
        let names = wanted.isEmpty ? FamilyRegistry.defaultResources : wanted
        let known = FamilyRegistry.all.map(\.resource.plural)
        if let unknown = names.first(where: { !known.contains($0) }) {
            throw ProcessError(
                code: ExitStatus.usage,
                message: "there is no resource '\(unknown)'; there are \(known.sorted().joined(separator: ", "))",
                place: "--resources")
        }
        return FamilyRegistry.all.filter { names.contains($0.resource.plural) }
    }

    /// A resource that does not exist is no reason to serve nothing: manifests in the field name some (`poddisruptionbudget`).
    private static func allowLists(
        _ text: String?, _ flag: String, _ warnings: inout [String]
    ) throws(ProcessError) -> [String: [String]] {
        let lists = try AllowListSyntax.parse(text ?? "", flag: flag)
        let known = Set(FamilyRegistry.all.map(\.resource.plural))
        for name in lists.keys.sorted() where name != "*" && !known.contains(name) {
            warnings.append("\(flag): there is no resource '\(name)'; write plurals in lower case, as in pods or deployments")
        }
        return lists
    }

    private static func topics(
        _ resources: [Resource], namespaces: [String], buckets: BucketSet
    ) -> [TopicFilter] {
        resources.flatMap { resource in
            // Objects without a namespace are served whatever namespaces are asked for.
            resource.isNamespaced && !namespaces.isEmpty
                ? namespaces.map { TopicFilter(resource, buckets: buckets, namespace: $0) }
                : [TopicFilter(resource, buckets: buckets)]
        }
    }
}
