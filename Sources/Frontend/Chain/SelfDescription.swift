import ProcessRuntime
import RecordTable

/// What this server says of itself to who asks for `mizzen.`, class CH, type TXT, whatever the Corefile says: its version, and how old what it
/// knows of the cluster is. (`dig @ADDRESS mizzen. CH TXT`; names that end in `.bind` are the directive `chaos`'s.)
struct SelfDescription {
    private let name = try? DNSName("mizzen")

    func isAsked(_ query: borrowing Query) -> Bool {
        query.recordClass == chaosClass && (query.type == RecordType.txt || query.type == RecordType.any) && query.name == name
    }

    /// The strings of the record (RFC 1035 section 3.3.14), each far below 255 octets.
    static func strings(_ status: TableStatus?, at clock: TableClock) -> [String] {
        guard let status else { return ["version \(MizzenVersion.current)", "table none"] }
        let age = status.age(at: clock).map { "\($0 / 1_000_000_000)s" } ?? "unknown"
        let unsynced = status.resources.filter { !$0.isSynced }.map(\.name)
        return ["version \(MizzenVersion.current)", "table-generation \(status.generation)", "table-age \(age)"]
            + (unsynced.isEmpty ? [] : ["incomplete \(unsynced.joined(separator: ","))"])
    }

    /// Puts the record on the bench.
    func answer(_ exchange: Exchange, _ bench: Workbench) {
        bench.begin(exchange.query, whole: true)
        if bench.response.open(.answer, name: exchange.query.original, .txt, ttl: 0, recordClass: chaosClass, of: exchange.query) {
            for text in Self.strings(bench.context.table?.status, at: .now()) {
                let octets = ChaosSettings.string(text)
                bench.response.append(octet: UInt8(octets.count))
                bench.response.append(octets: octets.span)
            }
            bench.response.close()
        }
        _ = bench.doneWithoutAuthority(exchange, .answered)
    }
}
