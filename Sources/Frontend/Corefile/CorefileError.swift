/// A fault in a Corefile: where it stands and what was expected there.
///
/// `description` is `FILE:LINE: message`, the form that editors and terminals turn into a link.
struct CorefileError: Error, Hashable, Sendable, CustomStringConvertible {
    var file: String
    /// Counted from 1.
    var line: Int
    var message: String

    var description: String { "\(file):\(line): \(message)" }
}

/// Something in a Corefile that is accepted and has no effect; said once, at start and by `check`.
struct CorefileWarning: Hashable, Sendable, CustomStringConvertible {
    var file: String
    var line: Int
    var message: String

    var description: String { "\(file):\(line): \(message)" }
}

extension Token {
    /// The error that stands at this token.
    func error(_ message: String) -> CorefileError {
        CorefileError(file: file, line: line, message: message)
    }
}
