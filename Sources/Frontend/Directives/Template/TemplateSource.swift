import ProcessRuntime
import RegularExpressions

extension TemplateSettings {
    /// All templates of a block are one step of the chain, as the next is asked where one falls through.
    static func makeSources(_ statements: [Self], _ setup: BlockSetup) throws(ProcessError) -> [any DirectiveSource] {
        [setup.kept(TemplateSource.self, where: { $0.settings == statements }) ?? TemplateSource(statements)]
    }
}

/// The `template` directives of a block.
final class TemplateSource: DirectiveSource {
    let settings: [TemplateSettings]
    let templates: [CompiledTemplate]

    init(_ settings: [TemplateSettings]) {
        self.settings = settings
        templates = settings.map { CompiledTemplate($0) }
    }

    func makeHandler(_ setup: HandlerSetup) -> DirectiveHandler? { TemplateHandler(templates, setup) }
}

/// One statement, made ready for queries.
final class CompiledTemplate: Sendable {
    /// What a template without patterns matches with.
    static let everything = ".*"

    enum Match {
        /// Another template, or the next directive, has to answer.
        case no
        /// No pattern matches, and nobody else is to answer.
        case refused
        case yes(TemplateData)
    }

    let settings: TemplateSettings
    private let zones: [DNSName]
    private let fallsThrough: [DNSName]

    init(_ settings: TemplateSettings) {
        self.settings = settings
        zones = settings.zones.compactMap { try? DNSName($0.text) }
        fallsThrough = settings.fallsThrough.zones.compactMap { try? DNSName($0.text) }
    }

    /// Allocates nothing for a query that is for others.
    func match(_ exchange: Exchange) -> Match {
        guard let zone = zone(of: exchange) else { return .no }
        let (type, recordClass) = (exchange.query.type, exchange.query.recordClass)
        // ANY in the question matches every template (RFC 1035 3.2.3, 3.2.5).
        guard Self.fits(settings.recordClass, recordClass), Self.fits(settings.type.rawValue, type.rawValue) else { return .no }
        let text = NameText(exchange.query.name)
        let expression = settings.patterns.first { $0.matches(text.octets) }
        if expression == nil, !settings.patterns.isEmpty {
            return fallsThrough.containZone(of: exchange.query.name) ? .no : .refused
        }
        let name = text.octets
        return .yes(
            TemplateData(
                exchange: exchange, zone: settings.zones[zone].text, name: name.indices.map { name[$0] }, expression: expression,
                captures: expression?.firstMatch(in: name),
                recordClass: Mnemonics.recordClass(recordClass == 255 ? settings.recordClass : recordClass) ?? "",
                type: Mnemonics.type(type == .any ? settings.type.rawValue : type.rawValue) ?? ""))
    }

    private static func fits(_ wanted: UInt16, _ asked: UInt16) -> Bool { wanted == 255 || asked == 255 || wanted == asked }

    /// Which zone holds the name: the longest.
    private func zone(of exchange: Exchange) -> Int? {
        zones.longestZone(of: exchange.query.name)
    }
}

/// What a template's texts can say of a query that it matches.
struct TemplateData: TextTemplateData {
    let exchange: Exchange
    let zone: String
    /// In lower case.
    let name: [UInt8]
    /// Nil for a template without patterns, which matches the whole name.
    let expression: RegularExpression?
    let captures: RegularExpression.Captures?
    let recordClass: String
    let type: String

    func value(of field: TextTemplateField) -> TextTemplateValue {
        switch field {
        case .zone: .string(zone)
        case .name: .string(String(decoding: name, as: UTF8.self))
        case .regex: .string(expression?.pattern ?? CompiledTemplate.everything)
        case .match: .list(numbers.map { .string(text($0)) })
        case .group: .map(groups)
        case .recordClass: .string(recordClass)
        case .type: .string(type)
        case .question: question
        case .message: message
        case .remote: .string(exchange.client.map { "\($0.address)" } ?? "")
        }
    }

    func group(_ name: String) -> String? {
        if let index = expression?.groupNames.firstIndex(of: name) { return text(index + 1) }
        guard let number = Int(name), String(number) == name, numbers.contains(number) else { return nil }
        return text(number)
    }

    func metadata(_ label: String) -> String { exchange.metadata(label) ?? "" }

    /// The whole match and the groups.
    private var numbers: ClosedRange<Int> { 0...(expression?.groupCount ?? 0) }

    /// A group that took no part is empty.
    private func text(_ number: Int) -> String {
        guard expression != nil else { return String(decoding: name, as: UTF8.self) }
        guard let range = captures?[number] else { return "" }
        return String(decoding: name[range], as: UTF8.self)
    }

    private var groups: [String: TextTemplateValue] {
        var groups: [String: TextTemplateValue] = [:]
        for number in numbers { groups["\(number)"] = .string(text(number)) }
        for case let (index, name?) in (expression?.groupNames ?? []).enumerated() { groups[name] = .string(text(index + 1)) }
        return groups
    }

    private var question: TextTemplateValue {
        let text = NameText(exchange.query.original)
        let octets = text.octets
        let name = String(decoding: octets.indices.map { octets[$0] }, as: UTF8.self)
        return .structure([
            "Name": .string(name), "Qtype": .unsigned(UInt64(exchange.query.type.rawValue)),
            "Qclass": .unsigned(UInt64(exchange.query.recordClass)),
        ])
    }

    private var message: TextTemplateValue {
        let flags = exchange.query.flags
        func isSet(_ bit: UInt16) -> TextTemplateValue { .boolean(flags & bit != 0) }
        return .structure([
            "Id": .unsigned(UInt64(exchange.query.id)), "Response": isSet(0x8000), "Opcode": .integer(Int64(flags >> 11 & 0xf)),
            "Authoritative": isSet(0x0400), "Truncated": isSet(0x0200), "RecursionDesired": isSet(0x0100),
            "RecursionAvailable": isSet(0x0080), "Zero": isSet(0x0040), "AuthenticatedData": isSet(0x0020),
            "CheckingDisabled": isSet(0x0010), "Rcode": .integer(Int64(flags & 0xf)), "Question": .list([question]),
        ])
    }
}
