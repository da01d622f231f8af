import Testing

@testable import DeltaStream

@Suite("Samples")
struct NodeSampleTests {
    private static let bare = NodeSample(
        node: "n", collector: "c", scrapedAt: 1, usage: Reading(cpuSecondsTotal: 2, cpuTime: 3, memoryWorkingSetBytes: 4, memoryTime: 5),
        containers: [ContainerReading(namespace: "a", pod: "b", container: "c", reading: Reading(startTime: 6))],
        pods: [PodReading(namespace: "a", pod: "b", reading: Reading(memoryWorkingSetBytes: 7))])

    /// What earlier collectors have written of ``bare``.
    private static let written: [UInt8] = [
        0x08, 1,  // version
        0x12, 1, 0x6E, 0x1A, 1, 0x63,  // node, collector
        0x21, 1, 0, 0, 0, 0, 0, 0, 0,  // scraped_at
        0x32, 22,  // usage: CPU, its time, memory, its time
        0x09, 0, 0, 0, 0, 0, 0, 0, 0x40, 0x10, 6, 0x19, 0, 0, 0, 0, 0, 0, 0x10, 0x40, 0x20, 10,
        0x3A, 20,  // a container: namespace, pod, name, reading with a start time
        0x0A, 1, 0x61, 0x12, 1, 0x62, 0x1A, 1, 0x63, 0x22, 9, 0x29, 0, 0, 0, 0, 0, 0, 0x18, 0x40,
        0x42, 17,  // a pod: namespace, name, reading with memory
        0x0A, 1, 0x61, 0x12, 1, 0x62, 0x1A, 9, 0x19, 0, 0, 0, 0, 0, 0, 0x1C, 0x40,
    ]

    private static let disk = FileSystemReading(
        usedBytes: 1, availableBytes: 2, capacityBytes: .max, inodesUsed: 4, inodesFree: 0, inodes: 6)
    private static let summary = NodeSummary(
        startTime: 1.5, network: NetworkReading(time: -1, interface: "ens3", receivedBytes: .max, transmittedBytes: 0, receiveErrors: 1),
        fileSystem: disk, imageFileSystem: FileSystemReading(usedBytes: 9), containerFileSystem: FileSystemReading(inodes: 1),
        pods: [
            PodSummary(namespace: "a", pod: "b"),
            PodSummary(
                namespace: "a", pod: "c", startTime: 7, network: NetworkReading(transmitErrors: 3), ephemeralStorage: disk,
                containers: [ContainerSummary(container: "x", root: disk), ContainerSummary(container: "y", logs: disk)],
                volumes: [
                    VolumeSummary(name: "data", claim: "data-0", fileSystem: disk),
                    VolumeSummary(name: "tmp", fileSystem: FileSystemReading()),
                ]),
        ])

    private func encoded(_ sample: NodeSample) -> [UInt8] {
        var frame = ZeroMQFrame()
        sample.encode(into: &frame)
        return frame.bytes
    }

    private func decoded(_ bytes: [UInt8]) throws(EnvelopeError) -> NodeSample {
        var frame = ZeroMQFrame()
        frame.fill(bytes)
        return try unsafe frame.decode { bytes throws(EnvelopeError) in try unsafe NodeSample(bytes) }
    }

    @Test("a sample without what is new is written as it always was")
    func unchanged() throws {
        #expect(encoded(Self.bare) == Self.written)
        #expect(try decoded(Self.written) == Self.bare)
    }

    @Test("a summary comes behind all that earlier subscribers know, as a field that they pass over")
    func additive() throws {
        var sample = Self.bare
        sample.summary = Self.summary
        let bytes = encoded(sample)
        #expect(bytes.starts(with: Self.written) && bytes[Self.written.count] == 9 << 3 | 2)
        sample.summary = NodeSummary(failure: "answered 404")
        #expect(encoded(sample) == Self.written + [9 << 3 | 2, 14, 0x0A, 12] + Array("answered 404".utf8))
    }

    @Test("a sample decodes to what was encoded")
    func roundTrip() throws {
        for summary in [Self.summary, NodeSummary(failure: "no"), NodeSummary()] {
            var sample = Self.bare
            sample.summary = summary
            sample.usage?.swapUsageBytes = 0
            sample.containers[0].reading.swapUsageBytes = 4096
            #expect(try decoded(encoded(sample)) == sample)
        }
    }
}
