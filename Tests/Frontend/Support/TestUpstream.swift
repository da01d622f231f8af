import MizzenSystem
import Foundation
import Names
import Synchronization

@testable import Frontend

/// A small resolver on a thread of its own, UDP and TCP on one port, that answers from zone text.
final class TestUpstream: Sendable {
    /// How it misbehaves.
    enum Behaviour: Sendable {
        case answers
        case isSilent
        /// Answers with this code and no records.
        case refuses(UInt8)
        /// Sends a refusal with a wrong id, then the right answer.
        case liesFirst
        /// Ends a stream after each answer.
        case endsStreams
        /// Keeps its answers to itself until `release`.
        case holds
        /// Answers what looks like an answer and ends in the middle of a record.
        case garbles
    }

    /// Sends one answer.
    private typealias Held = @Sendable () -> Void

    let address: SocketAddress
    let behaviour: Mutex<Behaviour>
    private let datagrams: Descriptor
    private let streams: Descriptor
    private let waker: Waker
    private let records: [Record]
    /// The ports that datagrams came from.
    let ports = Mutex<[UInt16]>([])
    /// Questions by transport, as they came.
    private let seen = Mutex<[String]>([])
    private let held = Mutex<[Held]>([])
    private let streamCount = Mutex(0)

    struct Record: Sendable {
        var name: String
        var type: RecordType
        var ttl: UInt32
        var data: [UInt8]
    }

    /// - Parameter zone: lines of `NAME TTL TYPE DATA`, all names absolute.
    init(_ zone: String, behaviour: Behaviour = .answers, port: UInt16 = 0) throws {
        records = try zone.split(separator: "\n").map { try Self.record(String($0)) }
        self.behaviour = Mutex(behaviour)
        (datagrams, streams, address) = try Self.listen(port)
        waker = try Waker()
        try SystemThread.start(name: "upstream") { [self] in try? self.serve() }
    }

    /// One port for both transports: a port that the kernel chose for datagrams may be taken for streams, so a few are tried.
    private static func listen(_ port: UInt16) throws -> (Descriptor, Descriptor, SocketAddress) {
        for _ in 0..<(port == 0 ? 50 : 1) {
            let datagrams = try Socket.listening(.datagram, on: SocketAddress(address: .v4(0x7F00_0001), port: port))
            let address = SocketAddress(address: .v4(0x7F00_0001), port: try Socket.boundPort(datagrams))
            if let streams = try? Socket.listening(.stream, on: address) { return (datagrams, streams, address) }
        }
        throw NoPort()
    }

    struct NoPort: Error {}

    var questions: [String] { seen.withLock { $0 } }

    /// Streams that are open.
    var openStreams: Int { streamCount.withLock { $0 } }

    /// How it behaves from now on.
    func behave(_ next: Behaviour) { behaviour.withLock { $0 = next } }

    func stop() { waker.wake() }

    /// Sends the answers that were held.
    func release() {
        let sendings = held.withLock { held in
            defer { held = [] }
            return held
        }
        for sending in sendings { sending() }
    }

    /// Whether the answer waits for `release`.
    private func isHeld(_ sending: @escaping Held) -> Bool {
        guard case .holds = behaviour.withLock({ $0 }) else { return false }
        held.withLock { $0.append(sending) }
        return true
    }

    private func serve() throws {
        let poller = try Poller()
        try poller.add(datagrams, .readable, token: 0)
        try poller.add(streams, .readable, token: 1)
        try poller.add(waker.descriptor, .readable, token: 2)
        guard let batch = DatagramBatch() else { return }
        var connections: [UInt64: (descriptor: Descriptor, received: [UInt8])] = [:]
        var next: UInt64 = 3
        while true {
            streamCount.withLock { $0 = connections.count }
            for index in 0..<(try poller.wait(milliseconds: nil)) {
                let token = poller.event(index).token
                switch token {
                case 0: try answerDatagrams(batch)
                case 1:
                    guard let accepted = try Socket.accept(streams)?.descriptor else { continue }
                    try poller.add(accepted, .readable, token: next)
                    connections[next] = (accepted, [])
                    next += 1
                case 2: return
                default: if try !answerStream(&connections[token]) { connections[token] = nil }
                }
            }
        }
    }

    private func answerDatagrams(_ batch: DatagramBatch) throws {
        for slot in 0..<(try batch.receive(from: datagrams)) {
            let packet = batch.withPacket(slot) { $0.bytes }
            let peer = batch.peer(slot)
            if let port = peer.address?.port { ports.withLock { $0.append(port) } }
            for message in answers(to: packet, transport: .udp) where !isHeld({ _ = peer.send(message.span, on: self.datagrams) }) {
                _ = peer.send(message.span, on: datagrams)
            }
        }
    }

    /// False once the connection is over.
    private func answerStream(_ connection: inout (descriptor: Descriptor, received: [UInt8])?) throws -> Bool {
        guard let descriptor = connection?.descriptor, var received = connection?.received else { return false }
        var buffer = [UInt8](repeating: 0, count: 65_535)
        switch try Socket.receive(&buffer, from: descriptor) {
        case .end: return false
        case .nothingYet: return true
        case .count(let count): received += buffer[..<count]
        }
        while received.count >= 2, received.count >= 2 + Int(received[0]) << 8 + Int(received[1]) {
            let size = Int(received[0]) << 8 | Int(received[1])
            let packet = Array(received[2..<(2 + size)])
            received.removeFirst(2 + size)
            for message in answers(to: packet, transport: .tcp) {
                let framed = [UInt8(message.count >> 8), UInt8(truncatingIfNeeded: message.count)] + message
                if isHeld({ _ = try? Socket.send(framed.span, on: descriptor) }) { continue }
                _ = try Socket.send(framed.span, on: descriptor)
            }
            if case .endsStreams = behaviour.withLock({ $0 }) { return false }
        }
        connection = (descriptor, received)
        return true
    }

    /// What it answers, without a socket in between.
    func reply(to packet: [UInt8]) -> [UInt8]? { answers(to: packet, transport: .udp).first }

    private func answers(to packet: [UInt8], transport: QueryTransport) -> [[UInt8]] {
        var query = Query()
        guard query.read(packet.span, transport: transport) == .query else { return [] }
        seen.withLock { $0.append("\(transport) \(query.original) \(query.type)") }
        var good = answer(query)
        switch behaviour.withLock({ $0 }) {
        case .answers, .endsStreams, .holds: return [good]
        case .garbles:
            let question = Array(good.prefix(12 + query.original.length + 4))
            // One answer is promised; what follows is the root's name and half a type.
            return [Array(question[..<6]) + [0, 1, 0, 0, 0, 0] + question[12...] + [0, 0]]
        case .isSilent: return []
        case .refuses(let code):
            good[3] = good[3] & 0xf0 | code
            for index in 6..<12 { good[index] = 0 }
            return [Array(good.prefix(12 + query.original.length + 4))]
        case .liesFirst:
            var lie = good
            lie[0] ^= 0xff
            lie[3] |= 5
            return [lie, good]
        }
    }

    /// Follows CNAMEs inside the zone, as an authoritative server does; a name outside all of the zone's is refused.
    private func answer(_ query: borrowing Query) -> [UInt8] {
        var found: [Record] = []
        var name = query.name.description
        while true {
            let own = records.filter { $0.name == name && $0.type == query.type }
            found += own
            guard own.isEmpty, let alias = records.first(where: { $0.name == name && $0.type == .cname }) else { break }
            found.append(alias)
            var target = DNSName()
            _ = try? target.read(alias.data.span, at: 0)
            name = target.description
        }
        let soa = records.first {
            $0.type == .soa && (query.name.description == $0.name || query.name.description.hasSuffix("." + $0.name))
        }
        let exists = records.contains { $0.name == name }
        let code: UInt8 = soa == nil ? 5 : exists ? 0 : 3
        var authority = found.contains { $0.type == query.type } ? [] : [soa].compactMap { $0 }
        // RFC 2308 §5: no longer than the SOA's own minimum, its last field.
        for index in authority.indices {
            authority[index].ttl = min(
                authority[index].ttl, authority[index].data.suffix(4).reduce(0) { $0 << 8 | UInt32($1) })
        }
        // A mail server's address goes along, as authoritative servers do it.
        let additional = found.filter { $0.type == .mx }.flatMap { mail -> [Record] in
            var host = DNSName()
            _ = try? host.read(Array(mail.data[2...]).span, at: 0)
            let name = host.description
            return records.filter { $0.name == name && ($0.type == .a || $0.type == .aaaa) }
        }
        var message = build(query, code, found, authority, additional, isCut: false)
        if message.count > query.sizeLimit { message = build(query, code, [], [], [], isCut: true) }
        return message
    }

    private func build(
        _ query: borrowing Query, _ code: UInt8, _ answer: [Record], _ authority: [Record], _ additional: [Record],
        isCut: Bool
    ) -> [UInt8] {
        var message: [UInt8] = []
        func word(_ value: UInt16) { message += [UInt8(value >> 8), UInt8(truncatingIfNeeded: value)] }
        word(query.id)
        word((code == 5 ? 0x8000 : 0x8400) | (isCut ? 0x0200 : 0) | query.flags & 0x0100 | UInt16(code))
        for count in [1, answer.count, authority.count, additional.count + (query.hasEDNS ? 1 : 0)] {
            word(UInt16(count))
        }
        for index in 0..<query.original.length { message.append(query.original.storage[index]) }
        word(query.type.rawValue)
        word(query.recordClass)
        for record in answer + authority + additional {
            let isAsked = record.name == query.name.description
            message += isAsked ? Self.wire(query.original) : ((try? DNSName(record.name)).map { Self.wire($0) } ?? [0])
            word(record.type.rawValue)
            word(1)
            word(UInt16(record.ttl >> 16))
            word(UInt16(truncatingIfNeeded: record.ttl))
            word(UInt16(record.data.count))
            message += record.data
        }
        if query.hasEDNS { message += [0, 0, 41, 0x04, 0xD0, 0, 0, 0, 0, 0, 0] }
        return message
    }

    private static func wire(_ name: borrowing DNSName) -> [UInt8] {
        var octets: [UInt8] = []
        for index in 0..<name.length { octets.append(name.storage[index]) }
        return octets
    }

    private static func record(_ line: String) throws -> Record {
        let words = line.split(separator: " ", maxSplits: 3).map(String.init)
        let rest = words[3]
        func name(_ text: some StringProtocol) throws -> [UInt8] { wire(try DNSName(text)) }
        func number(_ text: some StringProtocol) -> UInt32 { UInt32(text) ?? 0 }
        let (type, data): (RecordType, [UInt8])
        switch words[2] {
        case "A", "AAAA": (type, data) = (words[2] == "A" ? .a : .aaaa, IPAddress(rest)?.bytes ?? [])
        case "CNAME": (type, data) = (.cname, try name(rest))
        case "NS": (type, data) = (.ns, try name(rest))
        case "MX":
            let parts = rest.split(separator: " ")
            (type, data) = (.mx, [0, UInt8(number(parts[0]))] + (try name(parts[1])))
        case "SOA":
            let parts = rest.split(separator: " ")
            let numbers = parts[2...].flatMap { part in
                (0..<4).map { UInt8(truncatingIfNeeded: number(part) >> (24 - 8 * UInt32($0))) }
            }
            (type, data) = (.soa, try name(parts[0]) + (try name(parts[1])) + numbers)
        default:
            let text = Array(rest.dropFirst().dropLast().utf8)
            (type, data) = (.txt, [UInt8(text.count)] + text)
        }
        return Record(name: words[0], type: type, ttl: number(words[1]), data: data)
    }
}
