import ArgumentParser
import KubernetesClient
import KubernetesObjects
import ProcessRuntime

/// How the API server is watched.
struct WatchOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A watch that brings nothing for this long, no bookmark either, is dead and started again; servers send a bookmark about once a minute.",
            valueName: "duration"))
    var watchSilenceLimit = GoDuration(seconds: 90)

    @Option(help: ArgumentHelp("A list that brings nothing for this long is dead and asked for again.", valueName: "duration"))
    var listSilenceLimit = GoDuration(seconds: 75)

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
        for (name, value) in [("watch", watchSilenceLimit), ("list", listSilenceLimit)] where value.nanoseconds < 1_000_000_000 {
            throw ValidationError("--\(name)-silence-limit is \(value), but must be 1s or more")
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
        options.watchSilenceLimit = watchSilenceLimit.duration
        options.listSilenceLimit = listSilenceLimit.duration
        return options
    }
}
