import ProcessRuntime

extension Duration {
    /// A time as Go writes it; nil for anything else.
    init?(goNotation text: String) {
        guard let found = GoDuration(argument: text) else { return nil }
        self = found.duration
    }

    /// The shortest of Go's notations with whole numbers, for messages: `1h`, `1m30s`, `500ms`.
    var goNotation: String {
        let (seconds, attoseconds) = components
        guard attoseconds == 0 else {
            let nanoseconds = attoseconds / 1_000_000_000
            if nanoseconds % 1_000_000 == 0 { return "\(seconds * 1000 + nanoseconds / 1_000_000)ms" }
            return "\(seconds * 1_000_000_000 + nanoseconds)ns"
        }
        var text = ""
        if seconds >= 3600 { text += "\(seconds / 3600)h" }
        if seconds % 3600 >= 60 { text += "\(seconds % 3600 / 60)m" }
        if seconds % 60 > 0 || text.isEmpty { text += "\(seconds % 60)s" }
        return text
    }
}
