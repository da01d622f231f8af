import MizzenSystem
import Names

/// The weights of addresses, by name: a file of `NAME` lines, each followed by lines `ADDRESS WEIGHT`, with comments from `#` on.
struct AddressWeights: Sendable {
    struct Fault: Error {
        var message: String
        /// There is no such file: it may come later.
        var isMissing = false
    }

    private static let fileLimit = 16 << 20

    /// By name in lower case with a final dot.
    private var weights: [String: [IPAddress: UInt32]] = [:]

    init() {}

    static func read(_ path: String) throws(Fault) -> (weights: AddressWeights, identity: RegularFile.Identity) {
        let bytes: [UInt8]
        let identity: RegularFile.Identity
        do throws(RegularFile.Fault) {
            (bytes, identity) = try RegularFile.read(path, limit: fileLimit)
        } catch {
            throw Fault(message: "cannot read the weights \(path): \(error)", isMissing: error.isMissing)
        }
        return (try AddressWeights(bytes, file: path), identity)
    }

    init(_ bytes: [UInt8], file: String) throws(Fault) {
        var name: String?
        for (index, line) in String(decoding: bytes, as: UTF8.self).split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
            .enumerated()
        {
            let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace)
            let place = "\(file):\(index + 1)"
            switch words.count {
            case 0: continue
            case 1:
                guard IPAddress(words[0]) == nil else { throw Fault(message: "\(place): expected a weight behind \(words[0])") }
                guard let zone = ZoneName(String(words[0])) else { throw Fault(message: "\(place): '\(words[0])' is not a domain name") }
                name = zone.text.lowercased()
                weights[zone.text.lowercased(), default: [:]] = [:]
            case 2:
                guard let current = name else {
                    throw Fault(message: "\(place): expected a domain name on a line before the first address")
                }
                guard let address = IPAddress(words[0]) else { throw Fault(message: "\(place): '\(words[0])' is not an address") }
                guard let weight = UInt32(words[1]), (1...255).contains(weight) else {
                    throw Fault(message: "\(place): expected a weight from 1 to 255, found '\(words[1])'")
                }
                // Of two weights the first counts, as with CoreDNS.
                if weights[current]?[address] == nil { weights[current, default: [:]][address] = weight }
            default: throw Fault(message: "\(place): expected 'NAME' or 'ADDRESS WEIGHT'")
            }
        }
    }

    /// Nil for a name without weights.
    func weights(of name: String) -> [IPAddress: UInt32]? { weights[name] }

    /// What an address without a weight has.
    static let usual: UInt32 = 1
}
