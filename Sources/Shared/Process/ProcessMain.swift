public import ArgumentParser
import FoundationEssentials
import Glibc
public import Logging
import MizzenSystem
public import ServiceLifecycle
import NetworkErrors
import UnixSignals

/// The frame around every process: command line in, services running, exit code out.
public enum ProcessMain {
    /// Parses the command line of this process, runs the command it names and exits.
    ///
    /// Every option can come from the environment (`--table` from `MIZZEN_TABLE`); the command line wins. A flag may be
    /// written `--flag=true` or `--flag=false`. `--help` and `--version` work on every command. Whatever is thrown
    /// ends as one line on standard error and an exit code from ``ExitStatus``.
    /// - Parameter rewriting: makes of the words of the command line those that are parsed.
    public static func run(
        _ root: any AsyncParsableCommand.Type, rewriting: ([String]) throws(ProcessError) -> [String] = { $0 }
    ) async -> Never {
        // A reader that went away is found out by write's result, not by a signal that kills the process.
        signal(SIGPIPE, SIG_IGN)
        let status: Int32
        do throws(ProcessError) {
            let words = try rewriting(Array(CommandLine.arguments.dropFirst()))
            status = await Self.status(root, words: words, environment: ProcessInfo.processInfo.environment)
        } catch {
            status = complain(root._commandName, error.description, code: error.code)
        }
        // What was logged last says why the process ends; a stream that nobody reads does not keep it from ending.
        LogWriter.flushStandardStreams(within: .seconds(1))
        exit(status)
    }

    static func status(
        _ root: any AsyncParsableCommand.Type, words: [String], environment: [String: String]
    ) async -> Int32 {
        let name = root._commandName
        let invocation: CommandInvocation
        do {
            invocation = try CommandInvocation.resolve(root, words: words, environment: environment)
        } catch {
            return complain(name, error.description, code: error.code)
        }
        switch invocation.request {
        case .help:
            StandardStream.output.write(root.helpMessage(for: invocation.command) + "\n")
            return 0
        case .version:
            StandardStream.output.write("\(name) \(MizzenVersion.current)\n")
            return 0
        case .run:
            return await run(invocation, root: root)
        }
    }

    private static func run(_ invocation: CommandInvocation, root: any AsyncParsableCommand.Type) async -> Int32 {
        let name = root._commandName
        let hint =
            invocation.command == root ? "\(name) --help" : "\(name) \(invocation.command._commandName) --help"
        var command: any ParsableCommand
        do {
            command = try invocation.command.parseAsRoot(invocation.arguments)
        } catch {
            let code = invocation.command.exitCode(for: error).rawValue
            if code == 0 {
                StandardStream.output.write(invocation.command.fullMessage(for: error) + "\n")
                return 0
            }
            let message = invocation.command.message(for: error)
            return complain(name, "\(message) (try '\(hint)')", code: ExitStatus.usage)
        }
        do {
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            return 0
        } catch let error as ProcessError {
            return complain(name, error.description, code: error.code)
        } catch let exit as ExitCode {
            return exit.rawValue
        } catch let error as ValidationError {
            return complain(name, "\(error.message) (try '\(hint)')", code: ExitStatus.usage)
        } catch is CleanExit {
            return 0
        } catch {
            return complain(name, NetworkErrorText.words(error) ?? "\(error)", code: ExitStatus.software)
        }
    }

    private static func complain(_ name: String, _ text: String, code: Int32) -> Int32 {
        let line = String(text.map { $0.isNewline ? " " : $0 })
        LogWriter.standardError.append(Array("\(name): \(line)\n".utf8).span)
        return code
    }

    /// Runs `services` until SIGTERM or SIGINT, then drains them; SIGHUP calls `reload`.
    ///
    /// - Parameters:
    ///   - drain: how long services may take to finish; afterwards they are cancelled. Below the 10 s after which
    ///     supervisors send SIGKILL.
    ///   - stop: listens for SIGTERM and SIGINT in place of this call.
    ///   - ends: when one of these returns, services are drained as at a SIGTERM.
    /// - Throws: what the first failing service threw; a service that returns on its own is a fault (70).
    public static func serve(
        services: [any Service], logger: Logger, drain: Duration = .seconds(8), stop: StopRequest? = nil,
        until ends: [@Sendable () async -> Void] = [], reload: (@Sendable () async -> Void)? = nil
    ) async throws {
        DescriptorLimit.raise()
        let reasons = ends + (stop.map { stop in [{ await stop.wait() }] } ?? [])
        let ending = reasons.isEmpty ? [] : [GroupEnd(reasons: reasons)]
        var configuration = ServiceGroupConfiguration(
            services: (services + [HangUpListener(reload: reload, logger: logger), DescriptorShortage.Report(logger: logger)] + ending).map
            { service in
                // A name of its own: the library would print the service with all that it holds, which is the whole cluster in some.
                .init(
                    service: service, successTerminationBehavior: .gracefullyShutdownGroup,
                    failureTerminationBehavior: .gracefullyShutdownGroup, serviceName: "\(type(of: service))")
            },
            gracefulShutdownSignals: stop == nil ? [.sigterm, .sigint] : [],
            logger: logger.atLeast(.warning))
        configuration.maximumGracefulShutdownDuration = drain
        configuration.maximumCancellationDuration = .seconds(1)
        do {
            try await ServiceGroup(configuration: configuration).run()
        } catch let error as ServiceGroupError {
            throw ProcessError(
                code: ExitStatus.software, message: "a part of this process ended by itself; please report this",
                cause: "\(error)")
        }
    }
}

/// SIGHUP never kills a process of ours: it re-reads the configuration, or says that there is none to read.
private struct HangUpListener: Service {
    var reload: (@Sendable () async -> Void)?
    var logger: Logger

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            if let reload {
                logger.info("reloading", metadata: ["signal": "SIGHUP"])
                await reload()
            } else {
                logger.info("nothing to reload", metadata: ["signal": "SIGHUP"])
            }
        }
        // The sequence also ends when another service has failed; this one then only waits for the end.
        try? await gracefulShutdown()
    }
}

extension Logger {
    /// The same logger for a library that says more than operators want to read at `info`.
    func atLeast(_ level: Logger.Level) -> Logger {
        var copy = self
        if copy.logLevel > .debug { copy.logLevel = max(level, copy.logLevel) }
        return copy
    }
}
