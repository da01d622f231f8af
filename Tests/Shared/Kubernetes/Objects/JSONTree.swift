@testable import KubernetesObjects

/// A JSON value, to compare texts by meaning.
indirect enum JSONTree: Equatable {
    case object([String: JSONTree])
    case array([JSONTree])
    /// Strings, numbers and literals, as they are written.
    case scalar(String)

    init(_ text: [UInt8]) throws {
        var cursor = JSONCursor(text)
        self = try Self.read(&cursor)
        try cursor.expectEnd()
    }

    private static func read(_ cursor: inout JSONCursor) throws(ObjectDecodingError) -> JSONTree {
        switch cursor.peek() {
        case UInt8(ascii: "{"):
            var members: [String: JSONTree] = [:]
            try cursor.readObject { key, cursor throws(ObjectDecodingError) in
                members[String(decoding: key, as: UTF8.self)] = try read(&cursor)
            }
            return .object(members)
        case UInt8(ascii: "["):
            var elements: [JSONTree] = []
            try cursor.readArray { cursor throws(ObjectDecodingError) in elements.append(try read(&cursor)) }
            return .array(elements)
        case UInt8(ascii: "\""): return .scalar("\"" + (try cursor.readString()))
        default: return .scalar(String(decoding: cursor.bytes[try cursor.skip()], as: UTF8.self))
        }
    }

    /// An object without one of its members; nil when none is left.
    func without(_ key: String) -> JSONTree? {
        guard case .object(var members) = self else { return self }
        members[key] = nil
        return members.isEmpty ? nil : .object(members)
    }

    private var isEmptyObject: Bool {
        guard case .object(let members) = self else { return false }
        return members.values.allSatisfy(\.isEmptyObject)
    }

    /// The path of the first difference; nil when equal.
    func difference(from other: JSONTree, allowingMissingEmptyObjects: Bool, path: String = "") -> String? {
        switch (self, other) {
        case (.object(let mine), .object(let theirs)):
            for key in Set(mine.keys).union(theirs.keys).sorted() {
                let inner = path + "." + key
                guard let value = mine[key] else {
                    if allowingMissingEmptyObjects, theirs[key]?.isEmptyObject == true { continue }
                    return inner + " is missing"
                }
                guard let their = theirs[key] else { return inner + " is not wanted" }
                let difference = value.difference(
                    from: their, allowingMissingEmptyObjects: allowingMissingEmptyObjects, path: inner)
                if let difference { return difference }
            }
            return nil
        case (.array(let mine), .array(let theirs)):
            if mine.count != theirs.count { return "\(path) has \(mine.count) elements, not \(theirs.count)" }
            for index in mine.indices {
                let difference = mine[index].difference(
                    from: theirs[index], allowingMissingEmptyObjects: allowingMissingEmptyObjects,
                    path: "\(path)[\(index)]")
                if let difference { return difference }
            }
            return nil
        case (let mine, let theirs): return mine == theirs ? nil : "\(path): \(mine), not \(theirs)"
        }
    }

    /// The path of the first value that `whole` lacks or has otherwise; nil when it contains all of this.
    func firstMissing(from whole: JSONTree) -> String? {
        switch (self, whole) {
        case (.object(let mine), .object(let theirs)):
            for (key, value) in mine.sorted(by: { $0.key < $1.key }) {
                guard let their = theirs[key] else {
                    if value.isEmptyObject { continue }
                    return key
                }
                if let missing = value.firstMissing(from: their) { return "\(key).\(missing)" }
            }
            return nil
        case (.array(let mine), .array(let theirs)):
            if mine.count != theirs.count { return "count" }
            return zip(mine, theirs).lazy.compactMap { $0.firstMissing(from: $1) }.first
        case (let mine, let theirs): return mine == theirs ? nil : "\(mine)"
        }
    }
}
