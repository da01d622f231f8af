import Names

@testable import Frontend

/// The rules of a server block with these lines.
func rewriteRules(_ lines: String) throws -> RewriteRules { RewriteRules(try rewriteSettings(lines)) }

/// The settings of each `rewrite` in a server block with these lines.
func rewriteSettings(_ lines: String) throws -> [RewriteSettings] {
    let surroundings = CorefileSurroundings(variable: { _ in nil }, contents: { _ in nil }, names: { _ in [] })
    let text = ". {\n\(lines)\n}"
    return try CorefileParser.parse(Array(text.utf8), file: "Corefile", surroundings: surroundings).blocks[0].statements.map {
        var settings = RewriteSettings()
        var warnings: [CorefileWarning] = []
        try RewriteSettings.row.read($0, into: &settings, zones: [.root], warnings: &warnings)
        return settings
    }
}

/// A query as it arrives.
func rewriteQuestion(_ name: String, _ type: String = "A", recordClass: UInt16 = internetClass) throws -> RewriteQuestion {
    let original = try DNSName(name)
    var lower = original
    _ = lower.lowercase()
    return RewriteQuestion(
        name: lower, original: original, type: RecordType(mnemonic: type) ?? .any, recordClass: recordClass, options: nil)
}

/// 192.0.2.77, port 4711, asks 198.51.100.1, port 53, over UDP.
var rewriteClient: RewriteClient {
    RewriteClient(
        address: .v4(0xC000_024D), port: 4711, serverAddress: .v4(0xC633_6401), serverPort: 53, transport: "udp",
        metadata: { $0 == "kubernetes/client-namespace" ? "shop" : nil })
}

extension RewriteRules {
    /// The name that is asked in the place of this one; nil when no rule matches.
    func name(for name: String) throws -> String? {
        var question = try rewriteQuestion(name)
        return try apply(to: &question, of: rewriteClient) == nil ? nil : "\(question.name)"
    }

    /// What is done with the answer to this question; nothing when no rule matches.
    func answer(to name: String, _ type: String = "A") throws -> AnswerRewrite {
        var question = try rewriteQuestion(name, type)
        return try apply(to: &question, of: rewriteClient) ?? AnswerRewrite()
    }
}

extension AnswerRewrite {
    func owner(_ text: String) throws -> String {
        var name = try DNSName(text)
        _ = rewriteOwner(&name)
        return "\(name)"
    }

    func value(_ text: String) throws -> String {
        var name = try DNSName(text)
        _ = rewriteValue(&name)
        return "\(name)"
    }

    func target(_ text: String) throws -> String? { canonicalTarget(insteadOf: try DNSName(text)).map { "\($0)" } }
}
