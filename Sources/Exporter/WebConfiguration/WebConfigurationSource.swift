import Logging
import MizzenSystem
import ProcessRuntime
import Synchronization

/// A web configuration file as it is now: it, and every file that it names, is looked at anew with each connection and each request, so
/// a certificate that is renewed serves the next connection.
///
/// One that cannot be taken is said and counted, and the former one goes on: a file that somebody is still writing takes nobody's
/// metrics away. Safe to use from any thread.
final class WebConfigurationSource: Sendable {
    private struct State: Sendable {
        var loaded: LoadedWebConfiguration
        /// Changes when `loaded` does.
        var generation = 0
        /// What stood at the paths of the configuration when they were last looked at.
        var seen: [String: RegularFile.Identity?]
    }

    private let path: String
    private let logger: Logger
    private let registry: MetricsRegistry
    private let state: Mutex<State>

    /// - Throws: 64 with the line of what is wrong.
    init(_ path: String, registry: MetricsRegistry, logger: Logger) throws(ProcessError) {
        self.path = path
        self.logger = logger
        self.registry = registry
        var seen: [String: RegularFile.Identity?] = [:]
        do throws(WebConfigurationFault) {
            let loaded = try LoadedWebConfiguration(path, seen: &seen)
            state = Mutex(State(loaded: loaded, seen: seen))
        } catch {
            throw ProcessError(
                code: ExitStatus.usage, message: error.reason, place: "--tls-config \(path)\(error.line.map { ":\($0)" } ?? "")")
        }
        report(isTaken: true)
        for warning in current.loaded.web.warnings {
            logger.warning("a part of the web configuration has no effect", metadata: ["file": "\(path)", "reason": "\(warning)"])
        }
    }

    var current: (loaded: LoadedWebConfiguration, generation: Int) {
        state.withLock { state in
            if Self.look(state.seen.keys) != state.seen { reload(&state) }
            return (state.loaded, state.generation)
        }
    }

    private static func look(_ paths: some Sequence<String>) -> [String: RegularFile.Identity?] {
        var found: [String: RegularFile.Identity?] = [:]
        for path in paths { found[path] = .some(try? RegularFile.identity(path)) }
        return found
    }

    private func reload(_ state: inout State) {
        // Also the files of the configuration that still serves: one of them may be what is mended next.
        let before = Self.look(state.seen.keys)
        var read: [String: RegularFile.Identity?] = [:]
        do throws(WebConfigurationFault) {
            let next = try LoadedWebConfiguration(path, seen: &read)
            guard (next.tls == nil) == (state.loaded.tls == nil) else {
                throw WebConfigurationFault(reason: "whether ports are encrypted cannot change while they are open; start again")
            }
            state.seen = read
            state.loaded = next
            state.generation += 1
            report(isTaken: true)
            logger.notice("the web configuration has changed", metadata: ["file": "\(path)"])
        } catch {
            state.seen = before.merging(read) { $1 }
            report(isTaken: false)
            logger.error(
                "a changed web configuration cannot be taken, the former one goes on",
                metadata: ["file": "\(path)", "line": "\(error.line.map(String.init) ?? "")", "reason": "\(error.reason)"])
        }
    }

    private func report(isTaken: Bool) {
        registry.report(configuration: "tlsconfig", file: path, text: nil, isTaken: isTaken)
    }
}
