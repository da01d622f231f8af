import Names

/// One record's worth of a service: an address, a port, and the label that an endpoint has below its service.
struct AnswerItem: Sendable {
    var address: IPAddress
    /// Nil where a service or slice has no ports: then there is no SRV record for it.
    var port: UInt16?
    /// The endpoint's label as a range of `AnswerScratch.labels`; empty for the service's own name.
    var label: Range<Int>
}

/// Buffers that keep their size, so that collecting an answer does not allocate once a worker has seen a large one.
struct AnswerScratch: ~Copyable {
    var items: [AnswerItem] = []
    var labels: [UInt8] = []
    /// Names in the making: of targets, and of owners that are not the question.
    var target = DNSName()
    var owner = DNSName()
    var duplicates = DuplicateFilter()

    init() {
        items.reserveCapacity(256)
        labels.reserveCapacity(4096)
    }

    mutating func removeAll() {
        items.removeAll(keepingCapacity: true)
        labels.removeAll(keepingCapacity: true)
    }
}
