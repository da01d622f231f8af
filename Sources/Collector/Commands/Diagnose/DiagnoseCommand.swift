import ArgumentParser
import FoundationEssentials
import KubernetesObjects
import Logging
import MizzenSystem
import Names
import ProcessRuntime
import StreamCommandLine

/// `mizzen-collector diagnose`: tries each node's kubelet once, and says what is wrong and what to do.
struct DiagnoseCommand: AsyncParsableCommand {
    static let name = "diagnose"

    static let configuration = CommandConfiguration(
        commandName: name, abstract: "Try each node's kubelet once, and say what keeps it from being scraped and what to do.",
        discussion: """
            Takes nodes from the watcher and asks kubelets as the collector does: give it the collector's options, all of them if that is \
            easier; those that have nothing to do with kubelets mean nothing here. \
            Ends with 0 where every node is well, 1 where one is not, 64, 69 or 78 where it could not try.
            """)

    @Argument(help: ArgumentHelp("Only these nodes.", valueName: "node"))
    var nodes: [String] = []

    @Option(help: "How to answer: text or json.")
    var output = OutputForm.text

    @Option(help: ArgumentHelp("How many kubelets are asked at a time.", valueName: "number"))
    var atATime = 64

    @Option(help: "How long it may take. What has not been tried by then is a fault.")
    var timeLimit = GoDuration(seconds: 300)

    @Option(help: "How long to wait for the watcher.")
    var wait = GoDuration(seconds: 10)

    @Option(help: ArgumentHelp("Warn of certificates that end within so many days.", valueName: "days"))
    var expiryWarning = 30

    @OptionGroup(title: "API server") var server: APIServerOptions
    @OptionGroup(title: "Streams") var streams: StreamOptions
    @OptionGroup(title: "Kubelets") var kubelets: KubeletOptions
    @OptionGroup(title: "Logging") var logging: LoggingOptions

    // The collector's, so that its command line can be copied.
    @OptionGroup(visibility: .hidden) var sampling: SampleOptions
    @OptionGroup(visibility: .hidden) var serving: ServingOptions
    @Option(help: .hidden) var peerSamples = ""
    @Option(help: .hidden) var collectorName: String?
    @Option(help: .hidden) var http: HTTPAddress?
    @Option(name: [.customLong("v"), .customShort("v")], help: .hidden) var verbosity = 0
    @Option(parsing: .unconditionalSingleValue, help: .hidden) var withoutEffect: [String] = []

    func validate() throws {
        guard (1...4096).contains(atATime) else { throw ValidationError("--at-a-time: give a number from 1 to 4096") }
        guard timeLimit.nanoseconds > 0 else { throw ValidationError("--time-limit: give a duration above zero, such as 5m") }
        guard wait.nanoseconds > 0 else { throw ValidationError("--wait: give a duration above zero, such as 10s") }
        guard expiryWarning >= 0 else { throw ValidationError("--expiry-warning: give a number of days from 0 on") }
    }

    func run() async throws {
        var logger = logging.makeLogger("mizzen-collector")
        // The answer is on standard output; what the stream says on the way is for who asks with --log-level debug.
        if logger.logLevel == .info { logger.logLevel = .error }
        DescriptorLimit.raise()
        let trust = try KubeletTrust(kubelets, server.configuration(), logger: logger)
        let catalog = ClusterCatalog()
        try await StreamGlimpse.fill(catalog, with: [.nodes], from: streams, within: wait.duration, logger: logger)
        let connections = KubeletConnections(idle: .seconds(1))
        let client = KubeletClient(
            connections: connections, addressing: kubelets.addressing, timeout: kubelets.kubeletRequestTimeout.duration,
            credentials: { try await trust.current(for: $0) })
        let diagnosis = await Diagnosis.make(
            of: try wanted(catalog), with: client, atATime: atATime, within: timeLimit.duration, expiryWarning: expiryWarning)
        await connections.shutdown()
        switch output {
        case .text: StandardStream.output.write(diagnosis.text)
        case .json: StandardStream.output.write(diagnosis.json)
        }
        if !diagnosis.isWell { throw ExitCode(1) }
    }

    /// - Throws: 64 for a node that is not there.
    private func wanted(_ catalog: ClusterCatalog) throws -> [CatalogNode] {
        let selector = try LabelQuery(kubelets.nodeSelector)
        for name in nodes where catalog.node(named: name) == nil {
            throw ProcessError(code: ExitStatus.usage, message: "there is no node of this name", place: name)
        }
        return catalog.nodes { selector.matches($0.labels) && (nodes.isEmpty || nodes.contains($0.name)) }
    }
}
