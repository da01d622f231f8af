/// `health`: says over HTTP (`/health`) that the process is alive, and keeps it answering for a while after a stop was
/// asked for.
struct HealthSettings: DirectiveSettings {
    var address = ":8080"
    var lameduck = Duration.zero

    static func makeSources(_ statements: [Self], _ setup: BlockSetup) -> [any DirectiveSource] {
        statements.map { settings in setup.kept(HealthCheck.self) { $0.settings == settings } ?? HealthCheck(settings, setup) }
    }

    var httpEndpoint: (address: String, path: String)? { (address, "/health") }

    static let row = DirectiveRow<HealthSettings>(
        name: "health",
        summary: "Answers 200 and OK on /health for as long as the process lives.",
        repetition: .merged,
        arguments: .listenAddress(\.address, "ADDRESS is HOST:PORT or :PORT to listen on; default :8080."),
        options: [
            .duration(
                "lameduck", .zero ... .seconds(3600), \.lameduck,
                "How long queries are still answered after a stop was asked for, while /ready already says no; default 0s."
            )
        ])
}
