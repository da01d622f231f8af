import DeltaStream

/// What kubelets say in `/stats/summary`, from collectors that ask for it.
let nodeSummaryFamilies: [MetricFamily<NodeUsage>] =
    [
        MetricFamily(
            "mizzen_node_stats_error", .alpha,
            "Whether the kubelet gave no /stats/summary at its newest scrape; absent where no collector asks for it."
        ) { node, out in
            if let summary = node.summary { out.flag(summary.failure != nil) }
        },
        MetricFamily(
            "mizzen_node_start_time_seconds", .alpha, "When the node was started, as its kubelet says, in seconds since 1970."
        ) { node, out in
            if let start = node.summary?.startTime { out.sample(start) }
        },
    ] + MetricFamily.network("mizzen_node", of: "the node") { $0.summary?.network }
    + MetricFamily.fileSystem(
        "mizzen_node_filesystem", taker: "what lies on the node's file system (of imagefs: images)",
        place: "the node's file system: nodefs, imagefs or containerfs"
    ) { node, show in
        show(node.summary?.fileSystem, [("filesystem", "nodefs")])
        show(node.summary?.imageFileSystem, [("filesystem", "imagefs")])
        show(node.summary?.containerFileSystem, [("filesystem", "containerfs")])
    }

let podSummaryFamilies: [MetricFamily<PodUsage>] =
    [
        MetricFamily(
            "mizzen_pod_start_time_seconds", .alpha,
            "When the pod's sandbox was made, as its kubelet says, in seconds since 1970."
        ) { pod, out in
            if let start = pod.summary?.startTime { out.sample(start) }
        }
    ] + MetricFamily.network("mizzen_pod", of: "the pod") { $0.summary?.network }
    + MetricFamily.fileSystem(
        "mizzen_pod_ephemeral_storage", taker: "the pod's writable layers, logs and emptyDir volumes",
        place: "the node's file system on which the pod's ephemeral storage lies", placeIsShared: true
    ) { pod, show in show(pod.summary?.ephemeralStorage, []) }
    + MetricFamily.fileSystem(
        "mizzen_pod_volume", taker: "what is in the pod's volume", place: "the pod's volume or the file system on which it lies"
    ) { pod, show in
        for volume in pod.summary?.volumes ?? [] {
            show(volume.fileSystem, [("volume", volume.name), ("persistentvolumeclaim", volume.claim ?? "")])
        }
    }
    + MetricFamily.fileSystem(
        "mizzen_container_filesystem", taker: "the container's writable layer (rootfs) or its logs",
        place: "the node's file system on which the container's writable layer or its logs lie", placeIsShared: true
    ) { pod, show in
        for container in pod.summary?.containers ?? [] {
            show(container.root, [("container", container.container), ("filesystem", "rootfs")])
            show(container.logs, [("container", container.container), ("filesystem", "logs")])
        }
    }

extension MetricFamily {
    /// The counters of something's default interface.
    /// - Parameters:
    ///   - prefix: of the names.
    ///   - subject: for the help texts.
    fileprivate static func network(
        _ prefix: String, of subject: String, _ reading: @escaping @Sendable (Object) -> NetworkReading?
    ) -> [Self] {
        let rows: [(name: String, help: String, value: @Sendable (NetworkReading) -> UInt64?)] = [
            ("receive_bytes", "Bytes that the default interface of \(subject) has received.", { $0.receivedBytes }),
            ("transmit_bytes", "Bytes that the default interface of \(subject) has sent.", { $0.transmittedBytes }),
            ("receive_errors", "Errors of the default interface of \(subject) in receiving.", { $0.receiveErrors }),
            ("transmit_errors", "Errors of the default interface of \(subject) in sending.", { $0.transmitErrors }),
        ]
        return rows.map { row in
            Self("\(prefix)_network_\(row.name)_total", .alpha, type: .counter, row.help) { object, out in
                guard let reading = reading(object), let count = row.value(reading) else { return }
                out.sample(Double(count), labels: reading.interface.map { [("interface", $0)] } ?? [])
            }
        }
    }

    /// Bytes and inodes of file systems.
    /// - Parameters:
    ///   - taker: what they are used by, for the help texts.
    ///   - place: what they are of, for the help texts.
    ///   - placeIsShared: the place is the node's and its figures are the same for many, so they are shown only on request.
    ///   - each: calls its second argument with each reading and the labels that tell it from the others.
    fileprivate static func fileSystem(
        _ prefix: String, taker: String, place: String, placeIsShared: Bool = false,
        each: @escaping @Sendable (Object, _ show: (FileSystemReading?, [(String, String)]) -> Void) -> Void
    ) -> [Self] {
        let rows: [(name: String, isOfPlace: Bool, help: String, value: @Sendable (FileSystemReading) -> UInt64?)] = [
            ("used_bytes", false, "Bytes taken by \(taker).", { $0.usedBytes }),
            ("available_bytes", true, "Available bytes of \(place).", { $0.availableBytes }),
            ("capacity_bytes", true, "All bytes of \(place).", { $0.capacityBytes }),
            ("inodes_used", false, "Inodes taken by \(taker).", { $0.inodesUsed }),
            ("inodes_free", true, "Free inodes of \(place).", { $0.inodesFree }),
            ("inodes", true, "All inodes of \(place).", { $0.inodes }),
        ]
        return rows.map { row in
            Self("\(prefix)_\(row.name)", .alpha, isOptIn: placeIsShared && row.isOfPlace, row.help) { object, out in
                each(object) { reading, labels in
                    if let count = reading.flatMap(row.value) { out.sample(Double(count), labels: labels) }
                }
            }
        }
    }
}
