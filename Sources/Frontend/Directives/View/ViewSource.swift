import Names
import ProcessRuntime
import RegularExpressions

extension ViewSettings {
    static func makeSources(_ statements: [Self], _ setup: BlockSetup) throws(ProcessError) -> [any DirectiveSource] {
        statements.map { settings in
            setup.kept(ViewSource.self, where: { $0.settings == settings }) ?? ViewSource(settings)
        }
    }
}

/// A `view` directive: decides which queries its server block takes, before any of them is in the chain.
final class ViewSource: DirectiveSource, QueryFilter {
    let settings: ViewSettings

    init(_ settings: ViewSettings) { self.settings = settings }

    var viewName: String { settings.name }

    func takes(_ exchange: Exchange) -> Bool { settings.takes(ExchangeFacts(exchange: exchange)) }

    func makeHandler(_ setup: HandlerSetup) -> DirectiveHandler? { ViewHandler(settings.name) }
}

/// What a view has to say of a query that it has taken.
final class ViewHandler: DirectiveHandler {
    private let name: String

    init(_ name: String) { self.name = name }

    override var takesQueries: Bool { false }

    override func metadata(_ label: Substring, _ exchange: Exchange) -> String? { label == "name" ? name : nil }
}

/// A query as views see it. Types, addresses and names are judged without an allocation.
struct ExchangeFacts: ExpressionFacts {
    let exchange: Exchange

    func value(of fact: ExpressionFact) -> ExpressionValue {
        switch fact {
        case .bufsize: .integer(exchange.query.sizeLimit)
        case .recordClass: .string(Mnemonics.recordClass(exchange.query.recordClass) ?? "CLASS\(exchange.query.recordClass)")
        case .clientIP, .serverIP: .string(address(of: fact).map { "\($0)" } ?? "")
        case .wantsDNSSEC: .boolean(exchange.query.wantsDNSSEC)
        case .id: .integer(Int(exchange.query.id))
        case .name: .string(name)
        case .opcode: .integer(Int(exchange.query.flags >> 11 & 0xf))
        case .port: .string(exchange.client.map { "\($0.port)" } ?? "")
        case .proto: .string(exchange.isOverStream ? "tcp" : "udp")
        case .serverPort: .string(exchange.local.map { "\($0.port)" } ?? "")
        case .size: .integer(exchange.requestSize)
        case .type: .string(exchange.query.type.description)
        }
    }

    private var name: String {
        let text = NameText(exchange.query.name)
        let octets = text.octets
        return String(decoding: octets.indices.map { octets[$0] }, as: UTF8.self)
    }

    func metadata(_ label: String) -> String { exchange.metadata(label) ?? "" }

    func address(of fact: ExpressionFact) -> IPAddress? {
        switch fact {
        case .clientIP: exchange.client?.address
        case .serverIP: exchange.local?.address
        default: nil
        }
    }

    func matches(_ fact: ExpressionFact, _ expression: RegularExpression) -> Bool {
        if fact == .name {
            let text = NameText(exchange.query.name)
            return expression.matches(text.octets)
        }
        guard case .string(let text) = value(of: fact) else { return false }
        return expression.matches(text)
    }
}
