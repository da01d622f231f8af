/// Why a stream endpoint cannot be used.
///
/// Only set-up fails with it: what arrives over a socket is counted and skipped, never thrown.
public struct DeltaStreamError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Kind: Hashable, Sendable {
        /// What was asked for is malformed, or not allowed with these options.
        case badArgument
        /// Keys that are missing or not what they should be.
        case keys
        /// A file, socket or directory that cannot be made.
        case notCreated
        /// An address that is in use, is not this host's, or where nobody answers.
        case unavailable
        /// Anything else.
        case fault
    }

    /// What is wrong and what to do about it.
    public var message: String
    /// The endpoint or path concerned.
    public var place: String
    /// `errno` of the call that failed, where a call did.
    public var errorNumber: Int32?
    public var kind: Kind

    public init(_ message: String, place: String, kind: Kind = .fault, errorNumber: Int32? = nil) {
        self.kind = kind
        self.message = message
        self.place = place
        self.errorNumber = errorNumber
    }

    public var description: String {
        "\(place): \(message)\(cause.map { " (\($0))" } ?? "")"
    }

    /// What the system says, in words.
    public var cause: String? { errorNumber.map(ZeroMQ.text(ofError:)) }
}
