import CSchemas

// Each `message` is made in an arena, each `init` reads what protobuf-c has unpacked: as in ``NodeSample``'s coding.

extension NodeSummary {
    func message(in arena: inout EnvelopeArena) -> UnsafeMutablePointer<Mizzen__Stream__NodeSummary> {
        // Safe: all memory is the arena's, which outlives the message.
        let message = unsafe arena.message(mizzen__stream__node_summary__init)
        if let failure { unsafe message.pointee.failure = arena.text(failure) }
        unsafe message.pointee.has_start_time = startTime == nil ? 0 : 1
        unsafe message.pointee.start_time = startTime ?? 0
        if let network { unsafe message.pointee.network = network.message(in: &arena) }
        if let fileSystem { unsafe message.pointee.file_system = fileSystem.message(in: &arena) }
        if let imageFileSystem { unsafe message.pointee.image_file_system = imageFileSystem.message(in: &arena) }
        if let containerFileSystem { unsafe message.pointee.container_file_system = containerFileSystem.message(in: &arena) }
        let pods = unsafe pods.map { unsafe $0.message(in: &arena) }
        unsafe message.pointee.n_pods = pods.count
        unsafe message.pointee.pods = arena.pointers(pods)
        return unsafe message
    }

    init(_ fields: Mizzen__Stream__NodeSummary) throws(EnvelopeError) {
        self.init()
        // Safe: absent texts and messages are nil, counts are those of the arrays.
        if unsafe fields.failure != nil { failure = try unsafe EnvelopeDecoder.text(fields.failure, "summary.failure") }
        startTime = unsafe fields.has_start_time != 0 ? fields.start_time : nil
        network = try unsafe NetworkReading(fields.network)
        fileSystem = unsafe FileSystemReading(fields.file_system)
        imageFileSystem = unsafe FileSystemReading(fields.image_file_system)
        containerFileSystem = unsafe FileSystemReading(fields.container_file_system)
        for index in 0..<(unsafe fields.n_pods) {
            guard let part = unsafe fields.pods[index]?.pointee else { throw .badField("summary.pods") }
            pods.append(try unsafe PodSummary(part))
        }
    }
}

extension PodSummary {
    fileprivate func message(in arena: inout EnvelopeArena) -> UnsafeMutablePointer<Mizzen__Stream__PodSummary> {
        // Safe: as above.
        let message = unsafe arena.message(mizzen__stream__pod_summary__init)
        unsafe message.pointee.namespace_ = arena.text(namespace)
        unsafe message.pointee.pod = arena.text(pod)
        unsafe message.pointee.has_start_time = startTime == nil ? 0 : 1
        unsafe message.pointee.start_time = startTime ?? 0
        if let network { unsafe message.pointee.network = network.message(in: &arena) }
        if let ephemeralStorage { unsafe message.pointee.ephemeral_storage = ephemeralStorage.message(in: &arena) }
        let containers = unsafe containers.map { container in
            let part = unsafe arena.message(mizzen__stream__container_summary__init)
            unsafe part.pointee.container = arena.text(container.container)
            if let root = container.root { unsafe part.pointee.root = root.message(in: &arena) }
            if let logs = container.logs { unsafe part.pointee.logs = logs.message(in: &arena) }
            return unsafe part
        }
        unsafe message.pointee.n_containers = containers.count
        unsafe message.pointee.containers = arena.pointers(containers)
        let volumes = unsafe volumes.map { volume in
            let part = unsafe arena.message(mizzen__stream__volume_summary__init)
            unsafe part.pointee.name = arena.text(volume.name)
            if let claim = volume.claim { unsafe part.pointee.claim = arena.text(claim) }
            unsafe part.pointee.file_system = volume.fileSystem.message(in: &arena)
            return unsafe part
        }
        unsafe message.pointee.n_volumes = volumes.count
        unsafe message.pointee.volumes = arena.pointers(volumes)
        return unsafe message
    }

    fileprivate init(_ fields: Mizzen__Stream__PodSummary) throws(EnvelopeError) {
        // Safe: as above.
        self.init(
            namespace: try unsafe EnvelopeDecoder.text(fields.namespace_, "summary.pods.namespace"),
            pod: try unsafe EnvelopeDecoder.text(fields.pod, "summary.pods.pod"),
            startTime: unsafe fields.has_start_time != 0 ? fields.start_time : nil,
            network: try unsafe NetworkReading(fields.network),
            ephemeralStorage: unsafe FileSystemReading(fields.ephemeral_storage))
        for index in 0..<(unsafe fields.n_containers) {
            guard let part = unsafe fields.containers[index]?.pointee else { throw .badField("summary.pods.containers") }
            containers.append(
                ContainerSummary(
                    container: try unsafe EnvelopeDecoder.text(part.container, "summary.pods.containers.container"),
                    root: unsafe FileSystemReading(part.root), logs: unsafe FileSystemReading(part.logs)))
        }
        for index in 0..<(unsafe fields.n_volumes) {
            guard let part = unsafe fields.volumes[index]?.pointee else { throw .badField("summary.pods.volumes") }
            var volume = VolumeSummary(
                name: try unsafe EnvelopeDecoder.text(part.name, "summary.pods.volumes.name"),
                fileSystem: unsafe FileSystemReading(part.file_system) ?? FileSystemReading())
            if unsafe part.claim != nil { volume.claim = try unsafe EnvelopeDecoder.text(part.claim, "summary.pods.volumes.claim") }
            volumes.append(volume)
        }
    }
}

extension NetworkReading {
    fileprivate func message(in arena: inout EnvelopeArena) -> UnsafeMutablePointer<Mizzen__Stream__NetworkReading> {
        // Safe: as above.
        let message = unsafe arena.message(mizzen__stream__network_reading__init)
        unsafe message.pointee.has_time = time == nil ? 0 : 1
        unsafe message.pointee.time = time ?? 0
        if let interface { unsafe message.pointee.interface = arena.text(interface) }
        unsafe message.pointee.has_received_bytes = receivedBytes == nil ? 0 : 1
        unsafe message.pointee.received_bytes = receivedBytes ?? 0
        unsafe message.pointee.has_transmitted_bytes = transmittedBytes == nil ? 0 : 1
        unsafe message.pointee.transmitted_bytes = transmittedBytes ?? 0
        unsafe message.pointee.has_receive_errors = receiveErrors == nil ? 0 : 1
        unsafe message.pointee.receive_errors = receiveErrors ?? 0
        unsafe message.pointee.has_transmit_errors = transmitErrors == nil ? 0 : 1
        unsafe message.pointee.transmit_errors = transmitErrors ?? 0
        return unsafe message
    }

    fileprivate init?(_ message: UnsafeMutablePointer<Mizzen__Stream__NetworkReading>?) throws(EnvelopeError) {
        // Safe: protobuf-c gives nil or a whole message.
        guard let fields = unsafe message?.pointee else { return nil }
        unsafe self.init(
            time: fields.has_time != 0 ? fields.time : nil,
            receivedBytes: fields.has_received_bytes != 0 ? fields.received_bytes : nil,
            transmittedBytes: fields.has_transmitted_bytes != 0 ? fields.transmitted_bytes : nil,
            receiveErrors: fields.has_receive_errors != 0 ? fields.receive_errors : nil,
            transmitErrors: fields.has_transmit_errors != 0 ? fields.transmit_errors : nil)
        if unsafe fields.interface != nil { interface = try unsafe EnvelopeDecoder.text(fields.interface, "summary.network.interface") }
    }
}

extension FileSystemReading {
    fileprivate func message(in arena: inout EnvelopeArena) -> UnsafeMutablePointer<Mizzen__Stream__FileSystemReading> {
        // Safe: as above.
        let message = unsafe arena.message(mizzen__stream__file_system_reading__init)
        unsafe message.pointee.has_used_bytes = usedBytes == nil ? 0 : 1
        unsafe message.pointee.used_bytes = usedBytes ?? 0
        unsafe message.pointee.has_available_bytes = availableBytes == nil ? 0 : 1
        unsafe message.pointee.available_bytes = availableBytes ?? 0
        unsafe message.pointee.has_capacity_bytes = capacityBytes == nil ? 0 : 1
        unsafe message.pointee.capacity_bytes = capacityBytes ?? 0
        unsafe message.pointee.has_inodes_used = inodesUsed == nil ? 0 : 1
        unsafe message.pointee.inodes_used = inodesUsed ?? 0
        unsafe message.pointee.has_inodes_free = inodesFree == nil ? 0 : 1
        unsafe message.pointee.inodes_free = inodesFree ?? 0
        unsafe message.pointee.has_inodes = inodes == nil ? 0 : 1
        unsafe message.pointee.inodes = inodes ?? 0
        return unsafe message
    }

    fileprivate init?(_ message: UnsafeMutablePointer<Mizzen__Stream__FileSystemReading>?) {
        // Safe: protobuf-c gives nil or a whole message.
        guard let fields = unsafe message?.pointee else { return nil }
        unsafe self.init(
            usedBytes: fields.has_used_bytes != 0 ? fields.used_bytes : nil,
            availableBytes: fields.has_available_bytes != 0 ? fields.available_bytes : nil,
            capacityBytes: fields.has_capacity_bytes != 0 ? fields.capacity_bytes : nil,
            inodesUsed: fields.has_inodes_used != 0 ? fields.inodes_used : nil,
            inodesFree: fields.has_inodes_free != 0 ? fields.inodes_free : nil,
            inodes: fields.has_inodes != 0 ? fields.inodes : nil)
    }
}
