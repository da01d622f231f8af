import ProcessRuntime

/// The watcher's HTTP answers: alive while it answers at all, ready when every resource has been listed once.
struct WatcherHealth {
    let metrics: WatcherMetrics

    var routes: [String: HTTPEndpoints.Route] {
        let metrics = metrics
        return [
            "/livez": { .text("ok") },
            "/healthz": { .text("ok") },
            "/readyz": {
                let missing = metrics.missing
                guard !missing.isEmpty else { return .text("ok") }
                let names = missing.map { "\($0)" }.joined(separator: ", ")
                return .text("not ready: no full list yet of \(names); the log and mizzen_watcher_errors_total say why", status: 503)
            },
            "/metrics": { .metrics(metrics.registry.render()) },
        ]
    }
}
