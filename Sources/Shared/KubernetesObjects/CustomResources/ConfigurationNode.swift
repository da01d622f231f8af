import Yams

/// What is wrong with a part of a configuration.
package struct ConfigurationComplaint: Hashable, Sendable, CustomStringConvertible {
    /// As in `spec.resources[0].metrics[2]`.
    package var place: String
    /// From 1; nil where it is not known.
    package var line: Int?
    package var reason: String

    package init(place: String, line: Int? = nil, reason: String) {
        self.place = place
        self.line = line
        self.reason = reason
    }

    package var description: String { "\(place)\(line.map { ", line \($0)" } ?? ""): \(reason)" }
}

/// A configuration that cannot be read at all.
package struct ConfigurationError: Error, Hashable, CustomStringConvertible {
    /// From 1; nil where it is not known.
    package var line: Int?
    package var reason: String

    package init(line: Int? = nil, reason: String) {
        self.line = line
        self.reason = reason
    }

    package var description: String { "\(line.map { "line \($0): " } ?? "")\(reason)" }
}

/// A value of a YAML text, and where it stands in it.
package struct ConfigurationNode {
    private let node: Yams.Node
    /// As in `spec.resources[0].metrics[2]`; empty for the whole.
    package let place: String

    package struct Fault: Error {
        package var complaint: ConfigurationComplaint

        package init(_ complaint: ConfigurationComplaint) { self.complaint = complaint }
    }

    /// Longer texts are refused. A config map holds a MiB.
    package static let sizeLimit = 4 << 20
    /// Deeper nesting is refused before it is read, by brackets and by columns.
    package static let depthLimit = 200

    /// The first document.
    /// - Throws: for what is no YAML, or is none at all.
    package init(_ text: String) throws(ConfigurationError) {
        guard text.utf8.count <= Self.sizeLimit else {
            throw ConfigurationError(reason: "\(text.utf8.count) bytes are more than the limit of \(Self.sizeLimit)")
        }
        guard Self.isShallow(text) else {
            throw ConfigurationError(reason: "it is nested deeper than \(Self.depthLimit)")
        }
        let root: Yams.Node?
        do {
            root = try Parser(yaml: text).nextRoot()
        } catch let error as YamlError {
            throw Self.fault(error)
        } catch {
            throw ConfigurationError(reason: "\(error)")
        }
        guard let root else { throw ConfigurationError(reason: "it is empty") }
        (node, place) = (root, "")
    }

    private init(_ node: Yams.Node, place: String) { (self.node, self.place) = (node, place) }

    private static func fault(_ error: YamlError) -> ConfigurationError {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _), .composer(_, let problem, let mark, _):
            ConfigurationError(line: mark.line, reason: problem)
        case .duplicatedKeysInMapping(let duplicates, let context):
            ConfigurationError(line: context.mark.line, reason: "a map has '\(duplicates.first ?? "")' twice")
        default: ConfigurationError(reason: "it is no YAML text")
        }
    }

    /// The YAML library goes down the stack with every level, so no text may ask for many.
    private static func isShallow(_ text: String) -> Bool {
        var open = 0
        var markers = 0
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "["), UInt8(ascii: "{"): open += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"): open = max(0, open - 1)
            case UInt8(ascii: "\n"): markers = 0
            // `- - - a` opens a list with every dash.
            case UInt8(ascii: "-"), UInt8(ascii: "?"), UInt8(ascii: ":"): markers += 1
            default: break
            }
            if open > depthLimit || markers > 20 * depthLimit { return false }
        }
        return true
    }

    package func complaint(_ reason: String) -> ConfigurationComplaint {
        .init(place: place.isEmpty ? "the configuration" : place, line: node.mark?.line, reason: reason)
    }

    private func fault(_ reason: String) -> Fault { Fault(complaint(reason)) }

    /// What stands for nothing: an absent value, `null` and `~`.
    package var isNull: Bool {
        guard case .scalar(let scalar) = node else { return false }
        return scalar.style == .plain && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    /// The member of a map; nil where there is none, or it is null.
    /// - Throws: for what is no map.
    package func member(_ key: String) throws(Fault) -> ConfigurationNode? {
        guard let found = try members().last(where: { $0.key == key }) else { return nil }
        return found.value
    }

    /// The members of a map that are not null, those of merged maps (`<<`) first; none for null.
    package func members() throws(Fault) -> [(key: String, value: ConfigurationNode)] {
        try members(merging: 0)
    }

    /// The keys of a map, those of values that are null too; none for null.
    package func keys() throws(Fault) -> [String] {
        if isNull { return [] }
        guard case .mapping(let mapping) = node else { throw fault("a map was expected") }
        var keys: [String] = []
        for (key, _) in mapping {
            guard case .scalar(let name) = key else { throw fault("a key is no text") }
            keys.append(name.string)
        }
        return keys
    }

    private func members(merging depth: Int) throws(Fault) -> [(key: String, value: ConfigurationNode)] {
        if isNull { return [] }
        guard case .mapping(let mapping) = node else { throw fault("a map was expected") }
        var merged: [(key: String, value: ConfigurationNode)] = []
        var own: [(key: String, value: ConfigurationNode)] = []
        for (key, value) in mapping {
            guard case .scalar(let name) = key else { throw fault("a key is no text") }
            let member = ConfigurationNode(value, place: place.isEmpty ? name.string : "\(place).\(name.string)")
            if name.string == "<<", name.style == .plain {
                guard depth < 8 else { throw fault("maps are merged too deep") }
                merged += try member.merged(depth)
            } else if !member.isNull {
                own.append((name.string, member))
            }
        }
        let names = Set(own.map(\.key))
        return merged.filter { !names.contains($0.key) } + own
    }

    private func merged(_ depth: Int) throws(Fault) -> [(key: String, value: ConfigurationNode)] {
        guard case .sequence(let maps) = node else { return try members(merging: depth + 1) }
        guard maps.count <= 64 else { throw fault("too many maps are merged") }
        var all: [(key: String, value: ConfigurationNode)] = []
        // Of two that have a key the first counts, so it comes last.
        for map in maps.reversed() { all += try ConfigurationNode(map, place: place).members(merging: depth + 1) }
        return all
    }

    /// None for null.
    package func elements() throws(Fault) -> [ConfigurationNode] {
        if isNull { return [] }
        guard case .sequence(let sequence) = node else { throw fault("a list was expected") }
        return sequence.enumerated().map { ConfigurationNode($1, place: "\(place)[\($0)]") }
    }

    /// A scalar as it is written; empty for null.
    package func text() throws(Fault) -> String {
        if isNull { return "" }
        guard case .scalar(let scalar) = node else { throw fault("a text was expected") }
        return scalar.string
    }

    package func texts() throws(Fault) -> [String] {
        var texts: [String] = []
        for element in try elements() { texts.append(try element.text()) }
        return texts
    }

    package func bool() throws(Fault) -> Bool {
        switch try text() {
        case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON": return true
        case "", "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF": return false
        default: throw fault("true or false was expected")
        }
    }

    package func integer() throws(Fault) -> Int {
        let text = try text()
        guard let number = text.isEmpty ? 0 : Int(text) else { throw fault("a whole number was expected") }
        return number
    }
}
