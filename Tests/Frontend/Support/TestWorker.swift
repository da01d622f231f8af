import MizzenSystem
import RecordTable

@testable import Frontend

/// What a server's worker does with one packet, without sockets: reads, asks one handler, finishes.
struct TestWorker: ~Copyable {
    enum Result: Equatable {
        case message([UInt8])
        case silence
        /// The handler passed the query on.
        case passedOn
    }

    private var query = Query()
    private var response = ResponseWriter()
    private var context: AnswerContext
    private var memory = [UInt8](repeating: 0xAA, count: 65_535)
    private let handler: KubernetesHandler
    /// Answers look-ups: name and type to a message, nil for none.
    private let upstream: (String, RecordType) -> [UInt8]?

    init(_ handler: KubernetesHandler, _ table: TableReader?, upstream: @escaping (String, RecordType) -> [UInt8]?) {
        self.handler = handler
        self.upstream = upstream
        context = AnswerContext(table: table)
    }

    mutating func ask(_ packet: [UInt8], _ transport: QueryTransport) -> Result {
        switch query.read(packet.span, transport: transport) {
        case .silence: return .silence
        case .reply(let code): return .message(write { $1.finish($0, Outcome(code)) })
        case .query: break
        }
        context.lookup = Lookup()
        for _ in 0..<2 {
            var step = Step.next
            let octets = writeStep(&step)
            switch step {
            case .next: return .passedOn
            case .done: return .message(octets)
            case .nextAndReview, .nextAndDefer, .message, .fail, .drop, .below, .ask: return .silence
            case .lookup:
                if let message = upstream(context.lookup.name.description, context.lookup.type) {
                    context.lookup.state = .answered(message)
                } else {
                    context.lookup.state = .failed
                }
            }
        }
        return .silence
    }

    private mutating func writeStep(_ step: inout Step) -> [UInt8] {
        var size = 0
        // Safe: the memory is this value's own and outlives the closure's use of it.
        unsafe memory.withUnsafeMutableBytes { memory in
            unsafe response.begin(query, in: memory)
            step = handler.answer(query, &response, &context)
            if case .done(let outcome) = step { size = response.finish(query, outcome) }
        }
        return Array(memory.prefix(size))
    }

    private mutating func write(_ body: (borrowing Query, inout ResponseWriter) -> Int) -> [UInt8] {
        var size = 0
        // Safe: as above.
        unsafe memory.withUnsafeMutableBytes { memory in
            unsafe response.begin(query, in: memory)
            size = body(query, &response)
        }
        return Array(memory.prefix(size))
    }
}
