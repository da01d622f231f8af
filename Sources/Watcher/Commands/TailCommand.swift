import ArgumentParser
import DeltaStream
import Glibc
import KubernetesObjects
import Logging
import ProcessRuntime
import StreamCommandLine
import Synchronization

/// `mizzen-watcher tail`: prints the stream, one JSON object a line.
struct TailCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail", abstract: "Print what a watcher publishes, one JSON object a line.")

    @OptionGroup var streams: StreamOptions

    @Option(
        help: ArgumentHelp(
            "Print only topics that begin so: services, pods/3f, pods/3f/default. A topic is resource/bucket/namespace.",
            valueName: "prefix"))
    var topic: String?

    @Flag(help: "Print what there is now, then exit.")
    var once = false

    @Option(
        help: ArgumentHelp("How long to wait for a watcher with --once, in seconds.", valueName: "seconds"))
    var timeout = 30

    @OptionGroup var logging: LoggingOptions

    func run() async throws {
        var logger = logging.makeLogger("mizzen-watcher")
        // Progress of the joins is for whoever asks with --log-level debug, not for everybody's terminal.
        if logger.logLevel == .info { logger.logLevel = .warning }
        let transport = try streams.transport(subscribingTo: [streams.deltas, streams.snapshots])
        let catalog: [CatalogEntry]
        do {
            catalog = try await Catalog.fetch(
                snapshots: streams.snapshots, transport: transport, timeout: .seconds(once ? timeout : 1_000_000), logger: logger)
        } catch let error as DeltaStreamError {
            throw ProcessError(error)
        }
        let filters = catalog.map(\.resource).compactMap { TopicPrefix(topic ?? "").filter(for: $0) }
        guard !filters.isEmpty else {
            let names = catalog.map { Topic.name(of: $0.resource) }.joined(separator: ", ")
            throw ProcessError(
                code: ExitStatus.usage, message: "no topic begins with '\(topic ?? "")'; this stream has \(names)",
                place: "--topic")
        }
        let printer = DeltaPrinter(prefix: topic ?? "", waitingFor: once ? Set(filters.map(\.resource)) : nil)
        var options = Subscriber.Options()
        options.transport = transport
        let subscriber = try Subscriber(
            deltas: streams.deltas, snapshots: streams.snapshots, filter: filters, consumer: printer, options: options, logger: logger)
        try await run(subscriber, printer, logger)
    }

    private func run(_ subscriber: Subscriber, _ printer: DeltaPrinter, _ logger: Logger) async throws {
        let deadline = once ? Duration.seconds(timeout) : nil
        let isComplete = try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await subscriber.run()
                return false
            }
            group.addTask {
                for await _ in printer.finished { return true }
                return false
            }
            if let deadline {
                group.addTask {
                    try await Task.sleep(for: deadline)
                    return false
                }
            }
            let first = try await group.next() ?? false
            group.cancelAll()
            return first
        }
        if once, !isComplete {
            throw ProcessError(
                code: ExitStatus.unavailable,
                message: "no whole snapshot within \(timeout) s; is the watcher synced (see its /readyz)?", place: streams.snapshots)
        }
    }
}

/// A prefix of `resource/bucket/namespace`.
struct TopicPrefix {
    private let text: String

    init(_ text: String) { self.text = text }

    /// The least that has to be subscribed to for this prefix, or nil where no topic of the resource can match.
    func filter(for resource: Resource) -> TopicFilter? {
        let name = Topic.name(of: resource)
        let buckets = (UInt8.min...UInt8.max).filter { bucket in
            let prefix = Topic.prefix(name, bucket: bucket)
            return prefix.hasPrefix(text) || text.hasPrefix(prefix)
        }
        return buckets.isEmpty ? nil : TopicFilter(resource, buckets: BucketSet(buckets))
    }
}

/// Writes deltas to standard output; for `--once`, says when every resource has been printed.
final class DeltaPrinter: DeltaConsumer {
    let finished: AsyncStream<Void>
    private let finish: AsyncStream<Void>.Continuation
    private let prefix: String
    private let isOnce: Bool
    /// With `--once`: what has not been printed yet.
    private let waiting: Mutex<Set<Resource>>

    init(prefix: String, waitingFor resources: Set<Resource>?) {
        self.prefix = prefix
        isOnce = resources != nil
        waiting = Mutex(resources ?? [])
        (finished, finish) = AsyncStream.makeStream()
    }

    func replaceBucket(_ resource: Resource, bucket: UInt8, objects: [Delta]) {
        for delta in objects { write(delta) }
    }

    func apply(_ delta: Delta) {
        // Once printed whole, a snapshot is not continued.
        if !isOnce { write(delta) }
    }

    func joined(_ resource: Resource, synced: Bool) {
        guard synced, isOnce else { return }
        let isDone = waiting.withLock { waiting in
            waiting.remove(resource)
            return waiting.isEmpty
        }
        if isDone { finish.yield() }
    }

    func stale(_ resource: Resource, since: Int64) {}

    private func write(_ delta: Delta) {
        let topic = Topic.string(
            Topic.name(of: delta.resource), bucket: Topic.bucket(ofUID: delta.uid), namespace: delta.namespace)
        guard topic.hasPrefix(prefix) else { return }
        // Whoever read this went away (`tail | head`): there is nobody to go on for.
        if !StandardStream.output.write(DeltaJSON.line(delta) + [UInt8(ascii: "\n")]) { finish.yield() }
    }
}
