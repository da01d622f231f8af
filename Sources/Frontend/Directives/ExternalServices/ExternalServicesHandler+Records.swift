import Names
import RecordTable

/// Finding what a name has, and making records of it.
extension ExternalServicesHandler {
    enum Collected {
        case nameError, noData
        /// Addresses are in `AnswerScratch.items`, names in `hosts`.
        case items
    }

    /// What is looked for; empty spans match everything.
    private struct Wanted: ~Escapable {
        let endpoint, port, transport: Span<UInt8>

        @_lifetime(copy endpoint, copy port, copy transport)
        init(endpoint: Span<UInt8>, port: Span<UInt8>, transport: Span<UInt8>) {
            self.endpoint = endpoint
            self.port = port
            self.transport = transport
        }

        func matches(_ ports: borrowing PortsView, _ index: Int) -> Bool {
            guard port.isEmpty || ports.name(index).equals(port) else { return false }
            return transport.isEmpty || ports.transport(index).isCalled(transport)
        }
    }

    /// Looks up `[ENDPOINT.]SERVICE.NAMESPACE` or `_PORT._PROTOCOL.SERVICE.NAMESPACE`.
    ///
    /// - Parameter labels: how many of the name's labels are before the zone's; at least one.
    func collect(_ name: DNSName, _ labels: Int, _ table: TableReader, _ scratch: inout AnswerScratch) -> Collected {
        hosts.removeAll(keepingCapacity: true)
        scratch.removeAll()
        let namespace = name.label(labels - 1)
        guard kubernetes.isExposed(namespace, table) else { return .nameError }
        guard labels > 1 else { return .noData }
        guard labels < 5 else { return .nameError }
        let none = namespace.extracting(0..<0)
        let wanted = Wanted(
            endpoint: labels == 3 ? Self.plain(name, 0) : none, port: labels == 4 ? Self.plain(name, 0) : none,
            transport: labels == 4 ? Self.plain(name, 1) : none)
        _ = table.withService(namespace: namespace, name: name.label(labels - 2)) { service in
            let selector = kubernetes.settings.labels
            guard selector.isEmpty || selector.matches(service.labels) else { return }
            let hasOwn = service.externalIPCount > 0 || service.ingressNameCount > 0
            if !hasOwn, settings.servesHeadless, service.kind == .headless || !wanted.endpoint.isEmpty {
                addEndpoints(service, wanted, table, &scratch)
            } else if hasOwn {
                addOwn(service, wanted, &scratch)
            }
        }
        return scratch.items.isEmpty && hosts.isEmpty ? .nameError : .items
    }

    /// A label without the underscore before it.
    @_lifetime(borrow name)
    private static func plain(_ name: DNSName, _ label: Int) -> Span<UInt8> {
        var range = name.range(ofLabel: label)
        if name.storage.span[range.lowerBound] == 0x5F { range = (range.lowerBound + 1)..<range.upperBound }
        return name.storage.span.extracting(range)
    }

    private func addOwn(_ service: borrowing ServiceView, _ wanted: borrowing Wanted, _ scratch: inout AnswerScratch) {
        let ports = service.ports
        if ports.count == 0, wanted.port.isEmpty, wanted.transport.isEmpty { addOwn(service, port: nil, &scratch) }
        for index in 0..<ports.count where wanted.matches(ports, index) { addOwn(service, port: ports.number(index), &scratch) }
    }

    private func addOwn(_ service: borrowing ServiceView, port: UInt16?, _ scratch: inout AnswerScratch) {
        for index in 0..<service.externalIPCount {
            scratch.items.append(AnswerItem(address: service.externalIP(index), port: port, label: 0..<0))
        }
        for index in 0..<service.ingressNameCount {
            var name = DNSName()
            guard name.append(dotted: service.ingressName(index)) else { continue }
            hosts.append((name, port))
        }
    }

    private func addEndpoints(
        _ service: borrowing ServiceView, _ wanted: borrowing Wanted, _ table: TableReader, _ scratch: inout AnswerScratch
    ) {
        let wantedEndpoint = wanted.endpoint
        let (port, transport) = (wanted.port, wanted.transport)
        table.forEachSlice(namespace: service.namespace, service: service.name) { slice in
            guard kubernetes.isSelected(slice) else { return }
            let ports = slice.ports
            let wanted = Wanted(endpoint: wantedEndpoint, port: port, transport: transport)
            for endpoint in 0..<slice.endpointCount where slice.isReady(endpoint) {
                let label = kubernetes.ownLabel(slice, endpoint)
                for number in 0..<slice.addressCount(endpoint) {
                    let address = slice.address(endpoint, number)
                    let stored = kubernetes.store(label, address, &scratch)
                    guard wanted.endpoint.isEmpty || scratch.labels.span.extracting(stored).equals(wanted.endpoint) else { continue }
                    if ports.count == 0, wanted.port.isEmpty, wanted.transport.isEmpty {
                        scratch.items.append(AnswerItem(address: address, port: nil, label: stored))
                    }
                    for index in 0..<ports.count where wanted.matches(ports, index) {
                        let number = ports.number(index)
                        scratch.items.append(AnswerItem(address: address, port: number == 0 ? nil : number, label: stored))
                    }
                }
            }
        }
    }

    // MARK: Records

    /// PTR of the services that have an external address. Returns whether there was one.
    func answerReverse(_ address: IPAddress, _ exchange: Exchange, _ bench: Workbench, _ table: TableReader) -> Bool {
        var targets: [DNSName] = []
        table.forEachService(externalAddress: address) { service in
            let selector = kubernetes.settings.labels
            guard selector.isEmpty || selector.matches(service.labels) else { return }
            guard kubernetes.namespaces.isEmpty || kubernetes.isExposed(service.namespace, table) else { return }
            var target = DNSName()
            guard target.append(label: service.name), target.append(label: service.namespace), target.append(zones[0]) else { return }
            targets.append(target)
        }
        for target in targets {
            bench.response.pointing(.answer, .question, .ptr, to: target, ttl: settings.timeToLive, of: exchange.query)
        }
        return !targets.isEmpty
    }

    /// Writes what `collect` has found.
    ///
    /// - Parameter answers: what a load balancer's name leads to; nil where that could not be found out.
    func write(
        _ exchange: Exchange, _ bench: Workbench, _ zoneLabels: Int, answers: (DNSName, RecordType) -> [UInt8]?
    ) -> Step {
        do throws(WireError) {
            if exchange.query.type == .srv { return try writeServices(exchange, bench, zoneLabels, answers) }
            var isTruncated = false
            for index in hosts.indices where !isRepeated(index) {
                let host = hosts[index].name
                bench.response.pointing(.answer, .question, .cname, to: host, ttl: kubernetes.timeToLive, of: exchange.query)
                guard let message = answers(host, exchange.query.type) else { continue }
                if try copyAnswers(message, to: .answer, exchange, bench) { isTruncated = true }
            }
            let written = kubernetes.forEachAddress(exchange.query.type, &bench.context.scratch) { address in
                bench.response.address(.answer, .question, address, ttl: settings.timeToLive, of: exchange.query)
            }
            if written == 0, hosts.isEmpty { return finish(exchange, bench, zoneLabels, .noData) }
            return .done(isTruncated ? .truncated : .answered)
        } catch {
            return exchange.fail("the answer to a load balancer's name cannot be read")
        }
    }

    /// Whether an earlier port of the service has led to the same name.
    private func isRepeated(_ index: Int) -> Bool { hosts[..<index].contains { $0.name == hosts[index].name } }

    private func copyAnswers(
        _ message: [UInt8], to section: PacketReader.Section, _ exchange: Exchange, _ bench: Workbench
    ) throws(WireError) -> Bool {
        var reader = try PacketReader(message.span)
        while let record = try reader.next(in: message.span), record.section == .answer {
            try bench.response.copy(record, of: message.span, to: section, scratch: &bench.context.scratch.owner, of: exchange.query)
        }
        return reader.isTruncated
    }

    /// One SRV record for each target and port, then what the targets have. All share the weight 100, rounded down but at least 1.
    private func writeServices(
        _ exchange: Exchange, _ bench: Workbench, _ zoneLabels: Int, _ answers: (DNSName, RecordType) -> [UInt8]?
    ) throws(WireError) -> Step {
        let (items, labels) = (bench.context.scratch.items, bench.context.scratch.labels)
        let weight = UInt16(max(1, 100 / max(1, items.count + hosts.count)))
        var written = 0
        func service(_ target: DNSName, _ port: UInt16) {
            bench.response.service(
                target: target, port: port, priority: 0, weight: weight, ttl: kubernetes.timeToLive, of: exchange.query)
            written += 1
        }
        bench.context.scratch.duplicates.begin(expecting: items.count)
        for index in items.indices {
            guard let port = items[index].port else { continue }
            let label = labels.span.extracting(items[index].label)
            let isNew = bench.context.scratch.duplicates.isNew(index, hash: label.hash(mixedWith: UInt64(port))) { other in
                items[other].port == port && labels.span.extracting(items[other].label).equals(label)
            }
            if isNew, let target = target(exchange.query, zoneLabels, label) { service(target, port) }
        }
        for host in hosts { if let port = host.port { service(host.name, port) } }
        guard written > 0 else { return finish(exchange, bench, zoneLabels, .noData) }
        bench.context.scratch.duplicates.begin(expecting: items.count)
        for index in items.indices where items[index].port != nil {
            let (address, label) = (items[index].address, labels.span.extracting(items[index].label))
            let isNew = bench.context.scratch.duplicates.isNew(index, hash: label.hash(mixedWith: address.mixed)) { other in
                items[other].address == address && labels.span.extracting(items[other].label).equals(label)
            }
            guard isNew, let target = target(exchange.query, zoneLabels, label) else { continue }
            bench.response.address(.additional, name: target, address, ttl: settings.timeToLive, of: exchange.query)
        }
        for index in hosts.indices where hosts[index].port != nil && !isRepeated(index) {
            for type in [RecordType.a, .aaaa] {
                guard let message = answers(hosts[index].name, type) else { continue }
                _ = try copyAnswers(message, to: .additional, exchange, bench)
            }
        }
        return .done(.answered)
    }

    /// `[LABEL.]SERVICE.NAMESPACE.ZONE`, letters as asked. Nil when it is too long.
    private func target(_ query: borrowing Query, _ zoneLabels: Int, _ label: Span<UInt8>) -> DNSName? {
        var target = DNSName()
        guard label.isEmpty || target.append(dotted: label),
            target.append(query.original, fromLabel: query.original.labelCount - zoneLabels - 2)
        else { return nil }
        return target
    }
}
