import ArgumentParser
import KubernetesObjects
import Logging
import MizzenSystem
import ProcessRuntime
import Synchronization

/// The options file. Names and meanings are kube-state-metrics'.
struct OptionsFileOptions: ParsableArguments, Sendable {
    @Option(
        help: ArgumentHelp(
            "YAML file with options, which win over those of the command line; taken anew when it changes.", valueName: "file"))
    var config = ""

    @Flag(help: "Go on while the options file does not exist, or cannot be read.")
    var continueWithoutConfig = false

    /// nil where no file is asked for.
    /// - Throws: 78 for one that cannot be read.
    func source(registry: MetricsRegistry, logger: Logger) throws(ProcessError) -> OptionsFileSource? {
        config.isEmpty ? nil : try OptionsFileSource(config, isOptional: continueWithoutConfig, registry: registry, logger: logger)
    }
}

/// An options file as it is now.
final class OptionsFileSource: Sendable {
    private struct State: Sendable {
        var file = OptionsFile()
        var before = OptionsFile()
        var text: String?
    }

    private let path: String
    private let registry: MetricsRegistry
    private let logger: Logger
    private let state = Mutex(State())

    /// - Throws: 78 for a file that cannot be read and has to be there.
    init(_ path: String, isOptional: Bool, registry: MetricsRegistry, logger: Logger) throws(ProcessError) {
        (self.path, self.registry, self.logger) = (path, registry, logger)
        do throws(ProcessError) {
            let text = try read()
            let file = try parse(text)
            state.withLock { $0 = State(file: file, text: text) }
            registry.report(configuration: "config", file: path, text: text, isTaken: true)
        } catch {
            guard isOptional else { throw error }
            logger.warning("going on without the options file", metadata: ["file": "\(path)", "reason": "\(error.message)"])
        }
    }

    var current: OptionsFile { state.withLock { $0.file } }

    private func read() throws(ProcessError) -> String {
        do throws(RegularFile.Fault) {
            return String(decoding: try RegularFile.read(path, limit: ConfigurationNode.sizeLimit).bytes, as: UTF8.self)
        } catch {
            throw ProcessError(code: ExitStatus.configuration, message: "\(error)", place: path)
        }
    }

    private func parse(_ text: String) throws(ProcessError) -> OptionsFile {
        do throws(ConfigurationError) {
            let file = try OptionsFile(yaml: text)
            if !file.unknown.isEmpty {
                logger.warning(
                    "keys of the options file that mean nothing",
                    metadata: ["file": "\(path)", "keys": "\(file.unknown.sorted().joined(separator: ","))"])
            }
            return file
        } catch {
            throw ProcessError(code: ExitStatus.configuration, message: "\(error)", place: path)
        }
    }

    /// Looks at the file. One that went, or cannot be read, leaves the former one in force.
    /// - Returns: what has changed, if anything.
    func reload() -> (live: [String], afterRestart: [String])? {
        let file: OptionsFile
        // As when it is being put in place: what is served stays.
        guard let text = try? read(), state.withLock({ $0.text != text }) else { return nil }
        state.withLock { $0.text = text }
        do throws(ProcessError) {
            file = try parse(text)
        } catch {
            complain(error)
            return nil
        }
        registry.report(configuration: "config", file: path, text: text, isTaken: true)
        return state.withLock { state in
            (state.before, state.file) = (state.file, file)
            return file.changes(since: state.before)
        }
    }

    /// The file that was read last cannot be taken; the one before it is in force again.
    func refuse(_ error: ProcessError) {
        state.withLock { $0.file = $0.before }
        complain(error)
    }

    private func complain(_ error: ProcessError) {
        registry.report(configuration: "config", file: path, text: nil, isTaken: false)
        logger.error("the options file cannot be taken; the one before it stays", metadata: ["file": "\(path)", "reason": "\(error)"])
    }
}
