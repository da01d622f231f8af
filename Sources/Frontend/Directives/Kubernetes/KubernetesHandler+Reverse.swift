import Names
import RecordTable

/// PTR records.
extension KubernetesHandler {
    /// The service that has the address; or else every endpoint that has it, by its name below its service.
    ///
    /// An endpoint of a slice without a service has no name to point to. CoreDNS builds one all the same (an empty label, which cannot be
    /// sent, so the client waits in vain); here such an endpoint does not count.
    func findNames(
        of address: IPAddress, _ query: borrowing Query, _ table: TableReader, _ response: inout ResponseWriter,
        _ scratch: inout AnswerScratch
    ) -> Finding {
        scratch.removeAll()
        collectService(of: address, table, &scratch)
        if scratch.items.isEmpty, settings.servesEndpoints { collectEndpoints(of: address, table, &scratch) }
        let items = scratch.items
        let names = scratch.labels
        for item in items {
            scratch.target.removeAll()
            guard scratch.target.append(dotted: names.span.extracting(item.label)), scratch.target.append(label: "svc"),
                scratch.target.append(primaryZone)
            else { continue }
            response.pointing(.answer, .question, .ptr, to: scratch.target, ttl: timeToLive, of: query)
        }
        return items.isEmpty ? .nameError : .answered
    }

    /// With a list of namespaces only those answer. A selector for namespaces does not matter here, as in CoreDNS.
    private func isShown(_ namespace: Span<UInt8>, _ table: TableReader) -> Bool {
        namespaces.isEmpty || isExposed(namespace, table)
    }

    /// Puts `SERVICE.NAMESPACE` of the first service with this cluster IP into `scratch`.
    private func collectService(of address: IPAddress, _ table: TableReader, _ scratch: inout AnswerScratch) {
        table.forEachService(address: address) { service in
            guard scratch.items.isEmpty, settings.labels.isEmpty || settings.labels.matches(service.labels),
                isShown(service.namespace, table)
            else { return }
            let start = scratch.labels.count
            append(service.name, service.namespace, &scratch)
            scratch.items.append(AnswerItem(address: address, port: nil, label: start..<scratch.labels.count))
        }
    }

    /// Puts `ENDPOINT.SERVICE.NAMESPACE` of each ready endpoint with this address into `scratch`, each once.
    private func collectEndpoints(of address: IPAddress, _ table: TableReader, _ scratch: inout AnswerScratch) {
        table.forEachEndpoint(address: address) { slice, endpoint in
            guard slice.isReady(endpoint), !slice.service.isEmpty, isShown(slice.namespace, table),
                isSelected(slice)
            else { return }
            let range = store(ownLabel(slice, endpoint), address, &scratch)
            scratch.labels.append(0x2E)
            append(slice.service, slice.namespace, &scratch)
            let whole = range.lowerBound..<scratch.labels.count
            var isNew = true
            for index in scratch.items.indices {
                let text = scratch.labels.span.extracting(whole)
                if scratch.labels.span.extracting(scratch.items[index].label).equals(text) { isNew = false }
            }
            if isNew {
                scratch.items.append(AnswerItem(address: address, port: nil, label: whole))
            } else {
                scratch.labels.removeSubrange(whole)
            }
        }
    }

    private func append(_ service: Span<UInt8>, _ namespace: Span<UInt8>, _ scratch: inout AnswerScratch) {
        for i in 0..<service.count { scratch.labels.append(service[i]) }
        scratch.labels.append(0x2E)
        for i in 0..<namespace.count { scratch.labels.append(namespace[i]) }
    }

    /// Whether a slice has the block's labels: its own count, not its service's.
    func isSelected(_ slice: borrowing SliceView) -> Bool {
        settings.labels.isEmpty || settings.labels.matches(slice.labels)
    }
}
