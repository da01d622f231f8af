import MizzenSystem
import Synchronization

@testable import Frontend

extension FuzzTarget {
    /// Octets 0 and 1 say how the first client and the second ask (TCP, EDNS, DO, CD, AD, RD; bits 0 to 5), octet 2 how many seconds apart, 3 and 4
    /// which size the second takes, 5 for which type; what follows is what every upstream answers.
    ///
    /// The second client gets from the cache exactly what the upstream said, or the upstream is asked again, and which of both it is follows from the
    /// message alone: kept is what is whole, of a kind that is kept, for the least of its TTLs within the Corefile's limits, and only for clients that
    /// set DO and CD alike. What is served has the upstream's records in order, all with what is left of that time and no more or less, the second
    /// client's id, letters, RD and CD, AD only if the upstream and both clients set it or asked for it, OPT only for EDNS, and is cut to its size.
    static let cachedAnswer = FuzzTarget(name: "cached-answer", longestInput: 1500) { input throws(PropertyFailure) in
        guard input.count >= 6 else { return }
        let upstream = Array(input.dropFirst(6))
        guard let records = try? AnswerRecords(upstream.span), Workbench.isReadable(upstream.span) else { return }
        let type = [RecordType.a, .aaaa, .txt, .any, .soa, .ns, .mx, .srv][Int(input[5] & 7)]
        try CachePath.shared.withLock { shared throws(PropertyFailure) in
            do { shared = try shared ?? CachePath() } catch { throw PropertyFailure("no query path: \(error)") }
            guard let shared else { return }
            let name = shared.nextName()
            let first = CacheClient(input[0], size: 4096, id: 0x1111, type: type, labels: name)
            let second = CacheClient(
                input[1], size: UInt16(input[3]) << 8 | UInt16(input[4]), id: 0x2222, type: type,
                labels: name.map { $0 >= 0x61 ? $0 & 0xDF : $0 })
            let fresh = try shared.ask(first, upstream, after: 0)
            try expect(fresh.asked == 1, "the first client's question went upstream \(fresh.asked) times")
            let later = try shared.ask(second, upstream, after: Int(input[2]))
            let lifetime = CacheRules.lifetime(upstream, records, first)
            if let lifetime {
                let isKept = first.key == second.key && Int(input[2]) < lifetime
                try expect(
                    later.asked == (isKept ? 0 : 1),
                    "an answer that is kept for \(lifetime) s was\(later.asked == 0 ? "" : " not") served after \(input[2]) s, keys \(first.key) and \(second.key)"
                )
            }
            guard later.asked == 0 else { return }
            try CacheRules.check(
                later.octets, for: second, after: first, upstream, records, ttl: lifetime.map { UInt32($0 - Int(input[2])) })
        }
    }
}

/// How a client asks.
private struct CacheClient {
    let transport: QueryTransport
    let hasEDNS, wantsDNSSEC, checkingDisabled, wantsAuthenticated, wantsRecursion: Bool
    let size: UInt16
    let packet: [UInt8]

    /// Answers are kept apart by these.
    var key: [Bool] { [wantsDNSSEC, checkingDisabled] }
    var sizeLimit: Int { transport == .tcp ? 65_535 : hasEDNS ? max(512, Int(size)) : 512 }

    init(_ bits: UInt8, size: UInt16, id: UInt16, type: RecordType, labels: [UInt8]) {
        transport = bits & 1 == 0 ? .udp : .tcp
        hasEDNS = bits & 2 != 0
        wantsDNSSEC = hasEDNS && bits & 4 != 0
        checkingDisabled = bits & 8 != 0
        wantsAuthenticated = bits & 16 != 0
        wantsRecursion = bits & 32 != 0
        self.size = size
        var packet: [UInt8] = [
            UInt8(id >> 8), UInt8(id & 0xFF), wantsRecursion ? 1 : 0, (checkingDisabled ? 0x10 : 0) | (wantsAuthenticated ? 0x20 : 0),
        ]
        packet += [0, 1, 0, 0, 0, 0, 0, hasEDNS ? 1 : 0]
        packet += [UInt8(labels.count)] + labels + [0, UInt8(type.rawValue >> 8), UInt8(type.rawValue & 0xFF), 0, 1]
        if hasEDNS { packet += [0, 0, 41, UInt8(size >> 8), UInt8(size & 0xFF), 0, 0, wantsDNSSEC ? 0x80 : 0, 0, 0, 0] }
        self.packet = packet
    }
}

/// A cache before upstreams. Each input asks for a name of its own, so none meets what another has left.
private final class CachePath {
    static let shared = Mutex<CachePath?>(nil)

    private let path: QueryPath
    /// So far ahead that the clock never overtakes it.
    private let start = monotonicNow() + 1_000_000_000_000_000
    private var count = 0

    init() throws {
        path = try QueryPath(
            """
            .:5300 {
                bind 127.0.0.1
                cache {
                    success 9984 \(CacheRules.success.upperBound) \(CacheRules.success.lowerBound)
                    denial 9984 \(CacheRules.denial.upperBound) \(CacheRules.denial.lowerBound)
                    servfail \(CacheRules.failure)s
                }
                forward . 192.0.2.53
            }
            """)
    }

    func nextName() -> [UInt8] {
        count += 1
        let digits = Array(String(count).utf8)
        return Array("kept".utf8) + Array(repeating: 0x30, count: max(0, 12 - digits.count)) + digits
    }

    func ask(_ client: CacheClient, _ upstream: [UInt8], after seconds: Int) throws(PropertyFailure) -> (octets: [UInt8], asked: Int) {
        let octets = try path.answer(
            client.packet, client.transport, upstream: upstream, began: start + UInt64(seconds) * 1_000_000_000)
        guard let octets else { throw PropertyFailure("a question is not answered") }
        return (octets, path.asked)
    }
}

/// What may be kept and how it is served, written down a second time: CoreDNS's rules, and the Corefile's limits.
private enum CacheRules {
    static let success: ClosedRange<UInt32> = 7...200
    static let denial: ClosedRange<UInt32> = 11...100
    static let failure = 13

    /// Seconds that a message is kept after `client` has asked for it; 0 for never, nil where it depends on today's date.
    static func lifetime(_ message: [UInt8], _ records: AnswerRecords, _ client: CacheClient) -> Int? {
        let flags = message.span.word(at: 2)
        // Cut by the upstream, or of a code that only OPT can say, which to a query without is a failure of the upstream's.
        if flags & 0x0200 != 0 { return 0 }
        var code = PacketReader.responseCode(of: message.span)
        if code > 15 {
            if client.hasEDNS { return 0 }
            code = 2
        }
        let all = records.answer + records.authority + records.additional
        if client.wantsDNSSEC, all.contains(where: { $0.type == .rrsig && $0.data.count >= 16 }) { return nil }
        let least = all.map(\.ttl).min() ?? 5
        let (hasSOA, hasNS) = (records.authority.contains { $0.type == .soa }, records.authority.contains { $0.type == .ns })
        switch code {
        case 0 where !records.answer.isEmpty: return Int(min(max(least, success.lowerBound), success.upperBound))
        case 0 where hasSOA: return Int(min(max(least, denial.lowerBound), denial.upperBound))
        // A delegation is kept for the shortest time.
        case 0 where hasNS: return Int(success.lowerBound)
        case 0: return Int(min(max(least, success.lowerBound), success.upperBound))
        // One without SOA is kept too, unless it has answers.
        case 3 where hasSOA || records.answer.isEmpty: return Int(min(max(least, denial.lowerBound), denial.upperBound))
        case 2, 4: return failure
        default: return 0
        }
    }

    static func check(
        _ octets: [UInt8], for client: CacheClient, after first: CacheClient, _ upstream: [UInt8], _ records: AnswerRecords, ttl: UInt32?
    ) throws(PropertyFailure) {
        try expect(octets.count <= client.sizeLimit, "\(octets.count) octets for a client that takes \(client.sizeLimit)")
        let question = client.packet[12..<(client.packet.count - (client.hasEDNS ? 11 : 0))]
        try expect(octets.prefix(2).elementsEqual(client.packet.prefix(2)), "the id is another client's")
        try expect(octets.dropFirst(12).starts(with: question), "the question is not the client's own")
        let (flags, upstreamFlags) = (octets.span.word(at: 2), upstream.span.word(at: 2))
        let wantsAD = client.wantsDNSSEC || client.wantsAuthenticated
        let gaveAD = first.wantsDNSSEC || first.wantsAuthenticated
        let wanted: UInt16 =
            0x8400 | (client.wantsRecursion ? 0x0100 : 0) | upstreamFlags & 0x0080 | (wantsAD && gaveAD ? upstreamFlags & 0x0020 : 0)
            | (client.checkingDisabled ? 0x0010 : 0)
        var code = PacketReader.responseCode(of: upstream.span)
        if code > 15 { code = 2 }
        try expect(flags & 0xFDF0 == wanted, "flags \(String(flags & 0xFDF0, radix: 16)), not \(String(wanted, radix: 16))")
        try expect(flags & 0xF == code, "code \(flags & 0xF), not \(code)")
        try checkRecords(octets, for: client, records, ttl: ttl, isCut: flags & 0x0200 != 0)
    }

    private static func checkRecords(
        _ octets: [UInt8], for client: CacheClient, _ records: AnswerRecords, ttl: UInt32?, isCut: Bool
    ) throws(PropertyFailure) {
        var served: AnswerRecords
        var options: [PacketReader.Record] = []
        do throws(WireError) {
            served = try AnswerRecords(octets.span)
            var reader = try PacketReader(octets.span)
            while let record = try reader.next(in: octets.span) {
                if record.type == .opt { options.append(record) }
            }
            if reader.offset != octets.count { throw .malformedData(at: reader.offset) }
        } catch {
            throw PropertyFailure("the answer does not parse to its end: \(error)")
        }
        try expect(options.count == (client.hasEDNS ? 1 : 0), "\(options.count) OPT records, EDNS asked: \(client.hasEDNS)")
        if let opt = options.first {
            try expect(opt.ttl == (client.wantsDNSSEC ? 0x8000 : 0) && opt.data.isEmpty, "OPT says \(opt)")
        }
        for record in served.answer + served.authority + served.additional {
            if let ttl { try expect(record.ttl == ttl, "a TTL of \(record.ttl), where \(ttl) are left") }
        }
        var all: [[ResourceRecord]] = [records.answer, records.authority, records.additional]
        var got: [[ResourceRecord]] = [served.answer, served.authority, served.additional]
        for index in all.indices {
            for place in all[index].indices { all[index][place].ttl = 0 }
            for place in got[index].indices { got[index][place].ttl = 0 }
        }
        if !isCut { return try expect(got == all, "\(got) is served in the place of \(all)") }
        try expect(got != all, "nothing was left out, and TC is set")
        // The first that does not fit ends the message.
        let (flat, whole) = (got.flatMap { $0 }, all.flatMap { $0 })
        try expect(flat == Array(whole.prefix(flat.count)), "what is left of a cut answer is not its beginning")
    }
}
