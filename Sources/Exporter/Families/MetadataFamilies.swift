import KubernetesObjects

/// Rows that every resource has, from the object's metadata.
extension MetricFamily where Object: KubernetesObject & ~Escapable {
    static func created(_ name: String, _ stability: Stability = .stable) -> Self {
        Self(name, stability, "When the object was created, in seconds since 1970.") { object, out in
            out.time(object.metadata.creationTimestamp)
        }
    }

    static func deleted(_ name: String, _ stability: Stability = .alpha) -> Self {
        Self(name, stability, "When the object is to be gone after a request to delete it, in seconds since 1970.") {
            object, out in
            out.time(object.metadata.deletionTimestamp)
        }
    }

    static func generation(_ name: String) -> Self {
        Self(name, .stable, "The generation of the wanted state; it grows with every change.") { object, out in
            out.sample(Double(object.metadata.generation))
        }
    }

    /// Nothing for a version that is no number.
    static func resourceVersion(_ name: String, _ stability: Stability = .alpha) -> Self {
        Self(name, stability, "The version in which the API server last stored the object, as a number.") { object, out in
            if let version = Double(object.metadata.resourceVersion.string), version.isFinite { out.sample(version) }
        }
    }

    static func owner(_ name: String, _ stability: Stability = .stable) -> Self {
        Self(name, stability, "Each owner of the object; one sample with empty labels if it has none.") { object, out in
            out.owners(of: object.metadata) { label, owner in
                label("owner_is_controller", owner.controller == true ? "true" : "false")
            } ifNone: { label in
                label("owner_is_controller", "")
            }
        }
    }

    static func labels(_ name: String, _ stability: Stability = .stable) -> Self {
        Self(name, stability, "The labels of the object that --metric-labels-allowlist allows, each as a label.") {
            object, context, out in
            guard !context.labels.isEmpty else { return }
            out.sample(1, labels: MetadataLabels.make(context.labels.allowed(object.metadata.labels), prefix: "label"))
        }
    }

    static func annotations(_ name: String, _ stability: Stability = .alpha) -> Self {
        Self(name, stability, "The annotations of the object that --metric-annotations-allowlist allows, each as a label.") {
            object, context, out in
            guard !context.annotations.isEmpty else { return }
            let allowed = context.annotations.allowed(object.metadata.annotations)
            out.sample(1, labels: MetadataLabels.make(allowed, prefix: "annotation"))
        }
    }
}

extension SampleWriter {
    /// One sample for each owner, one with empty labels for an object that has none.
    /// - Parameters:
    ///   - labels: what follows the owner's kind and name.
    ///   - ifNone: the same labels where there is no owner.
    mutating func owners(
        of metadata: Meta.ObjectMeta, _ labels: (inout SampleLabels, Meta.OwnerReference) -> Void = { _, _ in },
        ifNone: (inout SampleLabels) -> Void = { _ in }
    ) {
        let owners = metadata.ownerReferences
        if owners.isEmpty {
            info { label in
                label("owner_kind", "")
                label("owner_name", "")
                ifNone(&label)
            }
        }
        owners.forEach { owner in
            info { label in
                label("owner_kind", owner.kind)
                label("owner_name", owner.name)
                labels(&label, owner)
            }
        }
    }
}
