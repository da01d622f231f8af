public import ArgumentParser
public import DeltaStream
public import ProcessRuntime

/// Where the stream is, and what protects it: the same options, with the same checks, for whoever publishes or follows it.
public struct StreamOptions: ParsableArguments, Sendable {
    @Option(
        help: ArgumentHelp("The stream's deltas: where a watcher publishes them (ipc:// or tcp://).", valueName: "endpoint"))
    public var deltas = DefaultPaths.deltas

    @Option(
        help: ArgumentHelp("The stream's snapshots: where a watcher answers requests for them.", valueName: "endpoint"))
    public var snapshots = DefaultPaths.snapshots

    @Flag(
        name: .customLong("allow-plain-tcp"),
        help: "Let tcp:// endpoints reach beyond loopback without encryption: anybody there can read the objects.")
    public var allowPlainTCP = false

    @Option(
        help: ArgumentHelp(
            "Directory with the keys that encrypt tcp:// endpoints and say who may connect ('mizzen-watcher keys' makes them).",
            valueName: "directory"))
    public var streamKeys: String?

    public init() {}

    public func validate() throws {
        try check(deltas, of: "--deltas")
        try check(snapshots, of: "--snapshots")
    }

    /// Whether an option holds an endpoint that may be used with these options, as far as can be said without touching anything.
    /// - Throws: `ValidationError`, naming the option.
    public func check(_ endpoint: String, of option: String) throws {
        do throws(DeltaStreamError) {
            try Transport.check(endpoint, isProtected: allowPlainTCP || streamKeys != nil)
        } catch {
            throw ValidationError("\(option): \(error)")
        }
    }

    /// For a publisher, whose endpoints are checked when they are bound.
    /// - Throws: 78 for keys that cannot be used.
    public func transport() throws(ProcessError) -> Transport {
        do {
            return try Transport(allowPlainTCP: allowPlainTCP, keys: streamKeys)
        } catch {
            throw ProcessError(error)
        }
    }

    /// For a subscriber.
    /// - Throws: 78 for keys that cannot be used, or that are missing for one of the endpoints.
    public func transport(subscribingTo endpoints: [String]) throws(ProcessError) -> Transport {
        let transport = try transport()
        do {
            for endpoint in endpoints { try transport.checkSubscribing(to: endpoint) }
        } catch {
            throw ProcessError(error)
        }
        return transport
    }
}

/// Where collectors publish their samples.
public struct SampleOptions: ParsableArguments, Sendable {
    @Option(
        help: ArgumentHelp(
            "Where a collector publishes samples. An exporter takes a comma list, and nothing for none.", valueName: "endpoint"))
    public var samples = DefaultPaths.samples

    public init() {}

    /// The entries of a comma list.
    public static func list(_ text: String) -> [String] {
        text.split(separator: ",").map { entry in
            var entry = entry.drop { $0.isWhitespace }
            while entry.last?.isWhitespace == true { entry.removeLast() }
            return String(entry)
        }.filter { !$0.isEmpty }
    }
}
