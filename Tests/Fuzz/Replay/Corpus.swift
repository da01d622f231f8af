import Foundation
import MizzenSystem
import TestSupport

/// The inputs of a target in Tests/Fuzz/Corpora: seeds, and what fuzzing found.
struct Corpus {
    let inputs: [(name: String, bytes: [UInt8])]

    private static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Corpora")

    static func folders() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: root.path).sorted() }

    init(_ target: String) throws {
        let folder = Self.root.appending(path: target)
        inputs = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().map { name in
            (name, [UInt8](try Data(contentsOf: folder.appending(path: name))))
        }
    }

    /// One of the inputs with a few changes, the same for the same generator.
    func mutation(_ random: inout SeededRandom, longest: Int) -> [UInt8] {
        var bytes = inputs.randomElement(using: &random)?.bytes ?? []
        for _ in 0...Int.random(in: 0...3, using: &random) {
            let at = Int.random(in: 0...bytes.count, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0 where at < bytes.count: bytes[at] = UInt8.random(in: 0...255, using: &random)
            case 1 where at < bytes.count: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 2: bytes.removeSubrange(at...)
            case 3: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...8, using: &random)))
            case 4: bytes.insert(contentsOf: bytes.suffix(from: at).prefix(16), at: at)
            default: bytes.insert([0, 0x22, 0x5C, 0x7B, 0x80, 0xFF].randomElement(using: &random) ?? 0, at: at)
            }
        }
        return Array(bytes.prefix(longest))
    }
}

/// Runs a target on inputs, as `make fuzz` does without libFuzzer. Returns the first input for which the property does not hold.
func firstFailure(
    _ target: FuzzTarget, on inputs: some Sequence<[UInt8]>
) -> (input: [UInt8], failure: PropertyFailure)? {
    for input in inputs {
        do throws(PropertyFailure) { try target.check(input) } catch { return (input, error) }
    }
    return nil
}
