public import ArgumentParser
public import Logging

/// `--log-level` and `--log-format`: take it into a command as an `@OptionGroup`.
public struct LoggingOptions: ParsableArguments, Sendable {
    public enum Format: String, ExpressibleByArgument, CaseIterable, Sendable {
        case text, json
    }

    @Option(help: "Least severity to log: trace, debug, info, notice, warning, error or critical.")
    public var logLevel: Logger.Level = .info

    @Option(help: "How a log line is written: text (key=value pairs) or json (one object a line).")
    public var logFormat: Format = .text

    public init() {}

    /// A logger that writes to standard error. `label` is the process's name, `mizzen-watcher`.
    public func makeLogger(_ label: String) -> Logger {
        var logger = Logger(label: label) { label in
            LineLogHandler(label: label, format: logFormat) { LogWriter.standardError.append($0.span) }
        }
        logger.logLevel = logLevel
        return logger
    }
}

extension Logger.Level: @retroactive ExpressibleByArgument {
    public init?(argument: String) {
        self.init(rawValue: argument.lowercased())
    }
}
