import Glibc
import Names
import RecordTable
import RecordTableWriter

/// The sizes that the table promises to hold.
enum FullSize {
    static let services = 10_000
    static let endpointsPerSlice = 100
    static let slicesPerService = 1
    static let pods = 150_000

    static func service(_ index: Int) -> ServiceRecord {
        ServiceRecord(
            namespace: "team-\(index % 200)", name: "service-\(index)", kind: .clusterIP, clusterIPs: [.v4(0x0A60_0000 + UInt32(index))],
            ports: [
                PortRecord(name: "http", protocol: .tcp, number: 80), PortRecord(name: "metrics", protocol: .tcp, number: 9090),
            ],
            labels: [
                "app.kubernetes.io/name": "service-\(index)", "app.kubernetes.io/part-of": "team-\(index % 200)",
                "app.kubernetes.io/managed-by": "Helm",
            ])
    }

    static func slice(_ index: Int, _ number: Int) -> EndpointSliceRecord {
        EndpointSliceRecord(
            namespace: "team-\(index % 200)", name: "service-\(index)-x\(number)", service: "service-\(index)", addressType: .ipv4,
            ports: [
                PortRecord(name: "http", protocol: .tcp, number: 8080), PortRecord(name: "metrics", protocol: .tcp, number: 9090),
            ],
            endpoints: (0..<endpointsPerSlice).map { endpoint in
                let ordinal = (index * slicesPerService + number) * endpointsPerSlice + endpoint
                return EndpointRecord(
                    addresses: [.v4(0x0B00_0000 + UInt32(ordinal))], podName: "service-\(index)-7d4b9c6f5d-\(String(ordinal, radix: 36))",
                    nodeName: "node-\(ordinal % 500).example", zone: "zone-\(ordinal % 3)", zoneHints: ["zone-\(ordinal % 3)"])
            },
            labels: [
                "kubernetes.io/service-name": "service-\(index)",
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
            ])
    }

    static func pod(_ index: Int) -> PodRecord {
        PodRecord(
            namespace: "team-\(index % 200)", name: "service-\(index % 10_000)-7d4b9c6f5d-\(String(index, radix: 36))",
            uid: "0f3c2e9a-6d1b-4c55-9f0e-\(String(100_000_000_000 + index))", addresses: [.v4(0x0B00_0000 + UInt32(index))],
            nodeName: "node-\(index % 500).example",
            labels: [
                "app.kubernetes.io/name": "service-\(index % 10_000)", "app.kubernetes.io/part-of": "team-\(index % 200)",
                "pod-template-hash": "7d4b9c6f5d",
            ])
    }

    static func relist(_ writer: TableWriter) throws {
        for index in 0..<services {
            try writer.upsert(service(index))
            for number in 0..<slicesPerService { try writer.upsert(slice(index, number)) }
        }
        for index in 0..<pods { try writer.upsert(pod(index)) }
        _ = writer.serviceNames().count + writer.sliceNames().count + writer.podNames().count
    }
}

/// Figures of this process and of files, printed one a line as `name value`.
struct Figures {
    static func print(_ name: String, _ value: Int) {
        Swift.print(name, value)
        fflush(nil)
    }

    static func milliseconds(since start: ContinuousClock.Instant) -> Int {
        let passed = (ContinuousClock.now - start).components
        return Int(passed.seconds) * 1000 + Int(passed.attoseconds / 1_000_000_000_000_000)
    }

    /// Bytes that the file system has set aside for the table's files.
    static func diskBytes(_ path: String, generation: UInt64) -> Int {
        var status = stat()
        // Safe: stat reads the terminated path and fills the structure it is given.
        return unsafe stat("\(path).\(generation)", &status) == 0 ? Int(status.st_blocks) * 512 : 0
    }

    static var minorFaults: Int {
        var usage = rusage()
        // Safe: getrusage fills the structure it is given.
        unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return Int(usage.ru_minflt)
    }

    /// The largest resident memory that is not file or shared memory cannot be told afterwards, so this is what is there now.
    static var privateKilobytes: Int {
        guard let file = unsafe fopen("/proc/self/status", "r") else { return 0 }
        // Safe: closed at the end, used by this function alone; the buffer's size is stated.
        defer { unsafe fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while unsafe fgets(&line, 256, file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if text.hasPrefix("RssAnon:") { return Int(text.split { !$0.isNumber }.first ?? "0") ?? 0 }
        }
        return 0
    }
}

/// Grows a table to full size and back, printing what it costs; the process around it has readers running meanwhile.
func fill(_ path: String) throws {
    let writer = try TableWriter(path: path, identity: "table-probe", now: 1)
    let base = writer.liveBytes
    var start = ContinuousClock.now
    for index in 0..<FullSize.services { try writer.upsert(FullSize.service(index)) }
    let services = writer.liveBytes
    Figures.print("bytes_per_service", (services - base) / FullSize.services)
    for index in 0..<FullSize.services {
        for number in 0..<FullSize.slicesPerService { try writer.upsert(FullSize.slice(index, number)) }
    }
    let slices = writer.liveBytes
    Figures.print("bytes_per_endpoint", (slices - services) / (FullSize.services * FullSize.endpointsPerSlice * FullSize.slicesPerService))
    for index in 0..<FullSize.pods { try writer.upsert(FullSize.pod(index)) }
    Figures.print("bytes_per_pod", (writer.liveBytes - slices) / FullSize.pods)
    Figures.print("fill_milliseconds", Figures.milliseconds(since: start))
    Figures.print("generations", writer.statistics.generations)
    Figures.print("endpoints", writer.counts.endpoints)
    Figures.print("live_bytes", writer.liveBytes)
    Figures.print("disk_bytes", Figures.diskBytes(path, generation: writer.generation))
    start = ContinuousClock.now
    let before = writer.statistics
    try FullSize.relist(writer)
    Figures.print("relist_milliseconds", Figures.milliseconds(since: start))
    Figures.print("relist_writes", writer.statistics.writes - before.writes + writer.statistics.removals - before.removals)
    writer.setStatus(resource: "services", resourceVersion: "1", isSynced: true, now: 1)
    writer.beat(now: 1)
}

/// Adopts a full table, changes nothing by a whole relist, and empties it.
func adopt(_ path: String, emptying: Bool) throws {
    var start = ContinuousClock.now
    let memory = Figures.privateKilobytes
    let writer = try TableWriter(path: path, identity: "table-probe", now: 2)
    Figures.print("adopt_milliseconds", Figures.milliseconds(since: start))
    Figures.print("adopt_private_kilobytes", Figures.privateKilobytes - memory)
    Figures.print("adopt_writes", writer.statistics.writes + writer.statistics.removals)
    Figures.print("adopt_endpoints", writer.counts.endpoints)
    start = ContinuousClock.now
    try FullSize.relist(writer)
    Figures.print("adopted_relist_milliseconds", Figures.milliseconds(since: start))
    Figures.print("adopted_relist_writes", writer.statistics.writes + writer.statistics.removals)
    guard emptying else { return }
    start = ContinuousClock.now
    for name in writer.podNames() { try writer.removePod(namespace: name.namespace, name: name.name) }
    for name in writer.sliceNames() where name.namespace != "probe" { try writer.removeSlice(namespace: name.namespace, name: name.name) }
    for name in writer.serviceNames() where name.namespace != "probe" {
        try writer.removeService(namespace: name.namespace, name: name.name)
    }
    Figures.print("empty_milliseconds", Figures.milliseconds(since: start))
    Figures.print("empty_generation", Int(writer.generation))
    Figures.print("empty_disk_bytes", Figures.diskBytes(path, generation: writer.generation))
    if let fault = try writer.invariantFault() { fail(fault) }
}

/// What opening the table and a first answer cost a reader.
func open(_ path: String) throws {
    do { _ = try TableReader(path: path) }  // the code's own pages
    let faults = Figures.minorFaults
    let start = ContinuousClock.now
    let reader = try TableReader(path: path)
    let name = Array("service-1".utf8)
    let isThere = reader.withService(namespace: Array("team-1".utf8).span, name: name.span) { _ in true }
    let passed = (ContinuousClock.now - start).components.attoseconds / 1_000_000_000_000
    Figures.print("open_faults", Figures.minorFaults - faults)
    Figures.print("open_microseconds", Int(passed))
    Figures.print("open_found", isThere == true ? 1 : 0)
}
