/// `timeouts`: how long TCP clients may take.
struct TimeoutsSettings: DirectiveSettings {
    /// Nil: as without the directive.
    var read: Duration?
    var write: Duration?
    var idle: Duration?

    func apply(to timeouts: inout ConnectionTimeouts) {
        if let read { timeouts.read = read }
        if let write { timeouts.write = write }
        if let idle { timeouts.idle = idle }
    }

    static let row = DirectiveRow<TimeoutsSettings>(
        name: "timeouts",
        summary: "How long clients with TCP connections may take; of blocks that share an address and port the last one decides.",
        repetition: .merged,
        options: [
            time("read", \.read, "For a whole query, once it has begun; default 3s."),
            time("write", \.write, "To take an answer; default 5s."),
            time("idle", \.idle, "From one query to the next; default 10s."),
            .ignored(
                "maxtcpqueries", usage: "NUMBER|-1",
                because: "a connection may ask as often as it likes, time and the number of connections are limited"),
        ],
        check: { settings, line throws(CorefileError) in
            if line.statement.block?.isEmpty ?? true { throw line.error("expected a block with at least one of read, write, idle") }
        })

    private static func time(
        _ name: String, _ path: any WritableKeyPath<TimeoutsSettings, Duration?> & Sendable, _ summary: String
    ) -> OptionRow<TimeoutsSettings> {
        .custom(name, usage: "DURATION", summary) { settings, line throws(CorefileError) in
            try line.expectWords(1...1)
            settings[keyPath: path] = try line.durationOrSeconds(line.words[0], .seconds(1) ... .seconds(86_400))
        }
    }
}
