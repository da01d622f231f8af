import Logging

/// `debug`: log lines for whoever looks for a fault.
struct DebugSettings: DirectiveSettings {
    static let row = DirectiveRow<DebugSettings>(
        name: "debug",
        summary: "Logs with level debug too, whatever --log-level says: of all blocks. A fault ends this process with or without it.",
        repetition: .merged)
}

extension Logger {
    /// The same, with lines of level debug where a block asks for them.
    func asked(by blocks: [BlockConfiguration]) -> Logger {
        guard logLevel > .debug, blocks.contains(where: { !$0.all(DebugSettings.self).isEmpty }) else { return self }
        var copy = self
        copy.logLevel = .debug
        return copy
    }
}
