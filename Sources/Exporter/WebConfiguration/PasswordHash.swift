import CCrypt

/// A password's bcrypt hash: `$2y$10$` and 53 characters; `$2a$` and `$2b$` say the same.
struct PasswordHash: Hashable, Sendable {
    /// bcrypt takes so many bytes of a password and no more.
    private static let significantBytes = 72

    private let text: String

    /// - Returns: nil for what is no such hash.
    init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 60, ["$2a$", "$2b$", "$2y$"].contains(text.prefix(4)), bytes[6] == UInt8(ascii: "$"),
            bytes[4...5].allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let cost = Int(String(decoding: bytes[4...5], as: UTF8.self)), (4...31).contains(cost),
            bytes[7...].allSatisfy({ "./".utf8.contains($0) || Character(UnicodeScalar($0)).isASCIIAlphanumeric })
        else { return nil }
        self.text = text
    }

    /// Whether a password has this hash. Takes as long as the hash's cost says: tens of milliseconds for 10, twice as long for each more.
    func matches(_ password: [UInt8]) -> Bool {
        // The library ends a text at its first zero byte, and no password of a header needs one.
        guard !password.contains(0) else { return false }
        let phrase = password.prefix(Self.significantBytes).map { CChar(bitPattern: $0) } + [0]
        // Safe: both are texts that end with a zero byte and live as long as the call.
        return unsafe mizzen_crypt_matches(phrase, text) == 1
    }
}

extension Character {
    fileprivate var isASCIIAlphanumeric: Bool { isASCII && (isLetter || isNumber) }
}
