import KubernetesObjects

private typealias StorageClassFamily = MetricFamily<StorageClass>

let storageClassFamilies: [MetricFamily<StorageClass>] = [
    StorageClassFamily(
        "kube_storageclass_info", .stable,
        "What makes the volumes of the class, when it binds them, and what becomes of them once they are released."
    ) { storageClass, out in
        out.info { label in
            label("provisioner", storageClass.provisioner)
            // What API servers fill in.
            label("reclaim_policy", storageClass.reclaimPolicy, absent: "Delete")
            label("volume_binding_mode", storageClass.volumeBindingMode, absent: "Immediate")
        }
    },
    .created("kube_storageclass_created"),
    .annotations("kube_storageclass_annotations"),
    .labels("kube_storageclass_labels"),
]

extension SampleLabels {
    fileprivate mutating func callAsFunction(_ name: String, _ text: Text?, absent: StaticString) {
        if let text { self(name, text) } else { self(name, Text.literal(absent)) }
    }
}
