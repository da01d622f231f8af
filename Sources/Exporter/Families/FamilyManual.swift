import KubernetesObjects

/// The registry as a text to read: `mizzen-exporter families`.
enum FamilyManual {
    /// A line for each family, in the order of an exposition: name, tab, help.
    static var plain: String {
        let families =
            FamilyRegistry.all.flatMap(\.families) + usage.flatMap(\.families) + [KeptExposition.age] + podStateFamilies.map(\.description)
        return families.map { "\($0.name)\t\($0.help)\n" }.joined()
    }

    /// docs/object-metrics.md.
    static var markdown: String {
        // The core group has the empty name, and so comes first.
        let groups = Set(FamilyRegistry.all.map(\.resource.group)).sorted()
        let sections = groups.map { group in
            let resources = FamilyRegistry.all.filter { $0.resource.group == group }
            return "## \(group.isEmpty ? "core" : group)\n\n" + resources.map(section).joined(separator: "\n")
        }
        let own =
            "## Mizzen's own\n\n" + usagePreamble
            + usage.map { "### \($0.title)\n\n" + table($0.families) }.joined(separator: "\n")
            + "\n### age of what was kept\n\nOnly with `--keep`, after a restart until everything is here again.\n\n"
            + table([KeptExposition.age])
        return ([preamble] + sections + [own, states]).joined(separator: "\n")
    }

    private static let preamble = """
        # Object metrics

        `mizzen-exporter families --markdown` prints this page, and a test compares the two.

        Each `kube_*` family has the name, type, stability and labels that it has in kube-state-metrics 2.20. Scrapers are shown the
        types info and stateset as such in OpenMetrics, and as gauges in the other formats. Names and labels of stable families do not
        change. Families that are opt-in are served when `--metric-opt-in-list` names them.

        """

    private static let usagePreamble = """
        From collectors that `--samples` names. Network, file systems, volumes, ephemeral storage and the start of nodes and pods are there
        where collectors ask for them (`--summary`); docs/operations.md says what that costs.


        """

    private static let usage: [(title: String, families: [FamilyDescription])] = [
        ("usage of nodes", nodeUsageFamilies.map(\.description)), ("usage of pods", podUsageFamilies.map(\.description)),
    ]

    private static let states =
        """
        ### states that pods have passed through

        Counted from every change of a pod, whether a scrape meets it or not, by namespace, `owner_kind` and `owner_name`: the controller at the top,
        a Deployment or CronJob where the pod tells, and empty for a pod without one. Of containers also `container` and `container_type`
        (`container`, `init`, `ephemeral`; sidecars are `init`). docs/operations.md says what is counted, and what of it survives a restart.


        """ + table(podStateFamilies.map(\.description))

    private static func section(of resource: ResourceFamilies) -> String {
        let name = resource.resource.plural
        let isDefault = FamilyRegistry.defaultResources.contains(name)
        return "### \(name)\n\n" + (isDefault ? "" : "Only served when `--resources` names them.\n\n") + table(resource.families)
    }

    private static func table(_ families: [FamilyDescription]) -> String {
        "| family | type | stability | opt-in | what it says |\n| --- | --- | --- | --- | --- |\n"
            + families.map { family in
                let help = family.help.replacing("|", with: "\\|")
                let optIn = family.isOptIn ? "yes" : ""
                return "| `\(family.name)` | \(family.type) | \(family.stability) | \(optIn) | \(help) |\n"
            }.joined()
    }
}
