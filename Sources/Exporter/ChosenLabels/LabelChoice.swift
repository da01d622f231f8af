import ProcessRuntime
import RegularExpressions

/// Whose label it is that stands on a series.
enum LabelSource: CaseIterable, Hashable, Sendable {
    /// The object's own.
    case object
    /// The namespace's that the object is in; of a namespace its own.
    case namespace
    /// That of the object which controls this one: a ReplicaSet's, of a pod of a Deployment.
    case controller
    /// That of the last controller in the row: a Deployment's, of its pods; a CronJob's, of the pods of its jobs.
    case owner

    /// What stands before a key in the option.
    var prefix: String {
        switch self {
        case .object: ""
        case .namespace: "namespace:"
        case .controller: "controller:"
        case .owner: "owner:"
        }
    }

    /// What the labels' names on series begin with, and an underscore. No two are the beginning of one name, and none is that of a label
    /// which a family has itself, but for `label`, which `kube_*_labels` have.
    var namePrefix: String {
        switch self {
        case .object: "label"
        case .namespace: "namespace_label"
        case .controller: "controller_label"
        case .owner: "owner_label"
        }
    }
}

/// One entry of `--metric-labels-on`: labels that stand on the families of some names.
struct LabelChoice: Sendable {
    struct Key: Hashable, Sendable {
        var source: LabelSource
        var key: String
    }

    /// As it was written.
    let pattern: String
    let keys: [Key]
    private let expression: RegularExpression

    /// Whether the family's name is matched from its beginning to its end.
    func concerns(_ family: String) -> Bool { expression.matches(family) }

    /// Reads `kube_pod_.*=[team,namespace:team,owner:team]`, several of them with commas between, with blanks and line breaks where they
    /// do no harm. A pattern reaches up to the first `=[`, which no name has, so it may hold commas and brackets of its own.
    /// - Throws: 64, saying what is wrong.
    static func parse(_ text: String) throws(ProcessError) -> [LabelChoice] {
        var choices: [LabelChoice] = []
        var rest = text[...].drop(while: \.isWhitespace)
        while !rest.isEmpty {
            guard let (equals, keys) = start(of: rest), let close = rest[keys...].firstIndex(of: "]") else { throw malformed(text) }
            let pattern = String(rest[..<equals]).trimmed
            guard !pattern.isEmpty else { throw malformed(text) }
            choices.append(try LabelChoice(pattern, keys: Self.keys(rest[keys..<close])))
            rest = rest[rest.index(after: close)...].drop(while: \.isWhitespace)
            guard !rest.isEmpty else { break }
            guard rest.first == "," else { throw malformed(text) }
            rest = rest.dropFirst().drop(while: \.isWhitespace)
            guard !rest.isEmpty else { throw malformed(text) }
        }
        return choices
    }

    /// Where a pattern's equals sign is, and where its keys begin.
    private static func start(of entry: Substring) -> (equals: String.Index, keys: String.Index)? {
        var rest = entry
        while let equals = rest.firstIndex(of: "=") {
            rest = rest[rest.index(after: equals)...]
            let list = rest.drop(while: \.isWhitespace)
            if list.first == "[" { return (equals, list.index(after: list.startIndex)) }
        }
        return nil
    }

    private init(_ pattern: String, keys: [Key]) throws(ProcessError) {
        (self.pattern, self.keys) = (pattern, keys)
        do {
            expression = try RegularExpression("^(?:\(pattern))$")
        } catch {
            throw Self.error("'\(pattern)' is no regular expression for names of families", cause: "\(error)")
        }
    }

    private static func keys(_ body: Substring) throws(ProcessError) -> [Key] {
        var keys: [Key] = []
        for part in body.split(separator: ",") {
            let text = String(part).trimmed
            guard !text.isEmpty else { continue }
            let source = LabelSource.allCases.first { $0 != .object && text.hasPrefix($0.prefix) } ?? .object
            let key = Key(source: source, key: String(text.dropFirst(source.prefix.count)))
            if key.key.contains("*") {
                throw error("'\(text)' has a *; write the keys of labels one by one, since each makes more of every series")
            }
            guard LabelKey.isValid(key.key) else {
                throw error(
                    "'\(text)' is no key of a label; expected one such as team or app.kubernetes.io/name, with namespace:, controller: or "
                        + "owner: before it where it is not the object's own")
            }
            if !keys.contains(key) { keys.append(key) }
        }
        return keys
    }

    private static func malformed(_ text: String) -> ProcessError {
        error("cannot read '\(text)'; expected labels by names of families, as in kube_pod_.*=[team,namespace:team,owner:team]")
    }

    static func error(_ message: String, cause: String? = nil) -> ProcessError {
        ProcessError(code: ExitStatus.usage, message: message, place: "--metric-labels-on", cause: cause)
    }
}

/// The key of a label or annotation, as API servers take it.
enum LabelKey {
    static func isValid(_ key: String) -> Bool {
        let parts = key.utf8.split(separator: UInt8(ascii: "/"), maxSplits: 1, omittingEmptySubsequences: false)
        guard let name = parts.last, (1...63).contains(name.count), name.allSatisfy({ isAlphanumeric($0) || "-_.".utf8.contains($0) }),
            let first = name.first, let last = name.last, isAlphanumeric(first), isAlphanumeric(last)
        else { return false }
        guard parts.count == 2 else { return true }
        return (1...253).contains(parts[0].count)
            && parts[0].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { label in
                guard let first = label.first, let last = label.last, isLower(first), isLower(last) else { return false }
                return label.allSatisfy { isLower($0) || $0 == UInt8(ascii: "-") }
            }
    }

    private static func isLower(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool { isLower(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) }
}
