import ProcessRuntime

/// The telemetry port: the exporter's own metrics, and whether it is ready.
enum TelemetryRoutes {
    static func make(_ telemetry: ExporterTelemetry) -> [String: HTTPEndpoints.Route] {
        [
            "/metrics": { .metrics(telemetry.registry.render() + ProcessMetrics.render()) },
            "/healthz": { .text("OK") },
            "/livez": { .text("OK") },
            "/readyz": {
                let (isReady, text) = telemetry.readiness
                return .text(text, status: isReady ? 200 : 503)
            },
            "/": { HTTPAnswer(contentType: "text/html; charset=utf-8", body: Array(LandingPage.telemetry.utf8)) },
        ]
    }
}
