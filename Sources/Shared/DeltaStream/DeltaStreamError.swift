/// Why a stream endpoint cannot be used.
///
/// Only set-up fails with it: what arrives over a socket is counted and skipped, never thrown.
public struct DeltaStreamError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong and what to do about it.
    public var message: String
    /// The endpoint or path concerned.
    public var place: String
    /// `errno` of the call that failed, where a call did.
    public var errorNumber: Int32?

    public init(_ message: String, place: String, errorNumber: Int32? = nil) {
        self.message = message
        self.place = place
        self.errorNumber = errorNumber
    }

    public var description: String {
        let cause = errorNumber.map { " (\(ZeroMQ.text(ofError: $0)), errno \($0))" } ?? ""
        return "\(place): \(message)\(cause)"
    }
}
