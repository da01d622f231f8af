import MizzenSystem
import TestSupport

/// Ways to cut an input, for properties that no cut may change.
enum Pieces {
    /// FNV-1a: the same input is always cut the same way.
    static func seed(_ input: [UInt8]) -> UInt64 {
        input.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    /// The input in single octets (of long inputs, in pieces of up to 7), and in a few random pieces, some of them empty.
    static func cuts(of input: [UInt8]) -> [[[UInt8]]] {
        var random = SeededRandom(seed: seed(input))
        var small: [[UInt8]] = []
        var at = 0
        while at < input.count {
            let size = input.count < 600 ? 1 : Int.random(in: 1...7, using: &random)
            small.append(Array(input[at..<min(at + size, input.count)]))
            at += size
        }
        var few: [[UInt8]] = []
        var rest = input[...]
        for _ in 0..<4 {
            let size = Int.random(in: 0...rest.count, using: &random)
            few.append(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        return [small, few + [Array(rest)]]
    }
}
