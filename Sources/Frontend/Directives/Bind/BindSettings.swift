import Names

/// An address, or the name of an interface that stands for all of its addresses.
enum BindTarget: Hashable, Sendable, CustomStringConvertible {
    case address(IPAddress)
    case interface(String)

    var description: String {
        switch self {
        case .address(let address): address.description
        case .interface(let name): name
        }
    }
}

/// `bind`: the addresses that the block listens on, instead of all.
struct BindSettings: DirectiveSettings {
    var targets: [BindTarget] = []
    var exceptions: [BindTarget] = []

    static let row = DirectiveRow<BindSettings>(
        name: "bind",
        summary: "Listens on these addresses only, instead of on all of the host's.",
        repetition: .many,
        arguments: .custom("ADDRESS|INTERFACE...", "Addresses, or interfaces that stand for all of their addresses.") {
            settings, line throws(CorefileError) in
            try line.expectWords(1...Int.max)
            settings.targets = try line.bindTargets()
        },
        options: [
            .custom(
                "except", usage: "ADDRESS|INTERFACE...", "Addresses left out, of those that an interface stands for."
            ) { settings, line throws(CorefileError) in
                try line.expectWords(1...Int.max)
                settings.exceptions += try line.bindTargets()
            }
        ])
}

extension OptionLine {
    /// Whether an interface of that name exists is found out when sockets are opened.
    fileprivate func bindTargets() throws(CorefileError) -> [BindTarget] {
        var targets: [BindTarget] = []
        for word in words {
            if let address = IPAddress(word.text) {
                targets.append(.address(address))
            } else if (1...15).contains(word.text.utf8.count), !word.text.contains("/"), !word.text.contains(":") {
                // The kernel's own limits for a name: IFNAMSIZ is 16 with the closing zero.
                targets.append(.interface(word.text))
            } else {
                throw error("expected an IP address or an interface's name, found '\(word.text)'", at: word)
            }
        }
        return targets
    }
}
