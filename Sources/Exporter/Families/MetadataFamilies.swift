import KubernetesObjects

/// Rows that every resource has, from the object's metadata.
extension MetricFamily where Object: KubernetesObject & ~Escapable {
    static func created(_ name: String) -> Self {
        Self(name, .stable, "When the object was created, in seconds since 1970.") { object, out in
            out.time(object.metadata.creationTimestamp)
        }
    }

    static func deleted(_ name: String) -> Self {
        Self(name, .alpha, "When the object is to be gone after a request to delete it, in seconds since 1970.") {
            object, out in
            out.time(object.metadata.deletionTimestamp)
        }
    }

    static func labels(_ name: String) -> Self {
        Self(name, .stable, "The labels of the object that --metric-labels-allowlist allows, each as a label.") {
            object, context, out in
            guard !context.labels.isEmpty else { return }
            out.sample(1, labels: MetadataLabels.make(context.labels.allowed(object.metadata.labels), prefix: "label"))
        }
    }

    static func annotations(_ name: String) -> Self {
        Self(name, .alpha, "The annotations of the object that --metric-annotations-allowlist allows, each as a label.") {
            object, context, out in
            guard !context.annotations.isEmpty else { return }
            let allowed = context.annotations.allowed(object.metadata.annotations)
            out.sample(1, labels: MetadataLabels.make(allowed, prefix: "annotation"))
        }
    }
}
