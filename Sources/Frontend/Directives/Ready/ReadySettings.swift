/// `ready`: says over HTTP (`/ready`) whether every directive that can be waiting is ready.
struct ReadySettings: DirectiveSettings {
    enum Monitor: String, CaseIterable, Sendable {
        /// Once ready, a directive is not asked again.
        case untilReady = "until-ready"
        case continuously
    }

    var address = ":8181"
    var monitor = Monitor.untilReady

    var httpEndpoint: (address: String, path: String)? { (address, "/ready") }

    static let row = DirectiveRow<ReadySettings>(
        name: "ready",
        summary:
            "Answers 200 on /ready once every directive of the block is ready, else 503 and the names of those that are not.",
        arguments: .listenAddress(\.address, "ADDRESS is HOST:PORT or :PORT to listen on; default :8181."),
        options: [
            .choice(
                "monitor", \.monitor, "Whether a directive that was ready once is asked again; default until-ready.")
        ])
}
