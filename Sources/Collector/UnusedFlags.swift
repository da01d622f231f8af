import Names
import ProcessRuntime

/// Flags of metrics-server that say nothing here: about the parts of Kubernetes' generic API server that a collector does not have (audit,
/// watches, writes, emulated versions), about Go, and about its logging library klog. They are taken, and one warning names them.
enum UnusedFlags {
    static let all: [GoCommandLine.Ignored] =
        flags.map { GoCommandLine.Ignored($0) }
        + texts.map { GoCommandLine.Ignored($0, takes: { _ in true }, expected: "a text") }
        + numbers.map { GoCommandLine.Ignored($0, takes: { Int($0) != nil }, expected: "a whole number") }
        + fractions.map { GoCommandLine.Ignored($0, takes: { Double($0) != nil }, expected: "a number") }
        + durations.map {
            GoCommandLine.Ignored($0, takes: { GoDuration(argument: $0) != nil }, expected: "a duration such as 90s or 1m30s")
        }
        + addresses.map { GoCommandLine.Ignored($0, takes: { IPAddress($0) != nil }, expected: "an IP address") }

    private static let flags = [
        "audit-log-batch-throttle-enable",
        "audit-log-compress",
        "audit-log-truncate-enabled",
        "audit-webhook-batch-throttle-enable",
        "audit-webhook-truncate-enabled",
        "contention-profiling",
        "emulation-forward-compatible",
        "enable-priority-and-fairness",
        "log-json-split-stream",
        "log-text-split-stream",
        "permit-address-sharing",
        "permit-port-sharing",
        "profiling",
        "runtime-config-emulation-forward-compatible",
        "shutdown-send-retry-after",
    ]

    private static let texts = [
        "audit-log-format",
        "audit-log-mode",
        "audit-log-path",
        "audit-log-version",
        "audit-policy-file",
        "audit-webhook-config-file",
        "audit-webhook-mode",
        "audit-webhook-version",
        "cors-allowed-origins",
        "debug-socket-path",
        "emulated-version",
        "external-hostname",
        "feature-gates",
        "log-json-info-buffer-size",
        "log-text-info-buffer-size",
        "logging-format",
        "strict-transport-security-directives",
        "vmodule",
    ]

    private static let numbers = [
        "audit-log-batch-buffer-size",
        "audit-log-batch-max-size",
        "audit-log-batch-throttle-burst",
        "audit-log-maxage",
        "audit-log-maxbackup",
        "audit-log-maxsize",
        "audit-log-truncate-max-batch-size",
        "audit-log-truncate-max-event-size",
        "audit-webhook-batch-buffer-size",
        "audit-webhook-batch-max-size",
        "audit-webhook-batch-throttle-burst",
        "audit-webhook-truncate-max-batch-size",
        "audit-webhook-truncate-max-event-size",
        "http2-max-streams-per-connection",
        "max-mutating-requests-inflight",
        "min-request-timeout",
    ]

    private static let fractions = [
        "audit-log-batch-throttle-qps",
        "audit-webhook-batch-throttle-qps",
        "goaway-chance",
    ]

    private static let durations = [
        "audit-log-batch-max-wait",
        "audit-webhook-batch-max-wait",
        "audit-webhook-initial-backoff",
        "livez-grace-period",
        "log-flush-frequency",
        "request-timeout",
        "shutdown-delay-duration",
        "shutdown-watch-termination-grace-period",
        "storage-initialization-timeout",
    ]

    private static let addresses = [
        "advertise-address"
    ]
}
