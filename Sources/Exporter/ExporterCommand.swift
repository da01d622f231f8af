public import ArgumentParser
import HummingbirdCore
import Logging
import MizzenSystem
import NIOCore
import ProcessRuntime
import StreamCommandLine

/// `mizzen-exporter`: object metrics from the delta stream, for Prometheus.
public struct ExporterCommand: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "mizzen-exporter",
        abstract: "Serves the metrics of Kubernetes objects that kube-state-metrics serves, from Mizzen's delta stream.",
        subcommands: [FamiliesCommand.self, CostCommand.self])

    @OptionGroup(title: "Streams") var streams: StreamOptions
    @OptionGroup(title: "Streams") var sampling: SampleOptions
    @OptionGroup(title: "Serving") var serving: ServingOptions
    @OptionGroup(title: "Selection") var selection: SelectionOptions
    @OptionGroup(title: "Custom resources") var customs: CustomResourceMetricsOptions
    @OptionGroup(title: "Accepted without effect") var ignored: IgnoredOptions
    @OptionGroup(title: "Refused") var unbuilt: UnbuiltOptions
    @OptionGroup(title: "Logging") var logging: LoggingOptions

    public init() {}

    public func validate() throws {
        for endpoint in SampleOptions.list(sampling.samples) { try streams.check(endpoint, of: "--samples") }
    }

    public func run() async throws {
        // Each thread that answers scrapes would keep the largest answer's pieces in a heap of its own.
        Allocator.staysSmall()
        let logger = logging.makeLogger("mizzen-exporter")
        try unbuilt.refuse()
        let configuration = try ExporterConfiguration(selection, servesOnlyCustoms: customs.customResourceStateOnly)
        for (flag, reason) in ignored.given {
            logger.warning("this option has no effect here", metadata: ["option": "\(flag)", "reason": "\(reason)"])
        }
        for warning in configuration.warnings {
            logger.warning("a part of the options has no effect", metadata: ["reason": "\(warning)"])
        }
        let telemetry = ExporterTelemetry(
            shard: configuration.shard, totalShards: configuration.totalShards, becameWhole: { Self.releaseWhatTheStartTook() })
        let web: WebConfigurationSource? =
            serving.tlsConfig.isEmpty ? nil : try .init(serving.tlsConfig, registry: telemetry.registry, logger: logger)
        let passwords = PasswordBook()
        /// Of one port.
        func front(idleTimeout: Duration) -> HTTPFront {
            web.map { WebFront($0, passwords: passwords).front(idleTimeout: idleTimeout) }
                ?? HTTPFront(server: .http1(configuration: .init(idleTimeout: TimeAmount(idleTimeout))))
        }
        let feed = ObjectFeed(configuration, telemetry: telemetry, logger: logger)
        let customs = try customs.source().map { source throws(ProcessError) in
            try CustomResourceService(source, streams, selection: configuration.customs, registry: telemetry.registry, logger: logger)
        }
        if let customs { telemetry.alsoAwait { customs.missing } }
        try await ProcessMain.serve(
            services: [
                try DeltaFollower(streams, configuration, feed: feed, logger: logger),
                try SampleFollower(streams, sampling, feed: feed, logger: logger),
                ScrapeServer(
                    address: HTTPAddress(host: ListenHost.usable(serving.host), port: serving.port),
                    sections: feed.sections, moreSections: { customs?.sections ?? [] },
                    front: front(idleTimeout: serving.serverIdleTimeout),
                    compresses: serving.enableGzipEncoding,
                    servesPartial: serving.servePartial, telemetry: telemetry, logger: logger),
                HTTPEndpoints(
                    address: HTTPAddress(host: ListenHost.usable(serving.telemetryHost), port: serving.telemetryPort),
                    routes: TelemetryRoutes.make(telemetry), front: front(idleTimeout: .seconds(300)), logger: logger),
            ] + (customs.map { [$0] } ?? []), logger: logger)
    }

    /// The start is over, but for what still happens at the same moment.
    private static func releaseWhatTheStartTook() {
        Task {
            try await Task.sleep(for: .seconds(3))
            Allocator.trim()
            ProgramPages.release()
        }
    }
}
