import Logging
import MizzenSystem
import Names
import ProcessRuntime
import Synchronization

/// `health` looks at itself: asks `/health` once a second, as a kubelet would, and counts how long that takes. A process that has too much to
/// do shows there first.
final class HealthCheck: DirectiveSource {
    /// CoreDNS's.
    private static let patience: UInt64 = 3_000_000_000
    private static let slow: UInt64 = 1_000_000_000
    private static let request = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    private struct Failure: Error { var reason: String }

    let settings: HealthSettings
    private let logger: Logger
    private let durations: Histogram
    private let failures: Counter
    /// Ends the thread, once there is one.
    private let waker = Mutex<Waker?>(nil)

    init(_ settings: HealthSettings, _ setup: BlockSetup) {
        self.settings = settings
        logger = setup.logger
        durations = setup.metrics.registry.histogram(
            "coredns_health_request_duration_seconds", help: "How long a request of this process to its own /health took.",
            buckets: [0.00025, 0.0025, 0.025, 0.25, 2.5])
        failures = setup.metrics.registry.counter(
            "coredns_health_request_failures_total", help: "Requests of this process to its own /health that failed.")
    }

    /// The first look begins: not before, as a source that is never used has no thread.
    func follow(_ now: ContinuousClock.Instant) {
        let started: Waker? = waker.withLock { waker in
            guard waker == nil, let new = try? Waker() else { return nil }
            waker = new
            return new
        }
        guard let started, let address = Self.address(settings.address) else { return }
        do throws(SystemError) {
            try SystemThread.start(name: "health") { [weak self] in
                var wasGood = true
                while !started.wait(or: -1, milliseconds: 1000) {
                    guard let self else { return }
                    self.look(at: address, &wasGood)
                }
            }
        } catch {
            logger.error("health does not look at itself", metadata: ["error": "\(error)"])
        }
    }

    func close() { waker.withLock { $0 }?.wake() }

    /// Nil for what has no number to ask at. Names are this host's, which a Corefile says as `localhost`.
    private static func address(_ text: String) -> SocketAddress? {
        guard let parsed = HTTPAddress(argument: text), let port = UInt16(exactly: parsed.port), port > 0 else { return nil }
        guard let address = IPAddress(parsed.host) else {
            return parsed.host == "localhost" ? SocketAddress(address: .v4(0x7F00_0001), port: port) : nil
        }
        let own: IPAddress =
            switch address {
            case .v4(0): .v4(0x7F00_0001)
            case .v6(high: 0, low: 0): .v6(high: 0, low: 1)
            case .v4, .v6: address
            }
        return SocketAddress(address: own, port: port)
    }

    private func look(at address: SocketAddress, _ wasGood: inout Bool) {
        let began = monotonicNow()
        var failure: String?
        do {
            try Self.ask(address, until: began + Self.patience)
        } catch {
            failure = (error as? Failure)?.reason ?? "\(error)"
            failures.add()
        }
        let duration = monotonicNow() - began
        durations.observe(Double(duration) / 1e9)
        if failure == nil, duration > Self.slow { failure = "it took more than 1s" }
        if let failure, wasGood {
            logger.warning(
                "/health of this process, or of another one at its address, is not answered well",
                metadata: ["address": "\(address)", "error": "\(failure)"])
        } else if failure == nil, !wasGood {
            logger.info("/health is answered again", metadata: ["address": "\(address)"])
        }
        wasGood = failure == nil
    }

    private static func ask(_ address: SocketAddress, until deadline: Instant) throws {
        let socket = try Socket.connecting(.stream, to: address)
        let poller = try Poller()
        try poller.add(socket, .writable, token: 0)
        try wait(poller, deadline)
        let request = Array(Self.request.utf8)
        // A request so short leaves at once.
        _ = try Socket.send(request.span, on: socket)
        try poller.change(socket, .readable, token: 0)
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            try wait(poller, deadline)
            switch try Socket.receive(&buffer, from: socket) {
            case .nothingYet: continue
            case .end: throw Failure(reason: "the connection was closed")
            // Any answer counts, whatever it says: that is what CoreDNS counts.
            case .count: return
            }
        }
    }

    private static func wait(_ poller: Poller, _ deadline: Instant) throws {
        let milliseconds = (nanoseconds(from: monotonicNow(), until: deadline) + 999_999) / 1_000_000
        guard try milliseconds > 0 && poller.wait(milliseconds: Int32(milliseconds)) > 0 else {
            throw Failure(reason: "no answer within 3s")
        }
    }
}
