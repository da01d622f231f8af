public import ArgumentParser
import Logging
public import ProcessRuntime

/// `mizzen-frontend`: answers DNS as a Corefile says, from the record table and from upstreams.
public struct FrontendCommand: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "mizzen-frontend",
        abstract: "Answers DNS as a Corefile says, from the record table and from upstream resolvers.",
        discussion: """
            Listens where the Corefile says. Several frontends may serve the same Corefile at once, HTTP addresses included: whichever is asked answers
            for all of them.
            SIGHUP reads the Corefile again; a broken one is logged and changes nothing. SIGTERM finishes what is under way and exits.
            """,
        subcommands: [CheckCommand.self, TableCommand.self, DirectivesCommand.self, ExplainCommand.self])

    @Option(name: [.customLong("corefile"), .customLong("conf", withSingleDash: true)], help: "The Corefile to serve.")
    public var corefile = "Corefile"

    @Option(help: "The record table that mizzen-watcher writes.")
    public var table = DefaultPaths.table

    @Option(
        help:
            "The age of the record table, such as 10m, beyond which this frontend reports it as stale and is not ready; it goes on answering. Without it: no age."
    )
    public var tableAgeLimit: GoDuration?

    @Option(
        help:
            "The folder, best in memory, where the frontends of this host count, so that each can tell the sums of all; '' for counters and HTTP addresses of this one alone."
    )
    public var counters = DefaultPaths.counters

    @Option(
        help:
            "Threads that answer; by default one for each processor that affinity and control groups (cpu.max) let this process keep busy.")
    public var threads: Int?

    @Option(
        name: [
            .customLong("dns-port"), .customLong("dns.port", withSingleDash: true),
            .customLong("p", withSingleDash: true),
        ],
        help: "The port of zones that name none.")
    public var dnsPort: UInt16 = 53

    @OptionGroup var clients: ClientRateOptions

    @OptionGroup var tops: TopListOptions

    @Flag(
        help:
            "Answers questions for addresses of outside names without asking upstreams, that there are none, where no service and no pod of the cluster has an address of that family: AAAA in clusters without IPv6."
    )
    var skipUnusableFamilies = false

    @Option(
        help:
            "For how long, such as 2m, the last good answer to an outside name is served while upstreams that gave it say NXDOMAIN, NODATA or SERVFAIL; from 1s to 1h. Without it: never."
    )
    var keepLastGood: GoDuration?

    @Flag(
        help:
            "Goes through a pod's search path for it: a question for an outside name below the pod's own namespace gets, in one answer, what the path comes to. Makes autopath @kubernetes work with every mode of pods."
    )
    var completeSearchPaths = false

    @OptionGroup public var logging: LoggingOptions

    public init() {}

    public func validate() throws {
        if let threads, !(1...256).contains(threads) {
            throw ValidationError("--threads: expected a number from 1 to 256, found \(threads)")
        }
        if let keepLastGood, !(1.0...3600).contains(keepLastGood.seconds) {
            throw ValidationError("--keep-last-good: expected a time from 1s to 1h, found \(keepLastGood)")
        }
    }

    public func run() async throws {
        let logger = logging.makeLogger("mizzen-frontend")
        var options = FrontendService.Options(
            corefile: corefile, table: table,
            threads: threads ?? ProcessorShare.available(), defaultPort: dnsPort,
            tableAgeLimit: tableAgeLimit?.duration, counters: counters.isEmpty ? nil : counters)
        options.clients = clients.settings
        options.tops = tops.settings
        options.lastGoodTime = keepLastGood?.duration
        options.skipsUnusableFamilies = skipUnusableFamilies
        options.completesSearchPaths = completeSearchPaths
        let service = try FrontendService(options: options, logger: logger)
        try await ProcessMain.serve(services: [service], logger: logger, drain: service.drainTime) {
            await service.reload()
        }
    }
}
