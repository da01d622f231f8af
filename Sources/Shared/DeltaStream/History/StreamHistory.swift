import KubernetesObjects
import Logging
import MizzenSystem

// The stream's history, for the next publisher: a file with what has been published, without the objects' bytes.
//
// A publisher that is started again reads it and goes on with the same stream id and the same sequences. It has no bytes then, so
// each resource is hidden (no heartbeat, no snapshot) until the first list has brought them. What that list brings as it was
// published before is stored without a word; what changed meanwhile is a delta like any other, with the next sequence; what is
// gone is a DELETED without an object. So a subscriber finds after the restart the numbers it knows, and fetches only what it missed.
//
// Why no sequence is ever used twice:
// - The publisher writes a delta's record before it sends the delta (those of a list many at a time), both under the store's lock.
//   Whoever has a delta of the stream finds it in the file, also if the publisher was killed (-9 too) in between: written bytes
//   are the kernel's.
// - A record that was cut short belongs to a delta that was never sent. It is cut off.
// - Anything else that is not as it should be, and every other boot (a power loss may take the file's end or its middle), gives up
//   the stream: a new id, under which every subscriber fetches everything.
// - Renewal writes a second file while the first goes on: bucket after bucket as an image, each under the lock, and from then on
//   the changes of that bucket too. It takes the first one's place, in one step, when it holds everything.
// - One writer: the watcher holds the record table's lock before it opens the file beside it.

/// See above. Confined to its publisher's lock.
public final class StreamHistory {
    /// Beyond twice the size of a fresh file, and this many bytes, a fresh one is written.
    static let usualSlack = 4 << 20
    static let magic: [UInt8] = Array("MIZZENSH".utf8)
    static let version: UInt8 = 1
    static let headerSize = 33

    /// What tests replace.
    struct Means {
        var slack = StreamHistory.usualSlack
        var write: HistoryFile.Write = HistoryFile.systemWrite
    }

    private struct Renewal {
        var file: HistoryFile
        var size: Int
        /// The bucket whose turn it is; those before it are in the file.
        var resource = 0
        var bucket = 0

        func holds(_ resource: Int, _ bucket: UInt8) -> Bool {
            resource < self.resource || resource == self.resource && Int(bucket) < self.bucket
        }
    }

    private let header: [UInt8]
    private var file: HistoryFile?
    private var size: Int
    private var renewal: Renewal?
    /// The size at which a fresh file is worth its cost.
    private var limit: Int
    /// In the order of their numbers.
    private var resources: [Resource]
    private var numbers: [Resource: UInt16] = [:]
    private var encoder = HistoryEncoder()
    private let slack: Int
    private let write: HistoryFile.Write
    private let logger: Logger

    init(
        _ file: HistoryFile, header: [UInt8], size: Int, resources: [Resource], means: Means, logger: Logger
    ) {
        self.file = file
        self.header = header
        self.size = size
        slack = means.slack
        write = means.write
        self.logger = logger
        self.resources = resources
        limit = 2 * size + slack
        for (number, resource) in resources.enumerated() { numbers[resource] = UInt16(truncatingIfNeeded: number) }
    }

    /// Whether restarts are provided for; not after a write has failed.
    public var isKept: Bool { file != nil }

    /// Before any of the deltas is sent. They are one write.
    func append(_ deltas: [Delta]) {
        guard let file, !deltas.isEmpty else { return }
        encoder.removeAll()
        var renewed: [UInt8] = []
        for delta in deltas {
            let start = encoder.bytes.count
            guard let number = number(delta.resource) else {
                return giveUp(
                    DeltaStreamError(
                        "there are more resources than a history has numbers for; watch fewer with --resources", place: file.path))
            }
            let change = encoder.bytes.count
            encoder.change(
                resource: number, delta.change,
                RememberedObject(
                    identity: delta.identity, encoding: delta.object.encoding, digest: Self.digest(delta.object.bytes),
                    sequence: delta.sequence, commitTime: delta.commitTime))
            guard let renewal else { continue }
            // A resource that is declared belongs into both, its change only where its bucket is.
            renewed += encoder.bytes[start..<(renewal.holds(Int(number), delta.bucket) ? encoder.bytes.count : change)]
        }
        do {
            try file.append(encoder.bytes)
            size += encoder.bytes.count
        } catch {
            giveUp(error)
            return
        }
        appendToRenewal(renewed)
    }

    /// Far more than a cluster with all its custom resources has. In the file a resource's number has 16 bits.
    static let mostResources = 4096

    /// Its number, declared first if it has none; nil where there are no numbers left, which an upstream's invented resources may use up.
    private func number(_ resource: Resource) -> UInt16? {
        if let number = numbers[resource] { return number }
        guard resources.count < Self.mostResources, let number = UInt16(exactly: resources.count) else { return nil }
        resources.append(resource)
        numbers[resource] = number
        encoder.resource(resource)
        return number
    }

    // MARK: Renewal

    /// Writes the next bucket of a fresh file, if there is need of one.
    /// - Returns: whether there is more to do now.
    func renewStep(_ store: StreamStore) -> Bool {
        guard file != nil else { return false }
        guard let renewal else { return size > limit && beginRenewal() }
        guard renewal.resource < resources.count else {
            endRenewal()
            return false
        }
        let number = UInt16(renewal.resource)
        let bucket = UInt8(renewal.bucket)
        let image = store.image(resources[renewal.resource], bucket: bucket)
        self.renewal?.resource += bucket == .max ? 1 : 0
        self.renewal?.bucket = Int(bucket &+ 1)
        guard image.sequence > 0 else { return true }
        encoder.removeAll()
        encoder.bucket(resource: number, bucket: bucket, image)
        appendToRenewal(encoder.bytes)
        return self.renewal != nil
    }

    private func beginRenewal() -> Bool {
        guard let path = file?.path else { return false }
        var bytes = header
        encoder.removeAll()
        for resource in resources { encoder.resource(resource) }
        bytes += encoder.bytes
        do {
            let fresh = try HistoryFile.create(path + ".new", write: write)
            renewal = Renewal(file: fresh, size: 0)
            appendToRenewal(bytes)
            return renewal != nil
        } catch {
            postpone(error)
            return false
        }
    }

    private func appendToRenewal(_ bytes: [UInt8]) {
        guard let file = renewal?.file, !bytes.isEmpty else { return }
        do {
            try file.append(bytes)
            renewal?.size += bytes.count
        } catch {
            postpone(error)
        }
    }

    private func endRenewal() {
        guard let renewal, let path = file?.path else { return }
        do {
            try renewal.file.replace(path)
            file = renewal.file
            size = renewal.size
            limit = 2 * size + slack
            self.renewal = nil
        } catch {
            postpone(error)
        }
    }

    /// The old file goes on; it may grow to twice its size before the next try.
    private func postpone(_ error: DeltaStreamError) {
        if let path = file?.path { HistoryFile.remove(path + ".new") }
        renewal = nil
        limit = 2 * size
        logger.warning("cannot write the stream's history anew; it grows on", metadata: ["error": "\(error)"])
    }

    /// A file with a hole would be worse than none: the next publisher would use a sequence twice.
    private func giveUp(_ error: DeltaStreamError) {
        guard let path = file?.path else { return }
        HistoryFile.remove(path)
        HistoryFile.remove(path + ".new")
        file = nil
        renewal = nil
        logger.error(
            "the stream's history is given up: the next start of this watcher begins a new stream, and all subscribers fetch everything",
            metadata: ["error": "\(error)"])
    }

    // MARK: Digests

    static func digest(_ bytes: [UInt8]) -> UInt64 { digest(bytes.span) }

    /// Chosen by whoever can write objects, so not proof against intent: who makes two states of an object that share
    /// resourceVersion and digest has only the older one shown to subscribers until the object changes again.
    static func digest(_ bytes: Span<UInt8>) -> UInt64 { StableHash.of(bytes, seed: 0x6d69_7a7a_656e_0001) }
}
