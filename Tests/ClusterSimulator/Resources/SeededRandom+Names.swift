import MizzenSystem

/// What a cluster draws: the same seed gives the same one, names and UIDs included.
extension SeededRandom {
    /// A version 4 UUID (RFC 9562, section 5.4).
    mutating func uid() -> String {
        let high = next() & 0xffff_ffff_ffff_0fff | 0x4000
        let low = next() & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000
        var digits: [UInt8] = []
        digits.reserveCapacity(36)
        for (word, dashes) in [(high, [8, 12]), (low, [4])] {
            for index in 0..<16 {
                if dashes.contains(index) || (index == 0 && word == low && !digits.isEmpty) {
                    digits.append(UInt8(ascii: "-"))
                }
                let nibble = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * index)) & 0xf
                digits.append(nibble < 10 ? 0x30 + nibble : 0x57 + nibble)
            }
        }
        return String(decoding: digits, as: UTF8.self)
    }

    /// Letters and digits that Kubernetes uses for generated names: no vowels and nothing that looks like one.
    private static let alphabet = Array("bcdfghjklmnpqrstvwxz2456789".utf8)

    mutating func nameSuffix(length: Int = 5) -> String {
        var letters: [UInt8] = []
        for _ in 0..<length { letters.append(Self.alphabet[Int(next() % UInt64(Self.alphabet.count))]) }
        return String(decoding: letters, as: UTF8.self)
    }

    /// A stable suffix for a text, as pod template hashes are.
    static func stableSuffix(of text: [UInt8], length: Int = 10) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        var random = SeededRandom(seed: hash)
        return random.nameSuffix(length: length)
    }
}
