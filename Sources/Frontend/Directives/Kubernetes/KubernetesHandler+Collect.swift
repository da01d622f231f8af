import Names
import RecordTable

/// Finding what a name has, before it is decided which of it becomes records.
extension KubernetesHandler {
    /// What a name is.
    enum Collected {
        case nameError
        /// There, without anything to make records of.
        case noData
        /// There, without any endpoint so far.
        case noDataYet
        /// There; addresses and ports are in `AnswerScratch.items`. Of endpoints there may be more once all slices are listed.
        case items(areEndpoints: Bool)
        /// An ExternalName; where it points to is in `AnswerScratch.target`.
        case external
    }

    /// Looks a name up and fills `scratch`.
    ///
    /// - Parameters:
    ///   - name: lower case, in the zone.
    ///   - labels: whether endpoints' labels and every port are wanted (for SRV), or just addresses.
    func collect(
        _ name: DNSName, _ zoneLabels: Int, _ table: TableReader, labels: Bool, _ scratch: inout AnswerScratch
    ) -> Collected {
        let request = KubernetesRequest(name, zoneLabels: zoneLabels, isZonal: settings.isZonal)
        switch request.kind {
        case .apex: return .noData
        case .invalid: return .nameError
        case .service, .pod: break
        }
        let namespace = name.label(request.namespace)
        guard !isReverse(name), isExposed(namespace, table) else { return .nameError }
        guard let service = request.service else {
            return request.kind == .pod && settings.pods == .disabled ? .nameError : .noData
        }
        scratch.removeAll()
        if request.kind == .pod {
            return collectPod(name.label(service), namespace, table, &scratch)
        }
        return collectService(
            Wanted(
                namespace: namespace, service: name.label(service), endpoint: pattern(name, request.endpoint, strip: false),
                port: pattern(name, request.port, strip: true), transport: pattern(name, request.transport, strip: true),
                topology: topologyOctets(name, request), labels: labels),
            request, table, &scratch)
    }

    /// What is looked for, as text. Empty patterns match everything.
    struct Wanted: ~Escapable {
        let namespace: Span<UInt8>
        let service: Span<UInt8>
        let endpoint: Span<UInt8>
        let port: Span<UInt8>
        let transport: Span<UInt8>
        /// The topology zone in wire form: labels with their length octets.
        let topology: Span<UInt8>
        let labels: Bool

        @_lifetime(copy namespace, copy service, copy endpoint, copy port, copy transport, copy topology)
        init(
            namespace: Span<UInt8>, service: Span<UInt8>, endpoint: Span<UInt8>, port: Span<UInt8>, transport: Span<UInt8>,
            topology: Span<UInt8>, labels: Bool
        ) {
            self.namespace = namespace
            self.service = service
            self.endpoint = endpoint
            self.port = port
            self.transport = transport
            self.topology = topology
            self.labels = labels
        }
    }

    /// Whether the block shows a namespace: it exists, is listed if there is a list, and has the labels if there is a selector.
    func isExposed(_ namespace: Span<UInt8>, _ table: TableReader) -> Bool {
        guard namespaces.isEmpty || namespaces.contains(namespace) else { return false }
        var isShown = false
        _ = table.withNamespace(namespace) { view in
            isShown = settings.namespaceLabels.isEmpty || settings.namespaceLabels.matches(view.labels)
        }
        return isShown
    }

    private func isReverse(_ name: DNSName) -> Bool {
        let count = name.labelCount
        guard count > 2, name.label(count - 1, equals: "arpa") else { return false }
        return name.label(count - 2, equals: "in-addr") || name.label(count - 2, equals: "ip6")
    }

    @_lifetime(borrow name)
    private func pattern(_ name: DNSName, _ label: Int?, strip: Bool) -> Span<UInt8> {
        var range = 0..<0
        if let label {
            range = name.range(ofLabel: label)
            if strip, name.storage.span[range.lowerBound] == 0x5F { range = (range.lowerBound + 1)..<range.upperBound }
        }
        return name.storage.span.extracting(range)
    }

    @_lifetime(borrow name)
    private func topologyOctets(_ name: DNSName, _ request: KubernetesRequest) -> Span<UInt8> {
        var end = 0
        switch request.topology {
        case .any: break
        case .pinned(let labels), .preferred(let labels): end = Int(name.labelOffsets.span[labels])
        }
        return name.storage.span.extracting(0..<end)
    }

    // MARK: Pods

    private func collectPod(
        _ label: Span<UInt8>, _ namespace: Span<UInt8>, _ table: TableReader, _ scratch: inout AnswerScratch
    ) -> Collected {
        guard settings.pods != .disabled, let address = AddressText.readDashed(label) else { return .nameError }
        if settings.pods == .verified {
            // CoreDNS compares texts, so only the usual spelling of an address is a name.
            AddressText.writeDashed(address, to: &scratch.labels)
            guard scratch.labels.span.equals(label), hasPod(address, namespace, table) else { return .nameError }
            scratch.labels.removeAll(keepingCapacity: true)
        }
        scratch.items.append(AnswerItem(address: address, port: 0, label: 0..<0))
        return .items(areEndpoints: false)
    }

    /// Whether a pod of the namespace has this address as its first: CoreDNS knows `status.podIP` only.
    private func hasPod(_ address: IPAddress, _ namespace: Span<UInt8>, _ table: TableReader) -> Bool {
        var found = false
        table.forEachPod(address: address) { owner in
            guard !found, owner.namespace.equals(namespace) else { return }
            _ = table.withPod(namespace: owner.namespace, name: owner.name) { pod in
                if pod.addressCount > 0, pod.address(0) == address {
                    found = settings.labels.isEmpty || settings.labels.matches(pod.labels)
                }
            }
        }
        return found
    }

    // MARK: Services

    private func collectService(
        _ wanted: borrowing Wanted, _ request: KubernetesRequest, _ table: TableReader, _ scratch: inout AnswerScratch
    ) -> Collected {
        var result = Collected.nameError
        var needsEndpoints = false
        var isHeadless = false
        _ = table.withService(namespace: wanted.namespace, name: wanted.service) { service in
            guard settings.labels.isEmpty || settings.labels.matches(service.labels) else { return }
            switch service.kind {
            case .externalName:
                guard !request.isBelowService, !request.isZoned else { return }
                if readName(service.externalName, into: &scratch.target) { result = .external }
            case .headless:
                needsEndpoints = true
                isHeadless = true
            case .clusterIP:
                guard !request.isZoned else { return }
                if settings.ignoresEmptyServices, !hasReadyEndpoint(service.namespace, service.name, table) { return }
                if wanted.endpoint.isEmpty {
                    if collectClusterIPs(service, wanted, &scratch) { result = .items(areEndpoints: false) }
                } else {
                    needsEndpoints = true
                }
            }
        }
        guard needsEndpoints else { return result }
        return collectEndpoints(wanted, request, table, &scratch, isHeadless: isHeadless)
    }

    private func collectEndpoints(
        _ wanted: borrowing Wanted, _ request: KubernetesRequest, _ table: TableReader, _ scratch: inout AnswerScratch,
        isHeadless: Bool
    ) -> Collected {
        guard settings.servesEndpoints else { return .nameError }
        addEndpoints(wanted, inTopology: true, table, &scratch)
        if !scratch.items.isEmpty { return .items(areEndpoints: true) }
        switch request.topology {
        case .any: return .nameError
        case .pinned: return .noDataYet
        case .preferred:
            addEndpoints(wanted, inTopology: false, table, &scratch)
            return scratch.items.isEmpty ? .noDataYet : .items(areEndpoints: true)
        }
    }

    /// Adds a service's own addresses with its matching ports. Returns whether a port matched.
    private func collectClusterIPs(
        _ service: borrowing ServiceView, _ wanted: borrowing Wanted, _ scratch: inout AnswerScratch
    ) -> Bool {
        let ports = service.ports
        if ports.count == 0 {
            guard wanted.port.isEmpty, wanted.transport.isEmpty else { return false }
            for index in 0..<service.clusterIPCount {
                scratch.items.append(AnswerItem(address: service.clusterIP(index), port: nil, label: 0..<0))
            }
            return true
        }
        var isMatched = false
        for port in 0..<ports.count where matches(ports, port, wanted) {
            // One port is enough where only addresses are wanted.
            if isMatched, !wanted.labels { break }
            isMatched = true
            for index in 0..<service.clusterIPCount {
                scratch.items.append(AnswerItem(address: service.clusterIP(index), port: ports.number(port), label: 0..<0))
            }
        }
        return isMatched
    }

    private func matches(_ ports: borrowing PortsView, _ index: Int, _ wanted: borrowing Wanted) -> Bool {
        guard wanted.port.isEmpty || ports.name(index).equals(wanted.port) else { return false }
        return wanted.transport.isEmpty || ports.transport(index).isCalled(wanted.transport)
    }

    private func hasReadyEndpoint(_ namespace: Span<UInt8>, _ service: Span<UInt8>, _ table: TableReader) -> Bool {
        guard settings.servesEndpoints else { return false }
        var found = false
        table.forEachSlice(namespace: namespace, service: service) { slice in
            guard isSelected(slice) else { return }
            for endpoint in 0..<slice.endpointCount where slice.isReady(endpoint) {
                found = true
                return
            }
        }
        return found
    }

    // MARK: Endpoints

    private func addEndpoints(
        _ wanted: borrowing Wanted, inTopology: Bool, _ table: TableReader, _ scratch: inout AnswerScratch
    ) {
        let named = addressNamed(wanted.endpoint, &scratch)
        let endpoint = wanted.endpoint
        let port = wanted.port
        let transport = wanted.transport
        let topology = inTopology ? wanted.topology : wanted.topology.extracting(0..<0)
        let labels = wanted.labels
        table.forEachSlice(namespace: wanted.namespace, service: wanted.service) { slice in
            guard isSelected(slice) else { return }
            for index in 0..<slice.endpointCount where slice.isReady(index) {
                if !topology.isEmpty, !Self.isZone(topology, slice.zone(index)) { continue }
                let label = ownLabel(slice, index)
                if !endpoint.isEmpty, !label.isEmpty, !label.equals(endpoint) { continue }
                for number in 0..<slice.addressCount(index) {
                    let address = slice.address(index, number)
                    if !endpoint.isEmpty, label.isEmpty, address != named { continue }
                    let range = labels ? store(label, address, &scratch) : 0..<0
                    addPorts(slice.ports, port, transport, labels, AnswerItem(address: address, port: nil, label: range), &scratch)
                }
            }
        }
    }

    /// Adds `item` once for each matching port, or once at all where only addresses are wanted.
    private func addPorts(
        _ ports: borrowing PortsView, _ port: Span<UInt8>, _ transport: Span<UInt8>, _ each: Bool, _ item: AnswerItem,
        _ scratch: inout AnswerScratch
    ) {
        if ports.count == 0 {
            if port.isEmpty, transport.isEmpty { scratch.items.append(item) }
            return
        }
        for index in 0..<ports.count {
            guard port.isEmpty || ports.name(index).equals(port) else { continue }
            guard transport.isEmpty || ports.transport(index).isCalled(transport) else { continue }
            var found = item
            // A slice's port may be unset; the table has 0 then.
            let number = ports.number(index)
            found.port = number == 0 ? nil : number
            scratch.items.append(found)
            if !each { return }
        }
    }

    /// The label that an endpoint has whatever its address: its hostname, or with `endpoint_pod_names` its pod's name; else empty.
    @_lifetime(copy slice)
    func ownLabel(_ slice: borrowing SliceView, _ endpoint: Int) -> Span<UInt8> {
        let hostname = slice.hostname(endpoint)
        if !hostname.isEmpty || !settings.namesEndpointsAfterPods { return hostname }
        let pod = slice.podName(endpoint)
        // A longer name is no label; then it is the address after all.
        return pod.count > 63 ? pod.extracting(0..<0) : pod
    }

    /// Keeps an endpoint's label. Returns where it is.
    func store(_ label: Span<UInt8>, _ address: IPAddress, _ scratch: inout AnswerScratch) -> Range<Int> {
        let start = scratch.labels.count
        if label.isEmpty {
            AddressText.writeDashed(address, to: &scratch.labels)
            // A label must not end in a dash, so CoreDNS puts a zero behind it.
            if scratch.labels[scratch.labels.count - 1] == 0x2D { scratch.labels.append(0x30) }
        } else {
            for i in 0..<label.count { scratch.labels.append(label[i]) }
        }
        return start..<scratch.labels.count
    }

    /// The address that an endpoint's label spells, if it does so in the one way that `store` writes.
    private func addressNamed(_ label: Span<UInt8>, _ scratch: inout AnswerScratch) -> IPAddress? {
        guard !label.isEmpty, let address = AddressText.readDashed(label) else { return nil }
        let range = store(label.extracting(0..<0), address, &scratch)
        let isUsual = scratch.labels.span.extracting(range).equals(label)
        scratch.labels.removeAll(keepingCapacity: true)
        return isUsual ? address : nil
    }

    /// Whether labels in wire form, joined by dots, are `zone`, letters of either case.
    private static func isZone(_ octets: Span<UInt8>, _ zone: Span<UInt8>) -> Bool {
        guard octets.count == zone.count + 1 else { return false }
        var boundary = Int(octets[0]) + 1
        for i in 1..<octets.count {
            if i == boundary {
                guard zone[i - 1] == 0x2E else { return false }
                boundary += Int(octets[i]) + 1
                continue
            }
            let octet = zone[i - 1]
            guard octets[i] == (octet &- 0x41 < 26 ? octet | 0x20 : octet) else { return false }
        }
        return true
    }

    /// Reads an ExternalName, dots between labels. False for an address, which no CNAME can point to, and for what is no name.
    private func readName(_ text: Span<UInt8>, into name: inout DNSName) -> Bool {
        name.removeAll()
        guard !text.isEmpty, AddressText.readPlain(text) == nil else { return false }
        var start = 0
        for i in 0...text.count where i == text.count || text[i] == 0x2E {
            // A dot may end the name.
            if i == text.count, start == i, i > 0 { break }
            guard name.append(label: text.extracting(start..<i)) else { return false }
            start = i + 1
        }
        return true
    }
}

extension TransportProtocol {
    /// Whether `text` is this protocol's name in lower case.
    func isCalled(_ text: Span<UInt8>) -> Bool {
        switch self {
        case .tcp: text.count == 3 && text[0] == 0x74 && text[1] == 0x63 && text[2] == 0x70
        case .udp: text.count == 3 && text[0] == 0x75 && text[1] == 0x64 && text[2] == 0x70
        case .sctp: text.count == 4 && text[0] == 0x73 && text[1] == 0x63 && text[2] == 0x74 && text[3] == 0x70
        }
    }
}
