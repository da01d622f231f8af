import ArgumentParser
import Logging
import ProcessRuntime

/// Where and how the exporter answers. Names and meanings are kube-state-metrics'.
struct ServingOptions: ParsableArguments, Sendable {
    @Option(help: ArgumentHelp("Address to serve metrics on.", valueName: "address"))
    var host = "::"

    @Option(help: ArgumentHelp("Port to serve metrics on.", valueName: "number"), transform: OptionValue.port)
    var port = 8080

    @Option(help: ArgumentHelp("Address to serve the exporter's own metrics on.", valueName: "address"))
    var telemetryHost = "::"

    @Option(
        help: ArgumentHelp("Port to serve the exporter's own metrics on.", valueName: "number"),
        transform: OptionValue.port)
    var telemetryPort = 8081

    @Option(
        help: ArgumentHelp("How long a kept connection may be idle.", valueName: "duration"),
        transform: OptionValue.duration)
    var serverIdleTimeout = Duration.seconds(300)

    @Option(
        help: ArgumentHelp("How long a request may take to arrive, its body included; 0 for any time.", valueName: "duration"),
        transform: OptionValue.duration)
    var serverReadTimeout = Duration.seconds(60)

    @Option(
        help: ArgumentHelp("How long the headers of a request may take to arrive; 0 for any time.", valueName: "duration"),
        transform: OptionValue.duration)
    var serverReadHeaderTimeout = Duration.seconds(5)

    @Option(
        help: ArgumentHelp(
            "How long an answer may take until the client has it; 0 for any time. Longer than a scrape takes.", valueName: "duration"),
        transform: OptionValue.duration)
    var serverWriteTimeout = Duration.seconds(60)

    @Option(
        help: ArgumentHelp("Encryption, passwords and headers of both ports, in Prometheus' web configuration format.", valueName: "file"))
    var tlsConfig = ""

    @Flag(help: "Let only those read /metrics whom the API server knows by their token and allows it; asks it with --kubeconfig.")
    var authFilter = false

    @Flag(help: "Compress answers for scrapers that accept gzip.")
    var enableGzipEncoding = false

    @Flag(help: "Answer scrapes from the first moment with what is there, where otherwise 503 says what is still missing.")
    var servePartial = false

    /// Of the main port.
    var timeouts: HTTPTimeouts {
        // As in Go: without a limit for the headers that of the request holds, and an idle connection is one that awaits a request.
        func limit(_ durations: Duration...) -> Duration? { durations.first { $0 > .zero } }
        return HTTPTimeouts(
            readHeader: limit(serverReadHeaderTimeout, serverReadTimeout), read: limit(serverReadTimeout), write: limit(serverWriteTimeout),
            idle: limit(serverIdleTimeout, serverReadTimeout))
    }
}

/// What is served. Names and meanings are kube-state-metrics'; lists are comma lists and may be given more than once.
struct SelectionOptions: ParsableArguments, Sendable {
    @Option(help: ArgumentHelp("Resources to serve; without it kube-state-metrics' usual ones.", valueName: "pods,nodes,…"))
    var resources: [String] = []

    @Option(help: ArgumentHelp("Namespaces to serve; without it all.", valueName: "names"))
    var namespaces: [String] = []

    @Option(help: ArgumentHelp("Namespaces to leave out.", valueName: "names"))
    var namespacesDenylist: [String] = []

    @Option(help: ArgumentHelp("Serve the pods of this node only; needs --resources=pods.", valueName: "name"))
    var node = ""

    @Flag(help: "Serve only pods that have no node yet.")
    var trackUnscheduledPods = false

    @Option(help: ArgumentHelp("Families to serve, names or regular expressions.", valueName: "patterns"))
    var metricAllowlist: [String] = []

    @Option(help: ArgumentHelp("Families not to serve, names or regular expressions.", valueName: "patterns"))
    var metricDenylist: [String] = []

    @Option(help: ArgumentHelp("Opt-in families to serve, names or regular expressions.", valueName: "patterns"))
    var metricOptInList: [String] = []

    @Option(help: ArgumentHelp("Labels that become labels of kube_*_labels.", valueName: "pods=[app,example.com/*],…"))
    var metricLabelsAllowlist: String?

    @Option(help: ArgumentHelp("Annotations that become labels of kube_*_annotations.", valueName: "pods=[owner],…"))
    var metricAnnotationsAllowlist: String?

    @Option(
        help: ArgumentHelp(
            "Labels of objects, their namespaces and their owners that stand on the series of families, given by regular expressions.",
            valueName: "kube_pod_.*=[team,owner:team],…"))
    var metricLabelsOn: [String] = []

    @Option(
        help: ArgumentHelp(
            "How many series families may have; one that would have more is left out whole until it has fewer again.",
            valueName: "family=number,…"))
    var seriesLimit: [String] = []

    @Option(help: ArgumentHelp("Which shard this is, from 0.", valueName: "number"), transform: OptionValue.count)
    var shard = 0

    @Option(
        help: ArgumentHelp("Into how many shards objects are divided, 1 to 256.", valueName: "number"),
        transform: OptionValue.count)
    var totalShards = 1

    @Option(
        help: ArgumentHelp(
            "This exporter's pod, one of a StatefulSet: its number and the set's replicas are the shard; comes before --shard.",
            valueName: "name"))
    var pod = ""

    @Option(help: ArgumentHelp("The namespace of --pod; both belong together.", valueName: "name"))
    var podNamespace = ""

    /// Where shards follow from a StatefulSet; nil where --shard and --total-shards say them.
    /// - Throws: 64 for a pod that has not the name of a StatefulSet's.
    func statefulPod(_ logger: Logger) throws(ProcessError) -> (name: StatefulPodName, namespace: String)? {
        guard !pod.isEmpty, !podNamespace.isEmpty else {
            if !pod.isEmpty || !podNamespace.isEmpty {
                logger.warning("--pod and --pod-namespace have an effect only together; --shard and --total-shards hold")
            }
            return nil
        }
        guard let name = StatefulPodName(pod) else {
            throw ProcessError(
                code: ExitStatus.usage, message: "'\(pod)' is not the name of a pod of a StatefulSet, which ends in a hyphen and a number",
                place: "--pod")
        }
        return (name, podNamespace)
    }
}

/// Readers of values whose errors say what is expected.
enum OptionValue {
    static func port(_ text: String) throws -> Int {
        guard let port = UInt16(text) else { throw ValidationError("expected a port number, 0 to 65535") }
        return Int(port)
    }

    static func count(_ text: String) throws -> Int {
        guard let count = Int32(text), count >= 0 else { throw ValidationError("expected a whole number from 0 on") }
        return Int(count)
    }

    /// Go's notation: `90s`, `1m30s`, `500ms`.
    static func duration(_ text: String) throws -> Duration {
        guard let duration = GoDuration(argument: text), duration.nanoseconds >= 0 else {
            throw ValidationError("expected a duration from 0 on, such as 60s, 1m30s or 500ms")
        }
        return duration.duration
    }
}
