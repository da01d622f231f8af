import KubernetesObjects

private typealias VolumeFamily = MetricFamily<PersistentVolume>

let persistentVolumeFamilies: [MetricFamily<PersistentVolume>] = [
    VolumeFamily("kube_persistentvolume_claim_ref", .stable, "The claim that the volume is bound to, if there is one.") {
        volume, out in
        guard let claim = volume.spec.claimRef else { return }
        out.info { label in
            label("name", claim.name)
            label("claim_namespace", claim.namespace)
        }
    },
    .annotations("kube_persistentvolume_annotations"),
    .labels("kube_persistentvolume_labels"),
    VolumeFamily(
        "kube_persistentvolume_status_phase", .stable, "In which phase the volume is: 1 for that one, 0 for the others."
    ) { volume, out in
        guard !volume.status.phase.isEmpty else { return }
        out.states(["Pending", "Available", "Bound", "Released", "Failed"], now: volume.status.phase, label: "phase")
    },
    VolumeFamily(
        "kube_persistentvolume_info", .stable,
        "The storage class and the reclaim policy of the volume, and where it is kept: the labels of one kind of storage are filled."
    ) { volume, out in
        out.info { label in
            label("storageclass", volume.spec.storageClassName)
            VolumePlace(volume.spec.persistentVolumeSource).write(to: &label)
            label("reclaim_policy", volume.spec.persistentVolumeReclaimPolicy)
        }
    },
    VolumeFamily("kube_persistentvolume_capacity_bytes", .stable, "How much the volume holds; 0 if it does not say.") {
        volume, out in
        out.sample(Double((volume.spec.capacity["storage"] ?? .zero).value))
    },
    .created("kube_persistentvolume_created", .alpha),
    .deleted("kube_persistentvolume_deletion_timestamp"),
    VolumeFamily(
        "kube_persistentvolume_csi_attributes", .alpha, isOptIn: true,
        "How the driver of a CSI volume maps and mounts it, from the volume's attributes."
    ) { volume, out in
        guard let attributes = volume.spec.persistentVolumeSource.csi?.volumeAttributes else { return }
        out.info { label in
            label("csi_mounter", attributes["mounter"].orEmpty)
            label("csi_map_options", attributes["mapOptions"].orEmpty)
        }
    },
    VolumeFamily("kube_persistentvolume_volume_mode", .alpha, "Whether the volume is a file system (as when unset) or a block device.") {
        volume, out in
        if let mode = volume.spec.volumeMode {
            out.info("volumemode", mode)
        } else {
            out.info("volumemode", "Filesystem")
        }
    },
    VolumeFamily("kube_persistentvolume_access_mode", .alpha, "Each way in which nodes can mount the volume.") { volume, out in
        volume.spec.accessModes.forEach { mode in out.info("access_mode", mode) }
    },
]

/// Where a volume is kept, as label values; those of other kinds of storage are empty.
private struct VolumePlace {
    private var values: [String: String] = [:]

    /// In the order in which a sample has them.
    private static let labels = [
        "gce_persistent_disk_name", "ebs_volume_id", "azure_disk_name", "fc_wwids", "fc_lun", "fc_target_wwns",
        "iscsi_target_portal", "iscsi_iqn", "iscsi_lun", "iscsi_initiator_name", "nfs_server", "nfs_path", "csi_driver",
        "csi_volume_handle", "local_path", "local_fs", "host_path", "host_path_type",
    ]

    func write(to label: inout SampleLabels) {
        for name in Self.labels { label(name, values[name] ?? "") }
    }

    /// Kubernetes allows one kind. Of several the first counts, in this order.
    init(_ source: Core.PersistentVolumeSource) {
        if let disk = source.gcePersistentDisk {
            values["gce_persistent_disk_name"] = disk.pdName.string
        } else if let store = source.awsElasticBlockStore {
            values["ebs_volume_id"] = store.volumeID.string
        } else if let disk = source.azureDisk {
            values["azure_disk_name"] = disk.diskName.string
        } else if let channel = source.fc {
            values["fc_wwids"] = Self.list(channel.wwids)
            values["fc_lun"] = channel.lun.map(String.init)
            values["fc_target_wwns"] = Self.list(channel.targetWWNs)
        } else if let target = source.iscsi {
            values["iscsi_target_portal"] = target.targetPortal.string
            values["iscsi_iqn"] = target.iqn.string
            values["iscsi_lun"] = String(target.lun)
            values["iscsi_initiator_name"] = target.initiatorName.string
        } else if let share = source.nfs {
            values["nfs_server"] = share.server.string
            values["nfs_path"] = share.path.string
        } else if let csi = source.csi {
            values["csi_driver"] = csi.driver.string
            values["csi_volume_handle"] = csi.volumeHandle.string
        } else if let local = source.local {
            values["local_path"] = local.path.string
            values["local_fs"] = local.fsType.string
        } else if let host = source.hostPath {
            values["host_path"] = host.path.string
            values["host_path_type"] = host.type.string
        }
    }

    /// With commas, but none behind names that are empty and come first.
    private static func list(_ names: TextList) -> String {
        names.strings.reduce("") { list, name in list.isEmpty ? name : "\(list),\(name)" }
    }
}
