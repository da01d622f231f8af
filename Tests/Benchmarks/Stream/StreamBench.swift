import ArgumentParser

/// The processes that `bench.py stream` starts: a publisher and subscribers of the delta stream, and the same over bare
/// ZeroMQ sockets (`--bare`), which is the floor: the same frames and bytes, and nothing done with them.
///
/// Each takes commands on standard input, one a line, and answers each with one line of JSON.
@main
struct StreamBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stream-bench", abstract: "One process of the stream benchmark.", subcommands: [Publish.self, Subscribe.self])
}

struct Endpoints: ParsableArguments {
    @Option var deltas: String
    @Option var snapshots: String
    /// A file of 8-byte counters, one a subscriber, in which each says how much it has received.
    @Option var progress: String
    @Flag(help: "Bare sockets: the floor.") var bare = false
}

struct Publish: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Commands: flood COUNT, pace COUNT A-SECOND, hello, snapshot, quit.")

    @OptionGroup var endpoints: Endpoints
    @Option(help: "Objects held.") var objects = 5_000
    @Option(help: "Bytes of one object.") var bytes = 1_500

    func run() throws {
        let progress = try Progress(endpoints.progress)
        if endpoints.bare {
            // The envelope and topic of the same object: what the real publisher puts on the wire.
            var source = try BareSource(endpoints, frame: Payload(objects: objects, bytes: bytes).envelopeSize)
            try Conductor(progress: progress).run(&source)
        } else {
            var source = try StreamSource(endpoints, Payload(objects: objects, bytes: bytes))
            try Conductor(progress: progress).run(&source)
        }
    }
}

struct Subscribe: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Commands: report, quit.")

    @OptionGroup var endpoints: Endpoints
    @Option(help: "Which counter is this one's.") var index = 0
    @Flag(help: "Fetch a snapshot and end.") var once = false

    func run() throws {
        let ledger = Ledger(try Progress(endpoints.progress), index: index)
        if endpoints.bare {
            try BareSubscriber(endpoints, ledger).run(snapshotOnly: once)
        } else {
            try StreamSubscriber(endpoints, ledger).run(snapshotOnly: once)
        }
    }
}
