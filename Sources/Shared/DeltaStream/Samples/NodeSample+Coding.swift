import CProtobufC
import CSchemas

extension NodeSample {
    func encode(into frame: inout ZeroMQFrame, at position: SamplePosition? = nil) {
        var arena = EnvelopeArena()
        // Safe: all memory is the arena's, which outlives `pack`.
        let message = unsafe arena.message(mizzen__stream__node_sample__init)
        unsafe message.pointee.has_version = 1
        unsafe message.pointee.version = envelopeVersion
        unsafe message.pointee.node = arena.text(node)
        unsafe message.pointee.collector = arena.text(collector)
        unsafe message.pointee.has_scraped_at = 1
        unsafe message.pointee.scraped_at = scrapedAt
        if let failure { unsafe message.pointee.failure = arena.text(failure) }
        if let usage { unsafe message.pointee.usage = usage.message(in: &arena) }
        let containers = unsafe containers.map { container in
            let part = unsafe arena.message(mizzen__stream__container_sample__init)
            unsafe part.pointee.namespace_ = arena.text(container.namespace)
            unsafe part.pointee.pod = arena.text(container.pod)
            unsafe part.pointee.container = arena.text(container.container)
            unsafe part.pointee.reading = container.reading.message(in: &arena)
            return unsafe part
        }
        unsafe message.pointee.n_containers = containers.count
        unsafe message.pointee.containers = arena.pointers(containers)
        let pods = unsafe pods.map { pod in
            let part = unsafe arena.message(mizzen__stream__pod_sample__init)
            unsafe part.pointee.namespace_ = arena.text(pod.namespace)
            unsafe part.pointee.pod = arena.text(pod.pod)
            unsafe part.pointee.reading = pod.reading.message(in: &arena)
            return unsafe part
        }
        unsafe message.pointee.n_pods = pods.count
        unsafe message.pointee.pods = arena.pointers(pods)
        if let position {
            unsafe message.pointee.has_run = 1
            unsafe message.pointee.run = position.run
            unsafe message.pointee.has_sequence = 1
            unsafe message.pointee.sequence = position.sequence
        }
        if let summary { unsafe message.pointee.summary = summary.message(in: &arena) }
        unsafe frame.pack(&message.pointee.base)
    }

    init(_ bytes: UnsafeRawBufferPointer) throws(EnvelopeError) {
        var position: SamplePosition?
        try unsafe self.init(bytes, position: &position)
    }

    /// - Parameter position: becomes what the message says of it, if it says so.
    init(_ bytes: UnsafeRawBufferPointer, position: inout SamplePosition?) throws(EnvelopeError) {
        let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        guard let message = unsafe mizzen__stream__node_sample__unpack(nil, bytes.count, start) else {
            throw .unparsable
        }
        // Safe: unpacked by protobuf-c, freed here once; absent texts and messages are nil, counts are those of the arrays.
        defer { unsafe mizzen__stream__node_sample__free_unpacked(message, nil) }
        let fields = unsafe message.pointee
        try unsafe EnvelopeDecoder.check(version: fields.version)
        var sample = NodeSample(
            node: try unsafe EnvelopeDecoder.text(fields.node, "node"),
            collector: try unsafe EnvelopeDecoder.text(fields.collector, "collector"),
            scrapedAt: unsafe fields.scraped_at)
        if unsafe fields.failure != nil {
            sample.failure = try unsafe EnvelopeDecoder.text(fields.failure, "failure")
        }
        position = nil
        if unsafe fields.has_run != 0, unsafe fields.has_sequence != 0 {
            position = unsafe SamplePosition(run: fields.run, sequence: fields.sequence)
        }
        sample.usage = unsafe Reading(fields.usage)
        for index in 0..<(unsafe fields.n_containers) {
            guard let part = unsafe fields.containers[index]?.pointee else { throw .badField("containers") }
            sample.containers.append(
                ContainerReading(
                    namespace: try unsafe EnvelopeDecoder.text(part.namespace_, "containers.namespace"),
                    pod: try unsafe EnvelopeDecoder.text(part.pod, "containers.pod"),
                    container: try unsafe EnvelopeDecoder.text(part.container, "containers.container"),
                    reading: unsafe Reading(part.reading) ?? Reading()))
        }
        for index in 0..<(unsafe fields.n_pods) {
            guard let part = unsafe fields.pods[index]?.pointee else { throw .badField("pods") }
            sample.pods.append(
                PodReading(
                    namespace: try unsafe EnvelopeDecoder.text(part.namespace_, "pods.namespace"),
                    pod: try unsafe EnvelopeDecoder.text(part.pod, "pods.pod"),
                    reading: unsafe Reading(part.reading) ?? Reading()))
        }
        if let summary = unsafe fields.summary?.pointee { sample.summary = try unsafe NodeSummary(summary) }
        self = sample
    }
}

extension Reading {
    fileprivate func message(
        in arena: inout EnvelopeArena
    ) -> UnsafeMutablePointer<Mizzen__Stream__SampleReading> {
        // Safe: as in the sample's `encode`.
        let message = unsafe arena.message(mizzen__stream__sample_reading__init)
        unsafe message.pointee.has_cpu_seconds_total = cpuSecondsTotal == nil ? 0 : 1
        unsafe message.pointee.cpu_seconds_total = cpuSecondsTotal ?? 0
        unsafe message.pointee.has_cpu_time = cpuTime == nil ? 0 : 1
        unsafe message.pointee.cpu_time = cpuTime ?? 0
        unsafe message.pointee.has_memory_working_set_bytes = memoryWorkingSetBytes == nil ? 0 : 1
        unsafe message.pointee.memory_working_set_bytes = memoryWorkingSetBytes ?? 0
        unsafe message.pointee.has_memory_time = memoryTime == nil ? 0 : 1
        unsafe message.pointee.memory_time = memoryTime ?? 0
        unsafe message.pointee.has_start_time = startTime == nil ? 0 : 1
        unsafe message.pointee.start_time = startTime ?? 0
        unsafe message.pointee.has_swap_usage_bytes = swapUsageBytes == nil ? 0 : 1
        unsafe message.pointee.swap_usage_bytes = swapUsageBytes ?? 0
        return unsafe message
    }

    fileprivate init?(_ message: UnsafeMutablePointer<Mizzen__Stream__SampleReading>?) {
        // Safe: protobuf-c gives nil or a whole message.
        guard let fields = unsafe message?.pointee else { return nil }
        unsafe self.init(
            cpuSecondsTotal: fields.has_cpu_seconds_total != 0 ? fields.cpu_seconds_total : nil,
            cpuTime: fields.has_cpu_time != 0 ? fields.cpu_time : nil,
            memoryWorkingSetBytes: fields.has_memory_working_set_bytes != 0 ? fields.memory_working_set_bytes : nil,
            memoryTime: fields.has_memory_time != 0 ? fields.memory_time : nil,
            startTime: fields.has_start_time != 0 ? fields.start_time : nil,
            swapUsageBytes: fields.has_swap_usage_bytes != 0 ? fields.swap_usage_bytes : nil)
    }
}
