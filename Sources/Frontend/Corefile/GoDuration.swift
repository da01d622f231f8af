import MizzenSystem
import ProcessRuntime

extension Duration {
    /// A time as Go writes it; nil for anything else.
    init?(goNotation text: String) {
        guard let found = GoDuration(argument: text) else { return nil }
        self = found.duration
    }

    /// As Go writes it, for messages, without zeros at the end: `1h` where Go has `1h0m0s`.
    var goNotation: String {
        var text = GoDurationText.format(nanoseconds)
        for zeros in ["m0s", "h0m"] where text.hasSuffix(zeros) { text.removeLast(2) }
        return text
    }
}
