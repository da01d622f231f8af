/// `multisocket`: several sockets for each address.
struct MultisocketSettings: DirectiveSettings {
    static let row = DirectiveRow<MultisocketSettings>(
        name: "multisocket",
        summary: "Accepted, and nothing to do: every thread has sockets of its own already (--threads says how many).",
        arguments: .custom("[NUMBER]", "From 1 to 1024.") { _, line throws(CorefileError) in
            try line.expectWords(0...1)
            if let word = line.words.first { _ = try line.integer(word, 1...1024) }
        })
}
