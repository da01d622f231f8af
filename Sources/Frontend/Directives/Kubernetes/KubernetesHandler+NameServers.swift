import Names
import RecordTable

/// Who serves the zone: the services that lead to this server, or where none does, this server's own addresses under `ns.dns.ZONE`.
/// Asked for rarely, so these allocate.
extension KubernetesHandler {
    private struct NameServer: Equatable {
        var name: DNSName
        var address: IPAddress
    }

    /// NS at a zone's apex, with the addresses.
    func findNameServers(
        _ query: borrowing Query, _ zoneLabels: Int, _ table: TableReader, _ response: inout ResponseWriter,
        withAddresses: Bool
    ) -> Finding {
        let servers = nameServers(query, zoneLabels, table)
        guard !servers.isEmpty else { return .noDataYet }
        var written: [DNSName] = []
        for server in servers where !written.contains(server.name) {
            written.append(server.name)
            response.pointing(.answer, .question, .ns, to: server.name, ttl: timeToLive, of: query)
        }
        for server in servers where withAddresses {
            response.address(.additional, name: server.name, server.address, ttl: timeToLive, of: query)
        }
        return .answered
    }

    /// `ns.dns.ZONE`: every name server's address.
    func findServersAddresses(
        _ query: borrowing Query, _ zoneLabels: Int, _ table: TableReader, _ response: inout ResponseWriter
    ) -> Finding {
        var written: [IPAddress] = []
        for server in nameServers(query, zoneLabels, table)
        where server.address.recordType == query.type && !written.contains(server.address) {
            written.append(server.address)
            response.address(.answer, .question, server.address, ttl: timeToLive, of: query)
        }
        return written.isEmpty ? .noDataYet : .answered
    }

    private func nameServers(_ query: borrowing Query, _ zoneLabels: Int, _ table: TableReader) -> [NameServer] {
        var zone = DNSName()
        _ = zone.append(query.original, fromLabel: query.original.labelCount - zoneLabels)
        var servers: [NameServer] = []
        var isEndpoint = false
        for address in localAddresses where settings.servesEndpoints {
            table.forEachEndpoint(address: address) { slice, endpoint in
                guard slice.isReady(endpoint), isSelected(slice) else { return }
                isEndpoint = true
                for found in servedBy(slice, zone, table) where !servers.contains(found) { servers.append(found) }
            }
        }
        if isEndpoint { return servers }
        var name = DNSName()
        _ = name.append(label: "ns")
        _ = name.append(label: "dns")
        _ = name.append(zone)
        return localAddresses.map { NameServer(name: name, address: $0) }
    }

    /// The names and addresses of a slice's service: its cluster IPs, or its endpoints if it is headless.
    private func servedBy(_ slice: borrowing SliceView, _ zone: DNSName, _ table: TableReader) -> [NameServer] {
        var suffix = DNSName()
        guard !slice.service.isEmpty, suffix.append(label: slice.service), suffix.append(label: slice.namespace),
            suffix.append(label: "svc"), suffix.append(zone)
        else { return [] }
        var servers: [NameServer] = []
        var isHeadless = false
        _ = table.withService(namespace: slice.namespace, name: slice.service) { service in
            isHeadless = service.kind == .headless
            for index in 0..<service.clusterIPCount {
                servers.append(NameServer(name: suffix, address: service.clusterIP(index)))
            }
        }
        guard isHeadless else { return servers }
        var scratch = AnswerScratch()
        for endpoint in 0..<slice.endpointCount where slice.isReady(endpoint) {
            for index in 0..<slice.addressCount(endpoint) {
                let address = slice.address(endpoint, index)
                let range = store(ownLabel(slice, endpoint), address, &scratch)
                var name = DNSName()
                guard name.append(dotted: scratch.labels.span.extracting(range)), name.append(suffix) else { continue }
                servers.append(NameServer(name: name, address: address))
            }
        }
        return servers
    }
}
