/// Why bytes from a socket were not taken.
enum EnvelopeError: Error, Hashable, Sendable {
    /// The message has the wrong frames.
    case wrongFrames
    /// Not a message of this type at all.
    case unparsable
    /// A newer publisher, or not one of ours.
    case unknownVersion(UInt32)
    /// A field has a value that it cannot have.
    case badField(StaticString)
    /// The topic says something else than the envelope.
    case wrongTopic

    static func == (left: EnvelopeError, right: EnvelopeError) -> Bool { left.text == right.text }
    func hash(into hasher: inout Hasher) { hasher.combine(text) }

    var text: String {
        switch self {
        case .wrongFrames: "wrong number of frames"
        case .unparsable: "not a message of the expected type"
        case .unknownVersion(let version): "envelope version \(version) is unknown here"
        case .badField(let name): "bad value in field \(name)"
        case .wrongTopic: "topic and envelope disagree"
        }
    }
}

/// The envelope version that this module writes and reads.
let envelopeVersion: UInt32 = 1
