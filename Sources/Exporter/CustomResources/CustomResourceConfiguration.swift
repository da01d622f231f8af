import KubernetesObjects

/// What a custom resource configuration asks for: kube-state-metrics' `CustomResourceStateMetrics`.
struct CustomResourceConfiguration: Sendable {
    /// The metrics of one or more kinds: an element of `spec.resources`.
    struct Entry: Sendable {
        var selector: CustomResourceSelector
        var rules: [CustomResourceRule]
        /// How `?resources=` calls it: `resourcePlural`, or what the kind suggests.
        var plural: String
    }

    /// A rule, or an entry with all of its rules, that is left out, or a name that is changed.
    struct Complaint: Hashable, Sendable {
        var about: ConfigurationComplaint
        /// Something is left out.
        var isFault = true
    }

    var entries: [Entry] = []
    var complaints: [Complaint] = []
}
