import FoundationEssentials
import MizzenSystem

/// What a Corefile may reach outside itself: environment variables and the files it imports. Tests pass their own.
struct CorefileSurroundings: Sendable {
    /// The value of an environment variable, nil when it is not set.
    var variable: @Sendable (_ name: String) -> String?
    /// The bytes of a file, nil when it cannot be read, is a directory or holds more than `sizeLimit`.
    var contents: @Sendable (_ path: String) -> [UInt8]?
    /// The names in a directory, sorted; empty when it cannot be read.
    var names: @Sendable (_ directory: String) -> [String]

    /// What one imported file may hold: more than any Corefile, and little enough to be read at once.
    static let sizeLimit = 16 << 20

    /// The process's own environment and file system.
    static let process = CorefileSurroundings(
        variable: { ProcessInfo.processInfo.environment[$0] },
        contents: { try? RegularFile.read($0, limit: sizeLimit).bytes },
        names: { ((try? FileManager.default.contentsOfDirectory(atPath: $0)) ?? []).sorted() }
    )

    /// `text` with `{%NAME%}` and `{$NAME}` replaced by the variables' values, an unset one by nothing.
    ///
    /// References in values are replaced too, at most 100 in a word: values may name each other in a circle. What follows a reference that is
    /// not closed, or has no name, stays as it is.
    func expanding(_ text: String) -> String {
        replace(replace(text, opening: "{%", closing: "%}"), opening: "{$", closing: "}")
    }

    private func replace(_ text: String, opening: String, closing: String) -> String {
        var result = text
        for _ in 0..<100 {
            guard let start = result.firstRange(of: opening),
                let end = result[start.upperBound...].firstRange(of: closing), end.lowerBound > start.upperBound
            else { break }
            let value = variable(String(result[start.upperBound..<end.lowerBound])) ?? ""
            result.replaceSubrange(start.lowerBound..<end.upperBound, with: value)
        }
        return result
    }

    /// The paths that match `pattern`, sorted by name. At most one `*` and one `?` are allowed (the caller has checked), in any component.
    ///
    /// They match a name's first dot too, as in CoreDNS, but not two dots: so begin the names that a ConfigMap's volume has for itself.
    func paths(matching pattern: String) -> [String] {
        var bases = [pattern.hasPrefix("/") ? "/" : ""]
        for component in pattern.split(separator: "/", omittingEmptySubsequences: true).map(String.init) {
            if component.contains("*") || component.contains("?") {
                bases = bases.flatMap { base in
                    names(base.isEmpty ? "." : base)
                        .filter {
                            Self.matches(Array($0.utf8)[...], Array(component.utf8)[...]) && !$0.hasPrefix("..")
                        }
                        .map { base + $0 + "/" }
                }
            } else {
                bases = bases.map { $0 + component + "/" }
            }
        }
        return bases.map { String($0.dropLast()) }
    }

    private static func matches(_ name: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
        guard let first = pattern.first else { return name.isEmpty }
        switch first {
        case UInt8(ascii: "*"):
            return (0...name.count).contains { matches(name.dropFirst($0), pattern.dropFirst()) }
        case UInt8(ascii: "?"):
            return !name.isEmpty && matches(name.dropFirst(), pattern.dropFirst())
        default:
            return name.first == first && matches(name.dropFirst(), pattern.dropFirst())
        }
    }
}
