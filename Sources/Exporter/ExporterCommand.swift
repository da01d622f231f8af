import AccessReview
public import ArgumentParser
import HummingbirdCore
import Logging
import MizzenSystem
import NIOCore
public import ProcessRuntime
import StreamCommandLine

/// `mizzen-exporter`: object metrics from the delta stream, for Prometheus.
public struct ExporterCommand: AsyncParsableCommand, Sendable {
    public static let configuration = CommandConfiguration(
        commandName: "mizzen-exporter",
        abstract: "Serves the metrics of Kubernetes objects that kube-state-metrics serves, from Mizzen's delta stream.",
        subcommands: [FamiliesCommand.self, CostCommand.self])

    @OptionGroup(title: "Streams") var streams: StreamOptions
    @OptionGroup(title: "Streams") var sampling: SampleOptions
    @OptionGroup(title: "Serving") var serving: ServingOptions
    @OptionGroup(title: "Selection") var selection: SelectionOptions
    @OptionGroup(title: "Counters of states") var states: StateCounterOptions
    @OptionGroup(title: "Options file") var file: OptionsFileOptions
    @OptionGroup(title: "Over a restart") var keeping: KeepOptions
    @OptionGroup(title: "Custom resources") var customs: CustomResourceMetricsOptions
    @OptionGroup(title: "Accepted without effect") var ignored: IgnoredOptions
    @OptionGroup(title: "Logging") var logging: LoggingOptions

    public init() {}

    public func validate() throws {
        for endpoint in SampleOptions.list(sampling.samples) { try streams.check(endpoint, of: "--samples") }
    }

    public func run() async throws {
        // Each thread that answers scrapes would keep the largest answer's pieces in a heap of its own.
        Allocator.staysSmall()
        let logger = logging.makeLogger("mizzen-exporter")
        let telemetry = ExporterTelemetry(isPublished: false)
        let kept = ExpositionKeeper(keeping, registry: telemetry.registry, logger: logger)
        let keeper = try GenerationKeeper(self, keeper: kept, registry: telemetry.registry, logger: logger)
        telemetry.alsoAwait { keeper.awaited }
        kept?.follow(keeper, telemetry)
        try await keeper.command.serve(keeper, telemetry, kept, logger)
    }

    /// - Parameter keeper: of whose options, with those of the file, these are.
    private func serve(
        _ keeper: GenerationKeeper, _ telemetry: ExporterTelemetry, _ kept: ExpositionKeeper?, _ logger: Logger
    ) async throws {
        for (flag, reason) in ignored.given where !(serving.authFilter && flag == "--kubeconfig") {
            logger.warning("this option has no effect here", metadata: ["option": "\(flag)", "reason": "\(reason)"])
        }
        let served = try ExporterConfiguration(selection, servesOnlyCustoms: customs.customResourceStateOnly)
        if !states.stateCountersFile.isEmpty, served.states == nil {
            logger.warning(
                "--state-counters-file has no effect: no family that counts states is served; name them with --metric-opt-in-list",
                metadata: ["families": "mizzen_pod_.*_total"])
        }
        let web: WebConfigurationSource? =
            serving.tlsConfig.isEmpty ? nil : try .init(serving.tlsConfig, registry: telemetry.registry, logger: logger)
        let passwords = PasswordBook()
        let reviewer =
            serving.authFilter
            ? try ReviewingClient(kubeconfig: ignored.kubeconfig, userAgent: "mizzen-exporter/\(MizzenVersion.current)", logger: logger)
            : nil
        let reviewed = reviewer.map {
            ReviewedScrapes(access: CachedAccess($0.access, lifetimes: ReviewedScrapes.lifetimes), logger: logger)
        }
        /// Of one port.
        func front(_ timeouts: HTTPTimeouts) -> HTTPFront {
            var timeouts = timeouts
            timeouts.ended = telemetry.slowExchange
            let front =
                web.map { WebFront($0, passwords: passwords).front(timeouts) } ?? HTTPFront(server: HTTPFront.plain(timeouts))
            return reviewed.map { $0.behind(front) } ?? front
        }
        let counters = StateCounters(
            states, streams, registry: telemetry.registry, logger: logger, selection: { keeper.states })
        try await ProcessMain.serve(
            services: [
                keeper, counters,
                ScrapeServer(
                    address: HTTPAddress(host: ListenHost.usable(serving.host), port: serving.port),
                    sections: { keeper.sections + counters.sections }, limiter: keeper.limiter, withheld: { keeper.withheld },
                    kept: { keeper.kept },
                    front: front(serving.timeouts),
                    compresses: serving.enableGzipEncoding,
                    servesPartial: serving.servePartial, telemetry: telemetry, logger: logger),
                HTTPEndpoints(
                    address: HTTPAddress(host: ListenHost.usable(serving.telemetryHost), port: serving.telemetryPort),
                    routes: TelemetryRoutes.make(telemetry), front: front(.init(readHeader: .seconds(5), idle: .seconds(300))),
                    logger: logger),
                // Services end from the last to the first: what is kept at a stop is what was served until then.
            ] + (reviewer.map { [$0] } ?? []) + (kept.map { [$0] } ?? []), logger: logger)
    }

    /// The start is over, but for what still happens at the same moment.
    static func releaseWhatTheStartTook() { StartMemory.giveBack(after: .seconds(3)) }
}

extension ExporterCommand {
    /// - Parameter words: as kube-state-metrics would be given them.
    /// - Returns: those that are to be parsed.
    /// - Throws: 64, naming a flag that cannot be read.
    public static func words(_ words: [String]) throws(ProcessError) -> [String] { try GoCommandLine.rewritten(words, for: Self.self) }
}
