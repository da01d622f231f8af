import ArgumentParser
import KubernetesClient
import KubernetesObjects
import ProcessRuntime

/// How the API server is watched.
struct WatchOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The server is asked to end each watch after this long, up to twice that at random, and the next one begins.",
            valueName: "duration"))
    var watchTimeout = GoDuration(seconds: 300)

    @Option(
        help: ArgumentHelp(
            "A watch that brings nothing for this long after the server was to end it is given up and started again.",
            valueName: "duration"))
    var watchSilenceLimit = GoDuration(seconds: 75)

    @Option(
        help: ArgumentHelp(
            "An answer that does not begin, or a list that brings nothing, for this long is given up and asked for again.",
            valueName: "duration"))
    var listSilenceLimit = GoDuration(seconds: 75)

    @Option(
        help: ArgumentHelp(
            "When nothing was read from an HTTP/2 connection to the API server for this long, a PING asks whether it lives.",
            valueName: "duration"))
    var connectionQuietLimit = GoDuration(seconds: 30)

    @Option(
        help: ArgumentHelp(
            """
            A connection whose PING brings nothing for this long is closed; so long may GET /livez take before the watches of a silent \
            server are given up.
            """,
            valueName: "duration"))
    var connectionAnswerLimit = GoDuration(seconds: 15)

    @Option(
        help: ArgumentHelp(
            "How often to compare table and stream with a list of the API server's metadata; 0 never does.",
            valueName: "duration"))
    var driftCheckInterval = GoDuration(seconds: 3600)

    @Option(
        help: ArgumentHelp(
            "How long a difference must last to be drift rather than a change under way.", valueName: "duration"))
    var driftSettleTime = GoDuration(seconds: 15)

    func validate() throws {
        for (name, value) in [
            ("watch-timeout", watchTimeout), ("watch-silence-limit", watchSilenceLimit), ("list-silence-limit", listSilenceLimit),
            ("connection-quiet-limit", connectionQuietLimit), ("connection-answer-limit", connectionAnswerLimit),
        ] where value.nanoseconds < 1_000_000_000 {
            throw ValidationError("--\(name) is \(value), but must be 1s or more")
        }
        guard driftCheckInterval.nanoseconds == 0 || driftCheckInterval.nanoseconds >= 1_000_000_000 else {
            throw ValidationError("--drift-check-interval is \(driftCheckInterval), but must be 0 or at least 1s")
        }
        guard driftSettleTime.nanoseconds >= 0 else {
            throw ValidationError("--drift-settle-time is \(driftSettleTime), but must not be negative")
        }
    }

    var reflector: Reflector.Options {
        var options = Reflector.Options()
        options.watchTimeout = watchTimeout.duration
        options.watchSilenceLimit = watchSilenceLimit.duration
        options.listSilenceLimit = listSilenceLimit.duration
        return options
    }

    /// Of HTTP/2 connections.
    var connection: SilenceLimits {
        SilenceLimits(quiet: connectionQuietLimit.duration, answer: connectionAnswerLimit.duration)
    }

    /// Of the server behind them: a connection's own check comes first.
    var server: SilenceLimits {
        SilenceLimits(
            quiet: connectionQuietLimit.duration + connectionAnswerLimit.duration, answer: connectionAnswerLimit.duration)
    }
}
