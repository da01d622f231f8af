import ArgumentParser

/// What is Mizzen's own in counting the states that pods pass through.
struct StateCounterOptions: ParsableArguments, Sendable {
    @Option(
        help: ArgumentHelp(
            "Keep the counters of pods' states in this file, so that a restart goes on counting; they are served with --metric-opt-in-list.",
            valueName: "path"))
    var stateCountersFile = ""

    @Option(
        help: ArgumentHelp("Series that the counters of pods' states have at most; 100000 unless told otherwise.", valueName: "number"),
        transform: OptionValue.count)
    var stateCountersLimit = 100_000
}
