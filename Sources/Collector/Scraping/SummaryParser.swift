import DeltaStream
import KubernetesObjects

/// Reads a kubelet's `/stats/summary` (`stats/v1alpha1`, JSON): what it says beyond `/metrics/resource`.
///
/// Tolerant: members that are not known are skipped, and a value that is not what belongs there is counted and left out, which harms
/// nothing else. What is not JSON cannot be read beyond that place, so it is refused as a whole. Bounded: by the size of the body, the
/// number of pods, that of their containers and volumes, and the length of names.
struct SummaryParser {
    /// A larger body is refused; a node of 500 pods makes about two megabytes.
    static let bodyLimit = 16 << 20
    /// More pods are left out and counted; kubelets are set up for 110, and tested with 500.
    static let podLimit = 5_000
    /// The same for containers and volumes of all pods together.
    static let partLimit = 20_000
    /// Longer names are no names of Kubernetes' objects.
    static let nameLimit = 253

    private(set) var summary = NodeSummary()
    /// Values that are not what belongs there, things without a name or with a name twice, and things beyond a limit.
    private(set) var badValues = 0

    private var known: Set<UsageStore.PodKey> = []
    private var parts = 0

    /// - Throws: for what is not JSON, or no summary, with the place.
    init(_ body: [UInt8]) throws(ObjectDecodingError) {
        var cursor = JSONCursor(body)
        var isSummary = false
        try cursor.readObject { key, cursor throws(ObjectDecodingError) in
            switch String(decoding: key, as: UTF8.self) {
            case "node":
                isSummary = true
                try node(&cursor)
            case "pods":
                isSummary = true
                try elements(&cursor) { this, cursor throws(ObjectDecodingError) in try this.pod(&cursor) }
            default: try cursor.skip()
            }
        }
        try cursor.expectEnd()
        guard isSummary else { throw ObjectDecodingError(.unexpectedValue("neither 'node' nor 'pods' is there"), at: body.count) }
    }

    // MARK: What there is

    private mutating func node(_ cursor: inout JSONCursor) throws(ObjectDecodingError) {
        try members(&cursor) { this, key, cursor throws(ObjectDecodingError) in
            switch key {
            case "startTime": this.summary.startTime = try this.seconds(&cursor)
            case "network": this.summary.network = try this.network(&cursor)
            case "fs": this.summary.fileSystem = try this.fileSystem(&cursor)
            case "runtime":
                try this.members(&cursor) { this, key, cursor throws(ObjectDecodingError) in
                    switch key {
                    case "imageFs": this.summary.imageFileSystem = try this.fileSystem(&cursor)
                    case "containerFs": this.summary.containerFileSystem = try this.fileSystem(&cursor)
                    default: try cursor.skip()
                    }
                }
            default: try cursor.skip()
            }
        }
    }

    private mutating func pod(_ cursor: inout JSONCursor) throws(ObjectDecodingError) {
        guard summary.pods.count < Self.podLimit else { return try leaveOut(&cursor) }
        var pod = PodSummary(namespace: "", pod: "")
        try members(&cursor) { this, key, cursor throws(ObjectDecodingError) in
            switch key {
            case "podRef":
                try this.members(&cursor) { this, key, cursor throws(ObjectDecodingError) in
                    switch key {
                    case "namespace": pod.namespace = try this.name(&cursor) ?? ""
                    case "name": pod.pod = try this.name(&cursor) ?? ""
                    default: try cursor.skip()
                    }
                }
            case "startTime": pod.startTime = try this.seconds(&cursor)
            case "network": pod.network = try this.network(&cursor)
            case "ephemeral-storage": pod.ephemeralStorage = try this.fileSystem(&cursor)
            case "containers":
                try this.elements(&cursor) { this, cursor throws(ObjectDecodingError) in try this.container(&cursor, of: &pod) }
            case "volume":
                try this.elements(&cursor) { this, cursor throws(ObjectDecodingError) in try this.volume(&cursor, of: &pod) }
            default: try cursor.skip()
            }
        }
        let isNew = known.insert(.init(namespace: pod.namespace, name: pod.pod)).inserted
        guard isNew, !pod.namespace.isEmpty, !pod.pod.isEmpty else {
            badValues += 1
            return
        }
        summary.pods.append(pod)
    }

    private mutating func container(_ cursor: inout JSONCursor, of pod: inout PodSummary) throws(ObjectDecodingError) {
        guard parts < Self.partLimit else { return try leaveOut(&cursor) }
        var container = ContainerSummary(container: "")
        try members(&cursor) { this, key, cursor throws(ObjectDecodingError) in
            switch key {
            case "name": container.container = try this.name(&cursor) ?? ""
            case "rootfs": container.root = try this.fileSystem(&cursor)
            case "logs": container.logs = try this.fileSystem(&cursor)
            default: try cursor.skip()
            }
        }
        guard !container.container.isEmpty, !pod.containers.contains(where: { $0.container == container.container }) else {
            badValues += 1
            return
        }
        pod.containers.append(container)
        parts += 1
    }

    private mutating func volume(_ cursor: inout JSONCursor, of pod: inout PodSummary) throws(ObjectDecodingError) {
        guard parts < Self.partLimit else { return try leaveOut(&cursor) }
        var volume = VolumeSummary(name: "", fileSystem: FileSystemReading())
        try members(&cursor) { this, key, cursor throws(ObjectDecodingError) in
            switch key {
            case "name": volume.name = try this.name(&cursor) ?? ""
            case "pvcRef":
                try this.members(&cursor) { this, key, cursor throws(ObjectDecodingError) in
                    if key == "name" { volume.claim = try this.name(&cursor) } else { try cursor.skip() }
                }
            default: try this.fileSystemMember(key, &cursor, &volume.fileSystem)
            }
        }
        guard !volume.name.isEmpty, !pod.volumes.contains(where: { $0.name == volume.name }) else {
            badValues += 1
            return
        }
        pod.volumes.append(volume)
        parts += 1
    }

    /// Of the default interface, whose members stand beside the list of all. Nil where it says nothing.
    private mutating func network(_ cursor: inout JSONCursor) throws(ObjectDecodingError) -> NetworkReading? {
        var reading = NetworkReading()
        try members(&cursor) { this, key, cursor throws(ObjectDecodingError) in
            switch key {
            case "time": reading.time = try this.timestamp(&cursor).map { $0.seconds * 1000 + Int64($0.nanoseconds / 1_000_000) }
            case "name": reading.interface = try this.name(&cursor)
            case "rxBytes": reading.receivedBytes = try this.whole(&cursor)
            case "txBytes": reading.transmittedBytes = try this.whole(&cursor)
            case "rxErrors": reading.receiveErrors = try this.whole(&cursor)
            case "txErrors": reading.transmitErrors = try this.whole(&cursor)
            default: try cursor.skip()
            }
        }
        // A time alone: the kubelet has found no default interface.
        return reading == NetworkReading(time: reading.time) ? nil : reading
    }

    private mutating func fileSystem(_ cursor: inout JSONCursor) throws(ObjectDecodingError) -> FileSystemReading? {
        var reading = FileSystemReading()
        try members(&cursor) { this, key, cursor throws(ObjectDecodingError) in try this.fileSystemMember(key, &cursor, &reading) }
        return reading == FileSystemReading() ? nil : reading
    }

    private mutating func fileSystemMember(
        _ key: String, _ cursor: inout JSONCursor, _ reading: inout FileSystemReading
    ) throws(ObjectDecodingError) {
        switch key {
        case "usedBytes": reading.usedBytes = try whole(&cursor)
        case "availableBytes": reading.availableBytes = try whole(&cursor)
        case "capacityBytes": reading.capacityBytes = try whole(&cursor)
        case "inodesUsed": reading.inodesUsed = try whole(&cursor)
        case "inodesFree": reading.inodesFree = try whole(&cursor)
        case "inodes": reading.inodes = try whole(&cursor)
        default: try cursor.skip()
        }
    }

    // MARK: Values

    /// Each member of an object; of `null` none, and of anything else none either, which is counted.
    private mutating func members(
        _ cursor: inout JSONCursor,
        _ body: (_ this: inout Self, _ key: String, _ cursor: inout JSONCursor) throws(ObjectDecodingError) -> Void
    ) throws(ObjectDecodingError) {
        guard cursor.peek() == UInt8(ascii: "{") else { return try passOver(&cursor) }
        try cursor.readObject { key, cursor throws(ObjectDecodingError) in
            try body(&self, String(decoding: key, as: UTF8.self), &cursor)
        }
    }

    /// Each element of an array that is an object.
    private mutating func elements(
        _ cursor: inout JSONCursor, _ body: (_ this: inout Self, _ cursor: inout JSONCursor) throws(ObjectDecodingError) -> Void
    ) throws(ObjectDecodingError) {
        guard cursor.peek() == UInt8(ascii: "[") else { return try passOver(&cursor) }
        try cursor.readArray { cursor throws(ObjectDecodingError) in
            if cursor.peek() == UInt8(ascii: "{") { try body(&self, &cursor) } else { try leaveOut(&cursor) }
        }
    }

    /// A whole number from 0 on, of 64 bits.
    private mutating func whole(_ cursor: inout JSONCursor) throws(ObjectDecodingError) -> UInt64? {
        guard let first = cursor.peek(), first == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            try passOver(&cursor)
            return nil
        }
        let number = UInt64(try cursor.readNumber())
        if number == nil { badValues += 1 }
        return number
    }

    private mutating func name(_ cursor: inout JSONCursor) throws(ObjectDecodingError) -> String? {
        guard cursor.peek() == UInt8(ascii: "\"") else {
            try passOver(&cursor)
            return nil
        }
        let text = try cursor.readString()
        // The stream's texts end at a NUL.
        guard !text.isEmpty, text.utf8.count <= Self.nameLimit, !text.utf8.contains(0) else {
            badValues += 1
            return nil
        }
        return text
    }

    /// Nil for the zero time too, which stands for none.
    private mutating func timestamp(_ cursor: inout JSONCursor) throws(ObjectDecodingError) -> Timestamp? {
        guard cursor.peek() == UInt8(ascii: "\"") else {
            try passOver(&cursor)
            return nil
        }
        guard let time = Timestamp(try cursor.readString()) else {
            badValues += 1
            return nil
        }
        return time.seconds > 0 ? time : nil
    }

    private mutating func seconds(_ cursor: inout JSONCursor) throws(ObjectDecodingError) -> Double? {
        try timestamp(&cursor).map { Double($0.seconds) + Double($0.nanoseconds) / 1e9 }
    }

    /// What is not what belongs here; `null` stands for nothing at all.
    private mutating func passOver(_ cursor: inout JSONCursor) throws(ObjectDecodingError) {
        if cursor.peek() == UInt8(ascii: "n") { _ = try cursor.readNull() } else { try leaveOut(&cursor) }
    }

    private mutating func leaveOut(_ cursor: inout JSONCursor) throws(ObjectDecodingError) {
        badValues += 1
        try cursor.skip()
    }
}
