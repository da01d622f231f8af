import TestSupport
import Testing

@testable import Frontend

@Suite("health")
struct HealthCheckTests {
    @Test("the process asks itself, and shows how long that takes")
    func asks() async throws {
        let port = freePort()
        let frontend = try await RunningFrontend(".:0 {\n bind 127.0.0.1\n health 127.0.0.1:\(port)\n}")
        try await eventually("an answer was counted") {
            let text = String(decoding: frontend.control.metrics.render(), as: UTF8.self)
            return text.contains("coredns_health_request_failures_total 0\n")
                && text.contains("coredns_health_request_duration_seconds_count ")
                && !text.contains("coredns_health_request_duration_seconds_count 0\n")
        }
        try await frontend.stop()
    }
}
