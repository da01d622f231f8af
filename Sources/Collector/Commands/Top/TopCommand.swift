import ArgumentParser
import DeltaStream
import KubernetesObjects
import Logging
import MizzenSystem
import Names
import ProcessRuntime
import StreamCommandLine

/// `mizzen-collector top`: what nodes and pods use beside what they ask for, from the streams alone.
struct TopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "Print what nodes or pods use, beside what they ask for, may use and have.",
        discussion: "Everything comes from the streams of a watcher and of collectors: no API server is asked.",
        subcommands: [TopNodesCommand.self, TopPodsCommand.self])
}

/// What both have in common.
struct TopOptions: ParsableArguments {
    enum Order: String, CaseIterable, ExpressibleByArgument {
        case cpu
        case memory
    }

    @Option(help: "Sort by cpu or memory, the largest first, in place of the name.")
    var sortBy: Order?

    @Option(name: [.long, .customShort("l")], help: "Only what has these labels.")
    var selector = ""

    @Flag(help: "Leave out the line of headers.")
    var noHeaders = false

    @Option(help: "How to answer: text or json.")
    var output = OutputForm.text

    @Option(help: "How long to wait for the watcher, and for the first sample.")
    var wait = GoDuration(seconds: 10)

    @Option(help: "The collectors' own --metric-resolution: how old a sample may be depends on it.")
    var metricResolution = GoDuration(seconds: 60)

    @OptionGroup(title: "Streams") var streams: StreamOptions
    @OptionGroup(title: "Streams") var sampling: SampleOptions
    @OptionGroup(title: "Logging") var logging: LoggingOptions

    func validate() throws {
        let endpoints = SampleOptions.list(sampling.samples)
        guard !endpoints.isEmpty else { throw ValidationError("--samples: give the endpoint of a collector") }
        for endpoint in endpoints { try streams.check(endpoint, of: "--samples") }
        guard wait.nanoseconds > 0 else { throw ValidationError("--wait: give a duration above zero, such as 10s") }
        guard metricResolution.nanoseconds > 0, metricResolution.nanoseconds <= 86_400_000_000_000 else {
            throw ValidationError("--metric-resolution: give a duration above zero and up to 24h, such as 15s")
        }
        do {
            _ = try LabelQuery(selector)
        } catch {
            throw ValidationError("--selector: \(error.message)")
        }
    }

    /// What the streams hold now.
    /// - Parameter isWhole: whether what is wanted has usage.
    func look(_ isWhole: @escaping @Sendable (TopObjects, UsageStore) -> Bool) async throws -> (TopObjects, UsageStore) {
        var logger = logging.makeLogger("mizzen-collector")
        if logger.logLevel == .info { logger.logLevel = .error }
        let objects = TopObjects()
        try await StreamGlimpse.fill(objects, with: [.nodes, .pods], from: streams, within: wait.duration, logger: logger)
        if objects.undecodable > 0 {
            logger.error("objects that cannot be read are missing", metadata: ["count": "\(objects.undecodable)"])
        }
        // As long as the collector itself answers a sample, with kubelets that take as long as they may.
        let resolution = metricResolution.nanoseconds
        let store = UsageStore(resolution: resolution, lifetime: resolution + max(resolution / 2, 10_000_000_000))
        let endpoints = SampleOptions.list(sampling.samples)
        try await UsageGlimpse.fill(
            store, from: endpoints, transport: try streams.transport(subscribingTo: endpoints), within: wait.duration, logger: logger
        ) { isWhole(objects, store) }
        return (objects, store)
    }

    func answer(_ table: TopTable) {
        StandardStream.output.write(output == .json ? table.json : Array(table.text(headers: !noHeaders).utf8))
        if let note = table.note { StandardStream.error.write(note + "\n") }
    }
}

struct TopNodesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nodes", abstract: "Print what nodes use, beside what their pods ask for and what they have.",
        discussion: """
            Percentages are of what is allocatable. Requests and limits are the sums over the node's pods that are not over, as the \
            scheduler counts them: init containers, sidecars, resources of whole pods and overhead included.
            """, aliases: ["node", "no"])

    @Argument(help: ArgumentHelp("Only this node.", valueName: "name"))
    var name: String?

    @OptionGroup var top: TopOptions

    func run() async throws {
        let selector = try LabelQuery(top.selector)
        let name = name
        @Sendable func isWanted(_ node: TopObjects.Node) -> Bool {
            selector.matches(node.catalog.labels) && name.map { $0 == node.catalog.name } ?? true
        }
        let (objects, store) = try await top.look { objects, store in
            let wanted = objects.nodes.filter { isWanted($0) && $0.catalog.isReady }.map(\.catalog)
            return store.items(of: wanted).count == wanted.count
        }
        let nodes = objects.nodes.filter(isWanted)
        if let name, nodes.isEmpty { throw ProcessError(code: 1, message: "there is no such node, or it has not the labels", place: name) }
        top.answer(.nodes(nodes, pods: objects.pods, usage: store.items(of: nodes.map(\.catalog)), sortedBy: top.sortBy))
    }
}

struct TopPodsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pods", abstract: "Print what pods use, beside what they ask for and may use.",
        discussion: "Percentages are of requests and of limits. Pods that do not run are left out, as they use nothing.",
        aliases: ["pod", "po"])

    @Argument(help: ArgumentHelp("Only this pod.", valueName: "name"))
    var name: String?

    @Option(name: [.long, .customShort("n")], help: "Of this namespace.")
    var namespace = "default"

    @Flag(name: [.long, .customShort("A")], help: "Of all namespaces.")
    var allNamespaces = false

    @Flag(help: "A line for each container.")
    var containers = false

    @OptionGroup var top: TopOptions

    func validate() throws {
        if name != nil, allNamespaces { throw ValidationError("a pod has a namespace: give it in place of --all-namespaces") }
    }

    func run() async throws {
        let selector = try LabelQuery(top.selector)
        let (name, namespace, allNamespaces) = (name, namespace, allNamespaces)
        @Sendable func isWanted(_ pod: TopObjects.Pod) -> Bool {
            pod.isRunning && (allNamespaces || pod.catalog.namespace == namespace) && selector.matches(pod.catalog.labels)
                && name.map { $0 == pod.catalog.name } ?? true
        }
        let (objects, store) = try await top.look { objects, store in
            let wanted = objects.pods.filter(isWanted).map(\.catalog)
            return store.items(of: wanted).count == wanted.count
        }
        let pods = objects.pods.filter(isWanted)
        if let name, pods.isEmpty {
            throw ProcessError(code: 1, message: "no such pod runs there, or it has not the labels", place: "\(namespace)/\(name)")
        }
        top.answer(
            .pods(
                pods, usage: store.items(of: pods.map(\.catalog)), byContainer: containers, showsNamespaces: allNamespaces,
                sortedBy: top.sortBy))
    }
}
