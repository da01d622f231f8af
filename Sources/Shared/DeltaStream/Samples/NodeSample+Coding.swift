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
        // The same message goes on, which may come in pieces (protobuf's encoding, "Last One Wins": what is parsed one behind the other is merged).
        let rest = unsafe arena.message(mizzen__stream__node_sample__init)
        if let position {
            unsafe rest.pointee.has_run = 1
            unsafe rest.pointee.run = position.run
            unsafe rest.pointee.has_sequence = 1
            unsafe rest.pointee.sequence = position.sequence
        }
        if let summary { unsafe rest.pointee.summary = summary.message(in: &arena) }
        let readings = packedReadings()
        // Safe: protobuf-c writes exactly as many bytes as it said it would, and the buffer has room for the three pieces.
        let (first, last) = unsafe (
            protobuf_c_message_get_packed_size(&message.pointee.base), protobuf_c_message_get_packed_size(&rest.pointee.base)
        )
        unsafe frame.fill(first + readings.count + last) { target in
            guard let start = unsafe target.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
            _ = unsafe protobuf_c_message_pack(&message.pointee.base, start)
            unsafe UnsafeMutableRawBufferPointer(rebasing: target[first...]).copyBytes(from: readings)
            _ = unsafe protobuf_c_message_pack(&rest.pointee.base, start + first + readings.count)
        }
    }

    /// Containers and pods: nearly all of a sample, in a thousand parts, each of which protobuf-c wants as a structure of its own first.
    private func packedReadings() -> [UInt8] {
        var writer = ProtobufFieldWriter(capacity: containers.count * 144 + pods.count * 112)
        for container in containers {
            let reading = container.reading.packedSize
            let names =
                ProtobufFieldWriter.size(ofText: container.namespace) + ProtobufFieldWriter.size(ofText: container.pod)
                + ProtobufFieldWriter.size(ofText: container.container)
            writer.message(7, size: names + ProtobufFieldWriter.size(ofMessage: reading))
            writer.text(1, container.namespace)
            writer.text(2, container.pod)
            writer.text(3, container.container)
            writer.message(4, size: reading)
            container.reading.pack(into: &writer)
        }
        for pod in pods {
            let reading = pod.reading.packedSize
            writer.message(
                8,
                size: ProtobufFieldWriter.size(ofText: pod.namespace) + ProtobufFieldWriter.size(ofText: pod.pod)
                    + ProtobufFieldWriter.size(ofMessage: reading))
            writer.text(1, pod.namespace)
            writer.text(2, pod.pod)
            writer.message(3, size: reading)
            pod.reading.pack(into: &writer)
        }
        return writer.bytes
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
    fileprivate var packedSize: Int {
        ProtobufFieldWriter.size(of: cpuSecondsTotal) + ProtobufFieldWriter.size(of: cpuTime)
            + ProtobufFieldWriter.size(of: memoryWorkingSetBytes)
            + ProtobufFieldWriter.size(of: memoryTime) + ProtobufFieldWriter.size(of: startTime)
            + ProtobufFieldWriter.size(of: swapUsageBytes)
    }

    fileprivate func pack(into writer: inout ProtobufFieldWriter) {
        writer.double(1, cpuSecondsTotal)
        writer.signed(2, cpuTime)
        writer.double(3, memoryWorkingSetBytes)
        writer.signed(4, memoryTime)
        writer.double(5, startTime)
        writer.double(6, swapUsageBytes)
    }

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
