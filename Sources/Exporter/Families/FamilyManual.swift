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
        return ([preamble, guide] + sections + [own, states]).joined(separator: "\n")
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

    private static let guide = """
        ## Labels without joins

        `--metric-labels-on 'kube_pod_.*=[team,namespace:team,owner:team]'` puts labels of an object, of its namespace and of its owner on
        the object's series, so that a query needs no join with `kube_pod_labels`:

        ```
        kube_pod_status_phase{namespace="shop",pod="web-0",uid="…",label_team="till",owner_label_team="till",phase="Running"} 1
        ```

        | whose label | key | its name on series |
        | --- | --- | --- |
        | the object's own | `team` | `label_team` |
        | its namespace's; on `kube_namespace_*` the namespace's own | `namespace:team` | `namespace_label_team` |
        | that of the object that controls it: of a Deployment's pod, the ReplicaSet's | `controller:team` | `controller_label_team` |
        | that of the last controller in the row: of a Deployment's pod, the Deployment's; of a CronJob's, the CronJob's | `owner:team` | `owner_label_team` |

        - Left of `=[` stands a regular expression that matches the whole name of a family. Entries add up, with commas between or by giving
          the option again; in the options file (`--config`) it is `metric_labels_on: {"kube_pod_.*": [team, "owner:team"]}`.
        - Names are cleaned as those of `kube_*_labels` are; keys that become one name are numbered as there (`_conflict1`). No family has
          a label of its own that begins so but for `kube_*_labels`, which get the labels of namespaces and owners only.
        - A label that an object has not, or that is empty, is absent from its series.
        - All series that a family has of an object have the same labels. Families of usage (`mizzen_pod_*`) get them too, those of custom
          resources none.
        - Controllers are followed from pods (ReplicaSets and their Deployments, Jobs and their CronJobs, StatefulSets, DaemonSets,
          ReplicationControllers, and nodes for static pods), ReplicaSets, Jobs, persistent volume claims (StatefulSets) and endpoint slices
          (services). A row ends at the last one that is known: of the pods of a custom resource with ReplicaSets, at those.
        - Namespaces and controllers are taken from the stream, also where `--resources` leaves them out, and by each shard whole; their own
          metrics are then not served. Until they are whole, scrapes of what shows them get 503. The watcher has to carry them.
        - When a namespace or a controller changes, the objects that show it have the new labels in the next scrape.
          `mizzen_exporter_relabelled_objects_total` counts them. For Prometheus another label makes another series.

        ## Limits

        `--series-limit 'kube_pod_container_info=200000,kube_pod_info=100000'` leaves a family out of scrapes as long as it has more series
        than that: all of its series, and no other's. The HELP and TYPE lines stay. It comes back when it has a tenth less than the limit. In the
        options file: `series_limit: {kube_pod_info: 100000}`. Each exporter counts what it serves itself, a shard its share.

        The log has a line when a family is cut and when it is back, and the telemetry port, for each family with a limit,
        `mizzen_exporter_series_limit`, `mizzen_exporter_series` (how many it has or would have) and `mizzen_exporter_series_cut`, for an alert:
        `mizzen_exporter_series_cut == 1`. `mizzen-exporter cost` shows which labels make a family large, and proposes limits.

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
