import MizzenSystem
public import ArgumentParser
import Glibc
import Logging
public import ProcessRuntime
import StreamCommandLine

/// `mizzen-collector`: scrapes kubelets, publishes samples and serves `metrics.k8s.io/v1beta1`.
public struct CollectorCommand: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "mizzen-collector",
        abstract: "Scrapes kubelets, publishes samples, and serves the Metrics API as metrics-server does.",
        discussion: """
            Nodes and pods come from the watcher's delta stream; the API server is only asked who a caller is.
            """,
        subcommands: [DiagnoseCommand.self, TopCommand.self])

    @OptionGroup(title: "Streams") var streams: StreamOptions
    @OptionGroup(title: "Streams") var sampling: SampleOptions

    @Option(help: "Samples of other collectors to answer for too, separated by commas.")
    var peerSamples = ""

    @Flag(
        help: """
            Share the nodes with the collectors of --peer-samples that do the same: each node is scraped by one of them, and each answers for \
            all.
            """)
    var shareNodes = false

    @Option(
        help: ArgumentHelp(
            """
            Shared memory that holds the last samples, so that usage is answered at once after a restart. Each collector of a host needs \
            its own; nothing for none.
            """, valueName: "path"))
    var samplesTable = DefaultPaths.samplesTable

    @Option(help: "Name of this collector in its samples. Default: the host's name and the process id.")
    var collectorName: String?

    @Option(help: "HOST:PORT for /livez, /readyz and /metrics in plain HTTP, without permissions. Off by default.")
    var http: HTTPAddress?

    @OptionGroup(title: "API server") var server: APIServerOptions
    @OptionGroup(title: "Kubelets") var kubelets: KubeletOptions
    @OptionGroup(title: "Serving") var serving: ServingOptions
    @OptionGroup(title: "Logging") var logging: LoggingOptions

    @Option(
        name: [.customLong("v"), .customShort("v")],
        help: ArgumentHelp("As in metrics-server: from 4 on the same as --log-level debug.", visibility: .hidden))
    var verbosity = 0

    @Option(parsing: .unconditionalSingleValue, help: .hidden)
    var withoutEffect: [String] = []

    public init() {}

    /// - Parameter words: as metrics-server would be given them.
    /// - Returns: those that are to be parsed.
    /// - Throws: 64, naming a flag that cannot be read.
    public static func words(_ words: [String]) throws(ProcessError) -> [String] {
        // What a manifest says behind the program's name may be said behind `diagnose` too.
        if words.first == DiagnoseCommand.name {
            return try [DiagnoseCommand.name]
                + GoCommandLine.rewritten(
                    Array(words.dropFirst()), for: DiagnoseCommand.self, ignoring: UnusedFlags.all, option: "--without-effect")
        }
        return try GoCommandLine.rewritten(words, for: Self.self, ignoring: UnusedFlags.all, option: "--without-effect")
    }

    public func validate() throws {
        try streams.check(sampling.samples, of: "--samples")
        for endpoint in SampleOptions.list(peerSamples) { try streams.check(endpoint, of: "--peer-samples") }
        if shareNodes, SampleOptions.list(peerSamples).isEmpty {
            throw ValidationError("--share-nodes: name the samples of the other collectors with --peer-samples")
        }
    }

    public func run() async throws {
        Allocator.staysSmall()
        var logging = logging
        if verbosity >= 4 { logging.logLevel = min(logging.logLevel, .debug) }
        let logger = logging.makeLogger("mizzen-collector")
        let parts = try CollectorParts(self, logger: logger)
        // Once each node has been scraped twice, from where on nothing is done for the first time.
        StartMemory.giveBack(after: kubelets.metricResolution.duration * 2 + kubelets.kubeletRequestTimeout.duration)
        do {
            try await ProcessMain.serve(services: parts.services, logger: logger)
        } catch {
            try? await parts.shutdown()
            throw error
        }
        try await parts.shutdown()
    }

    var name: String {
        if let collectorName { return collectorName }
        return "\(hostName() ?? "")/\(getpid())"
    }
}
