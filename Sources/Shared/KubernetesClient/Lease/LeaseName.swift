/// Which Lease says who leads.
public struct LeaseName: Hashable, Sendable, CustomStringConvertible {
    public var namespace: String
    public var name: String

    /// Reads `NAMESPACE/NAME`; nil for what the API server would not take as names.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, Self.isLabel(parts[0][...]), parts[1].utf8.count <= 253,
            parts[1].split(separator: ".", omittingEmptySubsequences: false).allSatisfy(Self.isLabel)
        else { return nil }
        (namespace, name) = (parts[0], parts[1])
    }

    public var description: String { "\(namespace)/\(name)" }

    /// RFC 1123, lower case.
    private static func isLabel(_ text: Substring) -> Bool {
        func isAlphanumeric(_ byte: UInt8) -> Bool {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        guard let first = text.utf8.first, let last = text.utf8.last, text.utf8.count <= 63 else { return false }
        return isAlphanumeric(first) && isAlphanumeric(last)
            && text.utf8.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
    }
}
