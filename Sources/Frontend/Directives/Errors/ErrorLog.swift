import MizzenSystem
import Logging
import RegularExpressions
import Synchronization

/// Logs what went wrong with queries, alike ones as one line a period. Shared by all threads; off the common path: takes a lock, which
/// nobody holds while a line is formatted or written.
final class ErrorLog: DirectiveSource {
    let settings: ErrorsSettings
    private let logger: Logger
    /// For each consolidation: how many since `began` (monotonic nanoseconds), nil while there are none.
    private let periods: Mutex<[Period?]>

    private struct Period {
        var began: Instant
        var count: Int
    }

    init(settings: ErrorsSettings, logger: Logger) {
        self.settings = settings
        self.logger = logger
        periods = Mutex(Array(repeating: nil, count: settings.consolidations.count))
    }

    func makeHandler(_ setup: HandlerSetup) -> DirectiveHandler? { ErrorReporter(self) }

    /// - Parameter index: of the consolidation that the failure belongs to; nil for none.
    fileprivate func report(question: String, reason: String, consolidation index: Int?, now: Instant) {
        flush(now: now)
        if let index {
            let rule = settings.consolidations[index]
            let isFirst = periods.withLock { periods in
                defer {
                    periods[index] = Period(
                        began: periods[index]?.began ?? now, count: (periods[index]?.count ?? 0) + 1)
                }
                return periods[index] == nil
            }
            if isFirst, rule.showFirst {
                logger.log(
                    level: rule.level.loggerLevel, "query failed",
                    metadata: ["query": "\(question)", "error": "\(reason)"])
            }
            return
        }
        logger.error("query failed", metadata: ["query": "\(question)", "error": "\(reason)"])
    }

    /// What was counted is not lost with the directive.
    func close() { flush(now: .max) }

    /// Logs the periods that are over. Called now and then by a worker, so that a last one is not kept for ever.
    func flush(now: Instant) {
        if settings.consolidations.isEmpty { return }
        for (index, rule) in settings.consolidations.enumerated() {
            let ended: Period? = periods.withLock { periods in
                guard let period = periods[index], now >= period.began + rule.period.span else { return nil }
                periods[index] = nil
                return period
            }
            // A single one that has been logged already is not told of twice.
            guard let ended, ended.count > 1 || !rule.showFirst else { continue }
            logger.log(
                level: rule.level.loggerLevel, "queries failed alike",
                metadata: [
                    "count": "\(ended.count)", "pattern": "\(rule.pattern.pattern)", "period": "\(rule.period.goNotation)",
                ])
        }
    }
}

/// The error log as one thread uses it.
final class ErrorReporter: DirectiveHandler {
    private let log: ErrorLog

    init(_ log: ErrorLog) { self.log = log }

    override var takesQueries: Bool { false }
    override var concludes: Bool { true }

    override func conclude(_ exchange: Exchange, _ bench: Workbench) {
        guard let reason = exchange.failure else { return }
        report(question: "\(exchange.query.original) \(exchange.query.type)", reason: reason)
    }

    override func everySecond(_ now: Instant, _ worker: Worker) { log.flush(now: now) }

    /// - Parameters:
    ///   - question: `name. TYPE`.
    ///   - reason: what failed, without the question.
    func report(question: String, reason: String, now: Instant = monotonicNow()) {
        let consolidations = log.settings.consolidations
        let words = consolidations.isEmpty ? nil : FailureWords.ofGo(reason)
        let index = consolidations.firstIndex { rule in
            rule.pattern.matches(reason) || words.map { rule.pattern.matches($0) } ?? false
        }
        log.report(question: question, reason: reason, consolidation: index, now: now)
    }
}

extension ErrorsSettings.Level {
    fileprivate var loggerLevel: Logger.Level {
        switch self {
        case .error: .error
        case .warning: .warning
        case .info: .info
        case .debug: .debug
        }
    }
}
