public import KubernetesObjects
public import Logging

extension StreamHistory {
    /// Which boot of which machine: the 128 bits of Linux's boot_id.
    public struct Boot: Hashable, Sendable {
        public var high: UInt64
        public var low: UInt64

        public init(high: UInt64, low: UInt64) {
            self.high = high
            self.low = low
        }

        /// All zero: it could not be read.
        var isKnown: Bool { high != 0 || low != 0 }
    }

    /// How a publisher begins.
    public enum Beginning: Hashable, Sendable {
        /// Goes on with the stream; so many objects were published and exist as far as is known.
        case resumed(objects: Int)
        /// A new stream id; why not the old one.
        case new(reason: String)
    }

    /// A store to give to a publisher together with its history.
    public struct Opened {
        public var store: StreamStore
        /// nil where it cannot be written.
        public var history: StreamHistory?
        public var beginning: Beginning
    }

    /// Opens or makes the history at `path`, which no other process may be writing.
    ///
    /// - Parameters:
    ///   - resources: what will be published. A stream that had others is not gone on with: nothing would tell their subscribers.
    ///   - carries: whether another resource may be published too. Whoever says so ends what is not there any more.
    ///   - newID: of a new stream.
    public static func open(
        path: String, boot: Boot, resources: [Resource], carries: (Resource) -> Bool = { _ in false },
        newID: UInt64 = UInt64.random(in: 1...UInt64.max), logger: Logger
    ) -> sending Opened {
        open(path: path, boot: boot, resources: resources, carries: carries, newID: newID, means: Means(), logger: logger)
    }

    static func open(
        path: String, boot: Boot, resources: [Resource], carries: (Resource) -> Bool = { _ in false }, newID: UInt64, means: Means,
        logger: Logger
    ) -> sending Opened {
        HistoryFile.remove(path + ".new")
        let reason: String
        do {
            return try resume(path: path, boot: boot, carries: { resources.contains($0) || carries($0) }, means: means, logger: logger)
        } catch {
            reason = error.reason
        }
        let store = StreamStore(streamID: newID)
        let header = header(streamID: newID, boot: boot)
        do throws(DeltaStreamError) {
            let file = try HistoryFile.create(path, write: means.write)
            try file.append(header)
            let history = StreamHistory(file, header: header, size: header.count, resources: [], means: means, logger: logger)
            return Opened(store: store, history: history, beginning: .new(reason: reason))
        } catch {
            HistoryFile.remove(path)
            logger.warning(
                "the stream's history cannot be kept: the next start of this watcher begins a new stream", metadata: ["error": "\(error)"])
            return Opened(store: store, history: nil, beginning: .new(reason: reason))
        }
    }

    private struct NotResumed: Error {
        var reason: String
    }

    private static func resume(
        path: String, boot: Boot, carries: (Resource) -> Bool, means: Means, logger: Logger
    ) throws(NotResumed) -> sending Opened {
        let found: HistoryFile?
        let bytes: [UInt8]
        do throws(DeltaStreamError) {
            found = try HistoryFile.open(path, write: means.write)
            bytes = try found?.readAll() ?? []
        } catch {
            throw NotResumed(reason: error.description)
        }
        guard let file = found else { throw NotResumed(reason: "there is no history of one") }
        guard let streamID = try readHeader(bytes, boot: boot, path: path) else {
            throw NotResumed(reason: "\(path) is of an earlier boot, and may have lost its end")
        }
        var recalled = RecalledStream()
        let end: Int
        do throws(HistoryFault) {
            end = try recalled.read(bytes, from: headerSize)
        } catch {
            throw NotResumed(reason: "\(path) is damaged \(error.text)")
        }
        // Nothing was sent under that id.
        guard !recalled.resources.isEmpty else { throw NotResumed(reason: "nothing was published before") }
        if let lost = recalled.resources.first(where: { !carries($0.resource) && $0.hasHistory }) {
            throw NotResumed(reason: "\(lost.resource.plural), which it had, are not watched any more")
        }
        do throws(DeltaStreamError) {
            if end < bytes.count { try file.cut(to: end) }
        } catch {
            throw NotResumed(reason: error.description)
        }
        let names = recalled.resources.map(\.resource)
        let objects = recalled.resources.reduce(0) { $0 + $1.rememberedCount }
        let history = StreamHistory(
            file, header: Array(bytes[..<headerSize]), size: end, resources: names, means: means, logger: logger)
        return Opened(
            store: StreamStore(streamID: streamID, recalled: recalled.resources), history: history, beginning: .resumed(objects: objects))
    }

    // MARK: The file's first bytes: magic, version, boot, stream id

    private static func header(streamID: UInt64, boot: Boot) -> [UInt8] {
        var bytes = magic + [version]
        for number in [boot.high, boot.low, streamID] {
            bytes += (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(8 * $0)) }
        }
        return bytes
    }

    /// - Returns: the stream's id; nil for a file of another boot.
    private static func readHeader(_ bytes: [UInt8], boot: Boot, path: String) throws(NotResumed) -> UInt64? {
        guard bytes.count >= headerSize, Array(bytes.prefix(magic.count)) == magic else {
            throw NotResumed(reason: "\(path) is not a stream's history")
        }
        guard bytes[magic.count] == version else {
            throw NotResumed(reason: "\(path) is another release's (version \(bytes[magic.count]), known is \(version))")
        }
        let numbers = (0..<3).map { index in
            (0..<8).reduce(0 as UInt64) { $0 | UInt64(bytes[magic.count + 1 + 8 * index + $1]) << UInt64(8 * $1) }
        }
        guard boot.isKnown, numbers[0] == boot.high, numbers[1] == boot.low, numbers[2] != 0 else { return nil }
        return numbers[2]
    }
}

/// What a history file tells, record after record.
struct RecalledStream {
    private(set) var resources: [StoredResource] = []

    /// - Returns: where the last whole record ends.
    mutating func read(_ bytes: [UInt8], from start: Int) throws(HistoryFault) -> Int {
        var decoder = HistoryDecoder(bytes, from: start)
        while true {
            let position = decoder.position
            do throws(HistoryFault) {
                guard let record = try decoder.next() else { return position }
                try take(record, at: position)
            } catch .cutShort {
                return position
            }
        }
    }

    private mutating func take(_ record: HistoryRecord, at position: Int) throws(HistoryFault) {
        switch record {
        case .resource(let resource):
            guard !resources.contains(where: { $0.resource == resource }) else { throw .damaged(at: position, "a resource comes twice") }
            guard resources.count < StreamHistory.mostResources else { throw .damaged(at: position, "more resources than numbers") }
            resources.append(StoredResource(resource: resource))
        case .change(let number, let change, let object):
            guard resources.indices.contains(Int(number)) else { throw .damaged(at: position, "no such resource") }
            guard resources[Int(number)].recall(change, object) else { throw .damaged(at: position, "a delta is missing before this one") }
        case .bucket(let number, let bucket, let image):
            guard resources.indices.contains(Int(number)) else { throw .damaged(at: position, "no such resource") }
            guard resources[Int(number)].recall(bucket, image) else { throw .damaged(at: position, "a bucket comes twice, or is not one") }
        }
    }
}
