import Names

/// What `rewrite edns0` does to a query's options.
struct OptionRewrite: Sendable, Equatable {
    enum Action: String, Sendable, CaseIterable { case set, append, replace, unset }

    enum Option: Sendable, Equatable {
        case local(code: UInt16, [UInt8])
        case variable(code: UInt16, Variable)
        case nsid
        /// Bits of the client's address that are told.
        case subnet(v4: UInt8, v6: UInt8)
    }

    /// A word in braces; its value is found out for each query.
    enum Variable: Sendable, Equatable {
        case questionName, questionType, clientAddress, clientPort, transport, serverAddress, serverPort
        /// Of the `metadata` directive, `directive/name`.
        case label(String)

        init?(_ word: String) {
            switch word {
            case "{qname}": self = .questionName
            case "{qtype}": self = .questionType
            case "{client_ip}": self = .clientAddress
            case "{client_port}": self = .clientPort
            case "{protocol}": self = .transport
            case "{server_ip}": self = .serverAddress
            case "{server_port}": self = .serverPort
            default:
                let label = word.dropFirst().dropLast()
                guard let slash = label.firstIndex(of: "/"), slash > label.startIndex, slash < label.index(before: label.endIndex)
                else { return nil }
                self = .label(String(label))
            }
        }
    }

    var action: Action
    var option: Option
    /// Whether the client's answer shows the option as it was before.
    var reverts = false

    var code: UInt16 {
        switch option {
        case .local(let code, _), .variable(let code, _): code
        case .nsid: EDNSOptions.nsid
        case .subnet: EDNSOptions.subnet
        }
    }

    /// Changes the options. Returns whether the rule counts as applied, and what the answer needs.
    ///
    /// As in CoreDNS a query without an OPT record gets one, whether or not the rule finds anything in it, and `append` of a
    /// fixed text or of NSID adds a second option where there is one, while `append` of a variable or a subnet does not.
    func apply(to question: inout RewriteQuestion, of client: RewriteClient) -> (isApplied: Bool, step: AnswerStep?) {
        guard let data = data(for: question, of: client) else { return (false, nil) }
        var options = question.options ?? EDNSOptions()
        defer { question.options = options }
        if action == .unset {
            options.removeAll(code)
            return (true, nil)
        }
        if let old = options.data(of: code) {
            switch action {
            case .set, .replace:
                _ = options.replace(code, data)
                return (true, reverts ? .restoreOption(code, old) : nil)
            case .append where addsTwice: break
            case .append, .unset: return (false, nil)
            }
        } else if action == .replace {
            return (false, nil)
        }
        options.append(code, data)
        return (true, reverts ? .removeOption(code) : nil)
    }

    private var addsTwice: Bool {
        switch option {
        case .local, .nsid: true
        case .variable, .subnet: false
        }
    }

    /// The option's data; nil for a label without a value.
    private func data(for question: RewriteQuestion, of client: RewriteClient) -> [UInt8]? {
        switch option {
        case .local(_, let data): data
        case .nsid: []
        case .subnet(let v4, let v6): Self.subnet(of: client.address, v4: v4, v6: v6)
        case .variable(_, let variable): Self.value(of: variable, for: question, of: client)
        }
    }

    private static func value(of variable: Variable, for question: RewriteQuestion, of client: RewriteClient) -> [UInt8]? {
        switch variable {
        case .questionName:
            let text = NameText(question.original)
            let octets = text.octets
            return octets.indices.map { octets[$0] }
        case .questionType: return word(question.type.rawValue)
        case .clientAddress: return client.address.bytes
        case .clientPort: return word(client.port)
        case .transport: return Array(client.transport.utf8)
        case .serverAddress: return client.serverAddress.bytes
        case .serverPort: return word(client.serverPort)
        case .label(let label):
            let value = client.metadata(label) ?? ""
            return value.isEmpty ? nil : Array(value.utf8)
        }
    }

    private static func word(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xFF)] }

    /// Family, source and scope prefix lengths, and no more octets of the address than the prefix needs (RFC 7871 6).
    private static func subnet(of address: IPAddress, v4: UInt8, v6: UInt8) -> [UInt8] {
        let bytes = address.bytes
        let isV4 = bytes.count == 4
        let bits = Int(isV4 ? v4 : v6)
        var kept = Array(bytes.prefix((bits + 7) / 8))
        if bits % 8 != 0, let last = kept.indices.last { kept[last] &= UInt8(truncatingIfNeeded: 0xFF00 >> (bits % 8)) }
        return [0, isV4 ? 1 : 2, UInt8(truncatingIfNeeded: bits), 0] + kept
    }
}
