public import ArgumentParser
import Foundation
import Logging
import ProcessRuntime
import ServiceLifecycle

/// `cluster-simulator`: a cluster for demos and for trying things out with kubectl.
public struct SimulatorCommand: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "cluster-simulator",
        abstract: "Serves a simulated Kubernetes cluster: API server, controllers and kubelets.",
        discussion: """
            Objects come from manifests, captured API answers and generated clusters, in any combination. \
            One line on standard output says when everything answers and where the kubeconfig is.
            """)

    @Option(
        name: .long, parsing: .upToNextOption,
        help: "Manifest files, folders of manifests, or folders of captured answers.")
    var load: [String] = []

    @Option(help: "Services to generate.") var services = 0
    @Option(help: "Pods to generate, spread over the generated services.") var pods = 0
    @Option(help: "Nodes to generate.") var nodes = 0
    @Option(help: "Containers in each generated pod.") var containers = 1

    @Option(help: "Address for plain HTTP; port 0 picks one.")
    var http = HTTPAddress(host: "127.0.0.1", port: 0)
    @Option(help: "Address for HTTPS; port 0 picks one.")
    var https = HTTPAddress(host: "127.0.0.1", port: 0)

    @Option(help: "Where to write the kubeconfig; '-' for a temporary file, whose path is printed.")
    var kubeconfig = "-"

    @Flag(inversion: .prefixedNo, help: "Play a kubelet for every node.")
    var kubelets = true
    @Flag(help: "Let the kubelets answer with the recordings of the captured folder.")
    var replayKubelets = false

    @Option(help: "Seconds between bookmarks of a watch; without it about a minute, and not for certain, as API servers do.")
    var bookmarkInterval: Double?
    @Option(help: "Changes of each kind that watches can resume over.") var history = 10_000
    @Option(help: "Seed of names, UIDs and usage.") var seed: UInt64 = 1
    @Option(help: "Collector to pass metrics.k8s.io to, for example https://127.0.0.1:8443.")
    var metricsAPI: String?

    @Option(
        help: ArgumentHelp(
            "A fault plan to begin with: how the API server misbehaves (docs/operations.md, \"Faults of the API server\").",
            discussion: "The same text sent by POST to /simulator/faults adds faults, GET says what they hit, DELETE ends them.",
            valueName: "file"))
    var faults: String?

    @OptionGroup var logging: LoggingOptions

    public init() {}

    public mutating func validate() throws {
        guard services >= 0, pods >= 0, nodes >= 0 else {
            throw ValidationError("--services, --pods and --nodes count things: give 0 or more.")
        }
        guard containers >= 1 else { throw ValidationError("--containers: every pod has one; give 1 or more.") }
        guard bookmarkInterval ?? 1 > 0, history > 0 else {
            throw ValidationError("--bookmark-interval and --history must be more than 0.")
        }
    }

    private static func plan(_ path: String) throws(ProcessError) -> FaultPlan {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw ProcessError(code: ExitStatus.configuration, message: "the fault plan cannot be read", place: path)
        }
        do throws(ManifestError) {
            return try FaultPlan(yaml: String(decoding: bytes, as: UTF8.self), place: path)
        } catch {
            throw ProcessError(code: ExitStatus.configuration, message: "the fault plan is wrong", cause: "\(error)")
        }
    }

    public func run() async throws {
        var settings = ClusterSimulator.Configuration(load: load)
        if services + pods + nodes > 0 { settings.generated = .init(services: services, pods: pods, nodes: nodes, containers: containers) }
        settings.http = .init(host: http.host, port: http.port)
        settings.https = .init(host: https.host, port: https.port)
        settings.kubelets = replayKubelets ? .replayed : kubelets ? .simulated : .none
        settings.kubeconfig = kubeconfig == "-" ? nil : kubeconfig
        if let bookmarkInterval { settings.bookmarks = .every(.milliseconds(Int(bookmarkInterval * 1000))) }
        settings.historyLimit = history
        settings.seed = seed
        settings.metricsAPI = metricsAPI
        if let faults { settings.faults = try Self.plan(faults) }
        let logger = logging.makeLogger("cluster-simulator")
        let simulator = ClusterSimulator(settings, logger: logger)
        do {
            try await simulator.start()
        } catch {
            throw ProcessError(
                code: ExitStatus.configuration, message: "the simulated cluster does not start", cause: "\(error)")
        }
        let line =
            "ready kubeconfig=\(simulator.kubeconfigPath) http=\(simulator.plainURL ?? "-") "
            + "https=\(simulator.secureURL ?? "-")\n"
        FileHandle.standardOutput.write(Data(line.utf8))
        try await ProcessMain.serve(services: [SimulatorLifetime(simulator: simulator)], logger: logger)
    }
}

/// Keeps the simulator until the process is asked to end.
private struct SimulatorLifetime: Service {
    let simulator: ClusterSimulator

    func run() async throws {
        try? await gracefulShutdown()
        await simulator.stop()
    }
}
