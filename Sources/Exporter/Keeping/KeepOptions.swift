import ArgumentParser

/// What is kept over a restart.
struct KeepOptions: ParsableArguments, Sendable {
    @Option(
        help: ArgumentHelp(
            "File in which what is served is kept, so that after a restart it is served, marked with its age, until everything is here again.",
            valueName: "file"))
    var keep = ""

    @Option(
        help: ArgumentHelp("How often the file is written; also at a stop.", valueName: "duration"),
        transform: OptionValue.keepInterval)
    var keepInterval = Duration.seconds(60)

    @Option(
        help: ArgumentHelp("What was kept is not served any more when it is older.", valueName: "duration"),
        transform: OptionValue.duration)
    var keepAgeLimit = Duration.seconds(600)
}

extension OptionValue {
    static func keepInterval(_ text: String) throws -> Duration {
        let interval = try duration(text)
        guard interval >= .seconds(1) else { throw ValidationError("expected a duration from 1s on, such as 60s") }
        return interval
    }
}
