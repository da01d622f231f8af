extension TextTemplate {
    /// The text as Go prints a template that it has read, which is what metrics have as label: one space between the words of an action and none
    /// around them, no comments, no trim markers.
    var label: String {
        var scanner = TextTemplateScanner(text)
        var result: [UInt8] = []
        while true {
            result += scanner.text()
            do throws(TextTemplateFault) {
                guard try scanner.openAction() else { break }
                if try scanner.skipComment() { continue }
                result += try Self.action(&scanner)
            } catch {
                // It has been read before, so this cannot be.
                return text
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func action(_ scanner: inout TextTemplateScanner) throws(TextTemplateFault) -> [UInt8] {
        var result = Array("{{".utf8)
        // Whether white space counts if a word follows.
        var isBetween = false
        while !scanner.isAtClose, let octet = scanner.current {
            let start = scanner.at
            switch octet {
            case 0x20, 0x09, 0x0A, 0x0D:
                scanner.skipSpace()
                isBetween = ![UInt8(ascii: "("), UInt8(ascii: "{"), 0x20].contains(result.last ?? 0)
                continue
            case UInt8(ascii: "|"):
                scanner.skip()
                result += Array(" | ".utf8)
            case UInt8(ascii: ")"):
                scanner.skip()
                result.append(octet)
            default:
                if isBetween { result.append(0x20) }
                if [0x22, 0x27, 0x60].contains(octet) { _ = try scanner.quoted(by: octet) } else { scanner.skip() }
                result += scanner.octets(from: start)
            }
            isBetween = false
        }
        try scanner.closeAction()
        return result + Array("}}".utf8)
    }
}
