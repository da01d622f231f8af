import Logging
import ProcessRuntime
import Synchronization

/// The HTTP addresses of a frontend. Each is served by a task; one that ends by itself is a fault of the process.
final class EndpointGroup: Sendable {
    private struct Running {
        var routes: Set<String>
        var task: Task<Void, any Error>
    }

    private let companions: Companions?
    private let logger: Logger
    private let failed: @Sendable (ProcessError) -> Void
    private let running = Mutex<[String: Running]>([:])

    /// - Parameters:
    ///   - companions: other frontends that may serve the same addresses; nil for none.
    ///   - failed: called when an address that was served is not any more, and nobody asked for that.
    init(companions: Companions? = nil, logger: Logger, failed: @escaping @Sendable (ProcessError) -> Void) {
        self.companions = companions
        self.logger = logger
        self.failed = failed
    }

    /// Serves these addresses with these paths from now on, and no others; what stays the same is not touched.
    ///
    /// - Throws: what keeps one of them from listening; then those of before are served again.
    func serve(
        _ wanted: [String: Set<String>], routes: (_ address: String, Set<String>) -> [String: HTTPEndpoints.Route]
    ) async throws {
        let before = running.withLock { $0.mapValues(\.routes) }
        let old = before.filter { wanted[$0.key] != $0.value }
        await close(Array(old.keys))
        var opened: [String] = []
        do {
            for (address, names) in wanted.sorted(by: { $0.key < $1.key }) where before[address] != names {
                try await open(address, names, routes(address, names))
                opened.append(address)
            }
        } catch {
            await close(opened)
            for (address, names) in old {
                do {
                    try await open(address, names, routes(address, names))
                } catch {
                    failed(Self.fault(address, error))
                }
            }
            throw error
        }
    }

    func stop() {
        let tasks = running.withLock { running in
            defer { running = [:] }
            return running.values.map(\.task)
        }
        for task in tasks { task.cancel() }
    }

    private func close(_ addresses: [String]) async {
        let tasks = running.withLock { running in addresses.compactMap { running.removeValue(forKey: $0)?.task } }
        for task in tasks { task.cancel() }
        for task in tasks { _ = await task.result }
    }

    /// Returns once it listens.
    private func open(_ address: String, _ names: Set<String>, _ routes: [String: HTTPEndpoints.Route]) async throws {
        guard let parsed = HTTPAddress(argument: address) else { return }
        let (started, starting) = AsyncStream<Void>.makeStream()
        // A port that the system chooses is this process's alone.
        let sharing = parsed.port == 0 ? nil : companions.map { companions in PortSharing.with { companions.hasOthers(at: address) } }
        let endpoints = HTTPEndpoints(address: parsed, routes: routes, sharing: sharing ?? .none, logger: logger) { _ in starting.yield() }
        // Detached: the stop of the process, which its tasks inherit, would end health and readiness before DNS.
        let task = Task.detached {
            defer { starting.finish() }
            try await endpoints.run()
        }
        var listens = false
        for await _ in started {
            listens = true
            break
        }
        // Ended before it listened: the task has the reason.
        if !listens {
            // A stop that came while this waited is no fault.
            if Task.isCancelled { return task.cancel() }
            do {
                return try await task.value
            } catch var error as ProcessError where companions != nil && error.code == ExitStatus.unavailable {
                error.cause =
                    "frontends share an address only if user, --table, --counters and network namespace are the same, and --counters can be used"
                throw error
            }
        }
        running.withLock { $0[address] = Running(routes: names, task: task) }
        Task.detached { [failed] in
            let result = await task.result
            if task.isCancelled { return }
            switch result {
            case .success: failed(Self.fault(address, nil))
            case .failure(let error): failed(Self.fault(address, error))
            }
        }
    }

    private static func fault(_ address: String, _ error: (any Error)?) -> ProcessError {
        ProcessError(
            code: ExitStatus.software, message: "health, readiness or metrics are not served any more", place: address,
            cause: error.map { "\($0)" })
    }
}

extension FrontendConfiguration {
    /// HTTP addresses and the paths served there. Directives may share an address.
    var httpAddresses: [String: Set<String>] {
        var result: [String: Set<String>] = [:]
        for settings in blocks.flatMap(\.directives).flatMap(\.settings) {
            if let endpoint = settings.httpEndpoint { result[endpoint.address, default: []].insert(endpoint.path) }
        }
        return result
    }
}
