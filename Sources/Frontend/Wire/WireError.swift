/// Why bytes are not a DNS name or message. Every case carries the offset, in bytes from the start of the input, of the
/// octet that broke the rule; the offset lies inside the input, or equals its length where the input ended too early.
enum WireError: Error, Equatable {
    /// The input ended where more octets were promised.
    case truncated(at: Int)
    /// A length octet above 63 that is no pointer (RFC 1035 4.1.4; 01 and 10 are reserved).
    case reservedLabelType(at: Int)
    /// A label of more than 63 octets, which only presentation text can hold.
    case labelTooLong(at: Int)
    /// A name of more than 255 octets with its length octets.
    case nameTooLong(at: Int)
    /// An empty label inside presentation text (`a..b`).
    case emptyLabel(at: Int)
    /// A `\` in presentation text that is not followed by a character or by three digits up to 255.
    case badEscape(at: Int)
    /// A pointer that does not lead strictly backwards.
    case forwardPointer(at: Int)
    /// More than `DNSName.pointerLimit` pointers in one name.
    case tooManyPointers(at: Int)
    /// Record data whose length does not fit its type.
    case malformedData(at: Int)

    /// Where the rule broke.
    var offset: Int {
        switch self {
        case .truncated(let at), .reservedLabelType(let at), .labelTooLong(let at), .nameTooLong(let at), .emptyLabel(let at),
            .badEscape(let at), .forwardPointer(let at), .tooManyPointers(let at), .malformedData(let at):
            at
        }
    }
}
