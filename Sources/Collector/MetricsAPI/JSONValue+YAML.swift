extension JSONValue {
    /// The document as block YAML with sorted keys, as API servers write it.
    func yaml() -> [UInt8] {
        var text = ""
        writeYAML(to: &text, indent: 0, inList: false)
        return Array(text.utf8)
    }

    private var isFlow: Bool {
        switch self {
        case .array(let values): values.isEmpty
        case .object(let members): members.isEmpty
        case .string, .integer, .bool: true
        }
    }

    private func writeYAML(to text: inout String, indent: Int, inList: Bool) {
        let margin = String(repeating: " ", count: indent)
        switch self {
        case .string(let value): text += Self.yamlString(value) + "\n"
        case .integer(let value): text += "\(value)\n"
        case .bool(let value): text += "\(value)\n"
        case .array(let values):
            if values.isEmpty { text += "[]\n" }
            for value in values {
                text += margin + "- "
                value.writeYAML(to: &text, indent: indent + 2, inList: true)
            }
        case .object(let members):
            if members.isEmpty { text += "{}\n" }
            for (index, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
                // The first key of a list's item stands on the line of its dash.
                if index > 0 || !inList { text += margin }
                text += Self.yamlString(member.key) + ":"
                if member.value.isFlow {
                    text += " "
                    member.value.writeYAML(to: &text, indent: indent, inList: false)
                } else {
                    text += "\n"
                    // Lists start in their key's column.
                    if case .array = member.value {
                        member.value.writeYAML(to: &text, indent: indent, inList: false)
                    } else {
                        member.value.writeYAML(to: &text, indent: indent + 2, inList: false)
                    }
                }
            }
        }
    }

    /// Plain where no reader can take it for anything but this string, otherwise quoted as in JSON.
    private static func yamlString(_ text: String) -> String {
        if isPlain(text) { return text }
        var bytes: [UInt8] = []
        writeString(text, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isPlain(_ text: String) -> Bool {
        let reserved: Set<String> = ["true", "false", "yes", "no", "on", "off", "y", "n", "null", "inf", "nan"]
        guard let first = text.utf8.first, !reserved.contains(text.lowercased()) else { return false }
        let allowed = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                UInt8(ascii: "/"):
                true
            default: false
            }
        }
        guard allowed else { return false }
        switch first {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "/"):
            return true
        case UInt8(ascii: "0")...UInt8(ascii: "9"):
            // Not a number in any base, not a date: a number followed by a unit.
            let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
            guard let last = text.utf8.last, !digits.contains(last) else { return false }
            return Double(text) == nil && !text.contains("_") && !text.contains("-")
                && !(first == UInt8(ascii: "0") && text.utf8.count > 1)
        default: return false
        }
    }
}
