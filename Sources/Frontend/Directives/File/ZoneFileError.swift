/// A fault in a zone file: where it stands, and what was expected there.
///
/// `description` is `FILE:LINE: message`, the form that editors and terminals turn into a link; without a line where the file as a whole is at fault.
struct ZoneFileError: Error, Hashable, Sendable, CustomStringConvertible {
    var file: String
    /// Counted from 1; nil for the whole file.
    var line: Int?
    var message: String
    /// Whether the file does not exist: it may come later.
    var isMissing = false

    var description: String { "\(file)\(line.map { ":\($0)" } ?? ""): \(message)" }
}
