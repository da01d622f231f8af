import MizzenSystem
import Names

/// What came of a packet.
enum Resolution {
    /// The answer is written and has this many octets.
    case answer(Int)
    case silence
    /// An upstream has to be asked first.
    case forward(depth: Int, handler: ForwardHandler)
}

/// An upstream's answer that a chain asked for, kept for the chain's next run.
struct UpstreamAnswer {
    var depth: Int
    var handler: ForwardHandler
    var result: ForwardRun.Result
}

/// Runs queries through the chains of a server, on one thread. Decides only: it sends nothing and waits for nothing.
///
/// Whatever needs an upstream ends with `.forward`; once the upstream has answered, the same query runs again from the
/// start with that answer at
/// hand. A query that the table answers runs once, allocates nothing and takes no lock.
final class Resolver {
    /// Look-ups on behalf of look-ups: an ExternalName that leads to an ExternalName, and so on.
    static let deepest = 8

    /// What one level of look-ups needs.
    final class Frame {
        var query = Query()
        var response = ResponseWriter()
        var context: AnswerContext
        let memory: ScratchMemory

        init(table: TableSlot) {
            context = AnswerContext(table: table.reader, isTrusted: table.isTrusted)
            memory = ScratchMemory(count: 65_535)
        }
    }

    private var frames: [Frame] = []
    let table: TableSlot
    /// Answers of upstreams for the query at hand; empty on its first run.
    var known: [UpstreamAnswer] = []
    /// Which zone and which directive answered the query that ran last.
    private(set) var zone: Int?
    private(set) var writer = 0
    /// The response code of the query that ran last, where the header's four bits do not hold it.
    private(set) var extendedCode: UInt16?
    /// Why the query that ran last failed, for the error log.
    private(set) var failure: String?
    /// Whether that was a directive's own mistake, which no query and no network excuses.
    private(set) var isMistake = false

    init(table: TableSlot) {
        self.table = table
        frames = [Frame(table: table)]
    }

    /// Looks at the table's own statements again, and for a new table. For about once a second.
    func refreshTable() {
        table.refresh()
        for frame in frames {
            if frame.context.table !== table.reader { frame.context.table = table.reader }
            frame.context.refresh(isTrusted: table.isTrusted)
        }
    }

    /// The query that ran last.
    func withQuery<Result>(_ body: (borrowing Query) -> Result) -> Result { body(frames[0].query) }

    /// The message that asks an upstream what the chain at `depth` wants to know; depth 0 sends the client's own packet
    /// instead.
    func question(atDepth depth: Int) -> [UInt8] { Self.message(frames[depth].query) }

    /// Answers one packet, or says what has to happen first.
    ///
    /// - Parameter memory: where the answer goes; at least 512 octets.
    func run(
        _ packet: Span<UInt8>, transport: QueryTransport, on server: WorkerServer, into memory: UnsafeMutableRawBufferPointer
    ) -> Resolution {
        let frame = frames[0]
        zone = nil
        writer = 0
        failure = nil
        isMistake = false
        extendedCode = nil
        switch frame.query.read(packet, transport: transport) {
        case .silence: return .silence
        case .reply(let code):
            extendedCode = code.rawValue > 15 ? code.rawValue : nil
            // Safe: the caller's memory, alive for the call.
            return .answer(unsafe frame.response.refuse(frame.query, Outcome(code), in: memory))
        case .query:
            // Safe: as above.
            return unsafe resolve(0, on: server, into: memory)
        }
    }

    private func resolve(_ depth: Int, on server: WorkerServer, into memory: UnsafeMutableRawBufferPointer)
        -> Resolution
    {
        let frame = frames[depth]
        let isKnownClass = frame.query.recordClass == internetClass || server.takesAllClasses
        guard isKnownClass, let zone = server.zone(of: frame.query), !server.zones[zone].block.handlers.isEmpty else {
            // Safe: the caller's memory, alive for the call.
            return .answer(unsafe frame.response.refuse(frame.query, .refused, in: memory))
        }
        if depth == 0 { self.zone = zone }
        let block = server.zones[zone].block
        frame.context.lookup = Lookup()
        // At most one look-up a query, so the chain runs at most twice.
        for _ in 0..<2 {
            // Safe: as above.
            unsafe frame.response.begin(frame.query, in: memory)
            // Safe: as above.
            switch unsafe chain(block, depth, into: memory) {
            case .ended(let resolution): return resolution
            case .lookup:
                if let resolution = lookUp(from: depth, on: server) { return resolution }
            }
        }
        noteMistake("a directive asked for a second look-up")
        // Safe: as above.
        return .answer(unsafe frame.response.refuse(frame.query, .serverFailure, in: memory))
    }

    /// Ends the message of a directive that answered. Returns its size.
    func finish(_ frame: Frame, _ outcome: Outcome) -> Int {
        if frame.response.isMisordered { noteMistake("a directive wrote records out of section order") }
        return frame.response.finish(frame.query, outcome)
    }

    /// The query gets SERVFAIL, the server goes on.
    private func noteMistake(_ reason: String) {
        failure = reason
        isMistake = true
    }

    private enum ChainResult {
        case ended(Resolution)
        case lookup
    }

    private func chain(_ block: WorkerBlock, _ depth: Int, into memory: UnsafeMutableRawBufferPointer) -> ChainResult {
        let frame = frames[depth]
        for index in block.handlers.indices {
            let step: Step
            switch block.handlers[index] {
            case .kubernetes(let handler): step = handler.answer(frame.query, &frame.response, &frame.context)
            case .hosts(let handler): step = handler.answer(frame.query, &frame.response)
            case .forward(let handler):
                // Safe: the caller's memory, alive for the call.
                guard
                    let resolution = unsafe forward(
                        handler, isLast: index == block.handlers.count - 1, depth, into: memory)
                else { continue }
                if depth == 0 { writer = block.handlers[index].writer }
                return .ended(resolution)
            }
            switch step {
            case .next: continue
            case .done(let outcome):
                if depth == 0 { writer = block.handlers[index].writer }
                return .ended(.answer(finish(frame, outcome)))
            case .lookup: return .lookup
            }
        }
        failure = "no directive took the query"
        // Safe: the caller's memory, alive for the call.
        return .ended(.answer(unsafe frame.response.refuse(frame.query, .serverFailure, in: memory)))
    }

    /// Nil: the handler does not take the name, or gives it to the next `forward`.
    private func forward(
        _ handler: ForwardHandler, isLast: Bool, _ depth: Int, into memory: UnsafeMutableRawBufferPointer
    ) -> Resolution? {
        let frame = frames[depth]
        guard handler.takes(frame.query.name) else { return nil }
        guard let answer = known.first(where: { $0.depth == depth && $0.handler === handler }) else {
            return .forward(depth: depth, handler: handler)
        }
        switch answer.result {
        case .message(let message):
            let code = message.count > 3 ? UInt16(message[3] & 0xf) : 0
            if !isLast, handler.source.settings.next.contains(code) { return nil }
            // Safe: the caller's memory, alive for the call.
            if let count = unsafe relay(message.span, frame, into: memory) { return .answer(count) }
            failure = "an upstream's answer cannot be parsed"
        case .failed(let reason): failure = reason
        case .limited:
            failure = "more queries under way than max_concurrent"
            return .answer(unsafe frame.response.refuse(frame.query, .refused, in: memory))
        }
        return .answer(unsafe frame.response.refuse(frame.query, .serverFailure, in: memory))
    }

    /// Writes an upstream's answer for the client: its id, its EDNS and its size, all else as the upstream said it. Nil
    /// when it does not parse.
    private func relay(_ message: Span<UInt8>, _ frame: Frame, into memory: UnsafeMutableRawBufferPointer) -> Int? {
        // Safe: the caller's memory, alive for the call.
        unsafe frame.response.begin(frame.query, in: memory)
        var flags: UInt16
        do throws(WireError) {
            var reader = try PacketReader(message)
            flags = reader.flags
            while let record = try reader.next(in: message) {
                // The hop to the upstream has its own OPT record, the hop to the client gets another.
                if record.type == .opt { continue }
                try frame.response.copy(
                    record, of: message, to: record.section, scratch: &frame.context.scratch.owner, of: frame.query)
            }
        } catch {
            return nil
        }
        // The reader goes from section to section, so this cannot be; if it were, the flags below would hide it.
        if frame.response.isMisordered { return nil }
        if frame.response.isFull { flags |= 0x0200 }
        let count = frame.response.finish(frame.query, .answered)
        // It is an answer even where the upstream's message does not say so.
        // Safe: a finished message has a header.
        unsafe memory.storeBytes(of: (flags & 0x87FF | 0x8000).bigEndian, toByteOffset: 2, as: UInt16.self)
        return count
    }

    /// Resolves what the chain at `depth` wants through the whole server. Nil once the chain can run again.
    private func lookUp(from depth: Int, on server: WorkerServer) -> Resolution? {
        let frame = frames[depth]
        guard depth < Self.deepest else {
            frame.context.lookup.state = .failed
            return nil
        }
        if frames.count == depth + 1 { frames.append(Frame(table: table)) }
        let next = frames[depth + 1]
        next.query.ask(frame.context.lookup.name, frame.context.lookup.type, onBehalfOf: frame.query)
        // Safe: the frame's own memory lives as long as the frame.
        switch unsafe resolve(depth + 1, on: server, into: next.memory.buffer) {
        case .answer(let count): frame.context.lookup.state = .answered(next.memory.bytes(count))
        case .silence: frame.context.lookup.state = .failed
        case .forward(let depth, let handler): return .forward(depth: depth, handler: handler)
        }
        return nil
    }

    /// A query message with id 0 for `query`'s question, with RD and CD and EDNS as its client has them.
    private static func message(_ query: borrowing Query) -> [UInt8] {
        var bytes: [UInt8] = [0, 0, UInt8(query.flags >> 8) & 0x01, UInt8(truncatingIfNeeded: query.flags) & 0x30]
        bytes += [0, 1, 0, 0, 0, 0, 0, query.hasEDNS ? 1 : 0]
        for index in 0..<query.original.length { bytes.append(query.original.storage[index]) }
        for word in [query.type.rawValue, query.recordClass] {
            bytes += [UInt8(word >> 8), UInt8(truncatingIfNeeded: word)]
        }
        if query.hasEDNS {
            let size = max(512, query.advertisedSize)
            bytes += [
                0, 0, 41, UInt8(size >> 8), UInt8(truncatingIfNeeded: size), 0, 0, query.wantsDNSSEC ? 0x80 : 0, 0, 0,
                0,
            ]
        }
        return bytes
    }
}

/// A block of memory for messages in the making, of one owner.
@safe
final class ScratchMemory {
    /// Valid as long as this object.
    let buffer: UnsafeMutableRawBufferPointer

    init(count: Int) { unsafe buffer = .allocate(byteCount: count, alignment: 16) }

    deinit { unsafe buffer.deallocate() }

    /// A copy of the first octets.
    func bytes(_ count: Int) -> [UInt8] {
        // Safe: rebasing a prefix clamps to the buffer.
        unsafe [UInt8](buffer.prefix(count))
    }
}
