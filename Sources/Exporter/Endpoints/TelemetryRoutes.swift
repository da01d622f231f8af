import Glibc
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

enum ListenHost {
    /// `::` means every address, also where the kernel has no IPv6.
    static func usable(_ host: String) -> String {
        // Safe: the path is a constant, copied for the call.
        let hasIPv6 = unsafe access("/proc/net/if_inet6", F_OK) == 0
        return host == "::" && !hasIPv6 ? "0.0.0.0" : host
    }
}
