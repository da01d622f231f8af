/// `prometheus`: counts the block's queries and serves all metrics over HTTP (`/metrics`).
struct PrometheusSettings: DirectiveSettings {
    var address = "localhost:9153"

    static func makeSources(_ statements: [Self], _ setup: BlockSetup) -> [any DirectiveSource] { [QueryCountersSource()] }

    var httpEndpoint: (address: String, path: String)? { (address, "/metrics") }

    static let row = DirectiveRow<PrometheusSettings>(
        name: "prometheus",
        summary: "Counts the block's queries and serves the metrics of the whole process on /metrics.",
        arguments: .listenAddress(\.address, "ADDRESS is HOST:PORT or :PORT to listen on; default localhost:9153."),
        options: [
            .ignored(
                "runtime_metrics", usage: "",
                because: "it adds metrics of the Go runtime, which this process does not have"),
            .notBuilt("tls", usage: "FILE"),
        ])
}
