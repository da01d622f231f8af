import Names

/// Answers from a hosts map. One for each thread.
///
/// What it answers is CoreDNS's: a name with any entry exists, and a type it lacks is an empty answer without SOA; a
/// name without entry
/// goes on to the next handler under `fallthrough`, else it is SERVFAIL, as there is no SOA to deny it with. PTR
/// questions are looked up
/// whatever the zones are.
final class HostsHandler: DirectiveHandler {
    private let source: HostsSource
    private let zones: [DNSName]
    private let fallthroughZones: [DNSName]
    private var map: HostsMap
    private var version: Int

    init(source: HostsSource) {
        self.source = source
        zones = source.settings.zones.compactMap { try? DNSName($0.text) }
        fallthroughZones = source.settings.fallsThrough.zones.compactMap { try? DNSName($0.text) }
        version = source.currentVersion
        map = source.map
    }

    override func take(_ exchange: Exchange, _ bench: Workbench) -> Step { answer(exchange.query, &bench.response) }

    func answer(_ query: borrowing Query, _ response: inout ResponseWriter) -> Step {
        let current = source.currentVersion
        if current != version {
            map = source.map
            version = current
        }
        let ttl = source.settings.timeToLive
        if query.type == .ptr {
            if map.isEmpty { return .next }
            guard let address = AddressText.readReverse(query.name) else { return .next }
            let names = map.names(of: address)
            for name in names { response.pointing(.answer, .question, .ptr, to: name, ttl: ttl, of: query) }
            return names.isEmpty ? .next : .done(.answered)
        }
        guard zones.containZone(of: query.name) else { return .next }
        guard let found = map.addresses(of: query.name) else {
            return fallthroughZones.containZone(of: query.name) ? .next : .fail(.serverFailure)
        }
        switch query.type {
        case .a: for address in found.v4 { response.address(.answer, .question, address, ttl: ttl, of: query) }
        case .aaaa: for address in found.v6 { response.address(.answer, .question, address, ttl: ttl, of: query) }
        default: break
        }
        return .done(.answered)
    }
}
