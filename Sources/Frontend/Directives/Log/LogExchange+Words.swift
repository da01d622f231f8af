import Names

extension LogExchange {
    func append(_ word: LogFormat.Word, to buffer: inout [UInt8]) {
        switch word {
        case .type: buffer.append(mnemonic: Mnemonics.type(type.rawValue), else: "TYPE", type.rawValue)
        case .recordClass: buffer.append(mnemonic: Mnemonics.recordClass(recordClass), else: "CLASS", recordClass)
        case .name: buffer.append(loggedName: name)
        case .proto: buffer.append(ascii: transport)
        case .size: buffer.append(decimal: size)
        case .remote: buffer.append(bracketed: remote)
        case .port: buffer.append(decimal: Int(remotePort))
        case .local: buffer.append(bracketed: local)
        case .id: buffer.append(decimal: Int(id))
        case .opcode: buffer.append(decimal: Int(opcode))
        case .wantsDNSSEC: buffer.append(ascii: wantsDNSSEC ? "true" : "false")
        case .bufferSize: buffer.append(decimal: bufferSize)
        case .rcode: appendCode(to: &buffer)
        case .flags: appendFlags(to: &buffer)
        case .rsize: answerSize.map { buffer.append(decimal: $0) } ?? buffer.append(UInt8(ascii: "-"))
        case .duration: duration.map { buffer.append(seconds: $0) } ?? buffer.append(UInt8(ascii: "-"))
        }
    }

    private func appendCode(to buffer: inout [UInt8]) {
        guard let answer else {
            buffer.append(UInt8(ascii: "-"))
            return
        }
        buffer.append(mnemonic: Mnemonics.responseCode(answer.code), else: "", answer.code)
    }

    private static let flagNames: [(mask: UInt16, name: String)] = [
        (0x8000, "qr"), (0x0400, "aa"), (0x0200, "tc"), (0x0100, "rd"), (0x0080, "ra"), (0x0040, "z"), (0x0020, "ad"), (0x0010, "cd"),
    ]

    private func appendFlags(to buffer: inout [UInt8]) {
        guard let answer else {
            buffer.append(UInt8(ascii: "-"))
            return
        }
        let start = buffer.count
        for (mask, name) in Self.flagNames where answer.flags & mask != 0 {
            if buffer.count > start { buffer.append(UInt8(ascii: ",")) }
            buffer.append(ascii: name)
        }
    }
}

/// Values as log lines write them.
extension [UInt8] {
    mutating func append(ascii text: String) { append(contentsOf: text.utf8) }

    fileprivate mutating func append(mnemonic: String?, else prefix: String, _ number: UInt16) {
        if let mnemonic { return append(ascii: mnemonic) }
        append(ascii: prefix)
        append(decimal: Int(number))
    }

    mutating func append(decimal number: Int, minimumDigits: Int = 1) {
        if number < 0 { append(UInt8(ascii: "-")) }
        let start = count
        var rest = number.magnitude
        repeat {
            append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        while count - start < minimumDigits { append(UInt8(ascii: "0")) }
        self[start...].reverse()
    }

    /// Seconds with as many of nine decimals as say something: `0.00125s`. A negative duration counts as none.
    fileprivate mutating func append(seconds duration: Duration) {
        let (seconds, attoseconds) = Swift.max(duration, .zero).components
        append(decimal: Int(seconds))
        let nanoseconds = Int(attoseconds / 1_000_000_000)
        if nanoseconds > 0 {
            append(UInt8(ascii: "."))
            append(decimal: nanoseconds, minimumDigits: 9)
            while last == UInt8(ascii: "0") { removeLast() }
        }
        append(UInt8(ascii: "s"))
    }

    /// An IPv6 address in brackets.
    fileprivate mutating func append(bracketed address: IPAddress) {
        let start = count
        AddressText.writePlain(address, to: &self)
        guard self[start...].contains(UInt8(ascii: ":")) else { return }
        insert(UInt8(ascii: "["), at: start)
        append(UInt8(ascii: "]"))
    }

    /// A name in lower case with a final dot, escaped as CoreDNS escapes it (other than RFC 1035's text only for space and quote).
    fileprivate mutating func append(loggedName name: borrowing DNSName) {
        if name.labelCount == 0 { append(UInt8(ascii: ".")) }
        for index in 0..<name.labelCount {
            for position in name.range(ofLabel: index) { append(loggedOctet: name.storage[position]) }
            append(UInt8(ascii: "."))
        }
    }

    private mutating func append(loggedOctet octet: UInt8) {
        switch octet {
        case 0x41...0x5A: append(octet | 0x20)
        // Those with a meaning in a zone file: space " ' ( ) . ; @ \
        case 0x20, 0x22, 0x27, 0x28, 0x29, 0x2E, 0x3B, 0x40, 0x5C:
            append(UInt8(ascii: "\\"))
            append(octet)
        case 0x21...0x7E: append(octet)
        default:
            append(UInt8(ascii: "\\"))
            append(decimal: Int(octet), minimumDigits: 3)
        }
    }
}
