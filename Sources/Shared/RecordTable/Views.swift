public import Names

// What a reader hands out: views of one record's validated copy. A view lives as long as the closure that it was passed
// to and points into the reader's own memory, never into the shared file. Every access is checked against the copy's
// bounds: damaged bytes give empty strings and zeros, never a trap.

/// A record's key and payload.
package struct RecordCopy: ~Copyable, ~Escapable {
    let first: Span<UInt8>
    let second: Span<UInt8>
    let suffix: Span<UInt8>
    let payload: Span<UInt8>

    /// - Parameter block: the block's bytes without its header: key parts, padding to 8, payload.
    @_lifetime(copy block)
    package init(block: Span<UInt8>, firstLength: Int, secondLength: Int, suffixLength: Int) {
        first = block.slice(0, firstLength)
        second = block.slice(firstLength, secondLength)
        suffix = block.slice(firstLength + secondLength, suffixLength)
        let start = (firstLength + secondLength + suffixLength + 7) & ~7
        payload = block.slice(start, block.count - start)
    }
}

extension Span where Element == UInt8 {
    /// The part that starts at `offset`, or nothing where that lies outside.
    @_lifetime(copy self)
    func slice(_ offset: Int, _ length: Int) -> Span<UInt8> {
        guard offset >= 0, length >= 0, offset <= count, length <= count - offset else { return extracting(0..<0) }
        return extracting(offset..<(offset + length))
    }

    /// The little-endian integer at `offset`, or 0 where that lies outside.
    func integer<T: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as type: T.Type) -> T {
        guard offset >= 0, offset <= count - MemoryLayout<T>.size else { return 0 }
        // Safe: the guard keeps the load inside the span, and every bit pattern is a value of an integer type.
        return unsafe T(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: T.self))
    }

    /// The string that the reference at `offset` names.
    @_lifetime(copy self)
    func string(at offset: Int) -> Span<UInt8> {
        slice(Int(integer(at: offset, as: UInt32.self)), Int(integer(at: offset + 4, as: UInt32.self)))
    }

    func address(at offset: Int) -> IPAddress {
        IPAddress(
            mappedHigh: UInt64(bigEndian: UInt64(littleEndian: integer(at: offset, as: UInt64.self))),
            low: UInt64(bigEndian: UInt64(littleEndian: integer(at: offset + 8, as: UInt64.self))))
    }

    func isEqual(to other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in 0..<count where self[index] != other[index] { return false }
        return true
    }

    func text() -> String {
        // Safe: String copies the bytes while the buffer is valid and repairs what is not UTF-8.
        unsafe withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }

    func isBefore(_ other: Span<UInt8>) -> Bool {
        for index in 0..<Swift.min(count, other.count) where self[index] != other[index] {
            return self[index] < other[index]
        }
        return count < other.count
    }
}

/// Labels of one record, in the order of their keys.
public struct LabelsView: ~Copyable, ~Escapable {
    private let payload: Span<UInt8>
    private let start: Int
    public let count: Int

    @_lifetime(copy payload)
    init(payload: Span<UInt8>, at offset: Int) {
        self.payload = payload
        start = Int(payload.integer(at: offset, as: UInt32.self))
        count = min(
            Int(payload.integer(at: offset + 4, as: UInt32.self)), payload.count / PayloadLayout.labelSize)
    }

    @_lifetime(copy self)
    public func key(_ index: Int) -> Span<UInt8> { payload.string(at: start + index * PayloadLayout.labelSize) }

    @_lifetime(copy self)
    public func value(_ index: Int) -> Span<UInt8> { payload.string(at: start + index * PayloadLayout.labelSize + 8) }

    /// Where `key` is, by binary search.
    public func index(of key: Span<UInt8>) -> Int? {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self.key(middle).isBefore(key) { low = middle + 1 } else { high = middle }
        }
        return low < count && self.key(low).isEqual(to: key) ? low : nil
    }

    func dictionary() -> [String: String] {
        var labels: [String: String] = [:]
        for index in 0..<count { labels[key(index).text()] = value(index).text() }
        return labels
    }
}

/// Ports of a service or slice.
public struct PortsView: ~Copyable, ~Escapable {
    private let payload: Span<UInt8>
    private let start: Int
    public let count: Int

    @_lifetime(copy payload)
    init(payload: Span<UInt8>, at offset: Int) {
        self.payload = payload
        start = Int(payload.integer(at: offset, as: UInt32.self))
        count = min(Int(payload.integer(at: offset + 4, as: UInt32.self)), payload.count / PayloadLayout.portSize)
    }

    public func number(_ index: Int) -> UInt16 {
        payload.integer(at: start + index * PayloadLayout.portSize, as: UInt16.self)
    }

    public func transport(_ index: Int) -> TransportProtocol {
        let value = payload.integer(at: start + index * PayloadLayout.portSize + 2, as: UInt8.self)
        return TransportProtocol(rawValue: value) ?? .tcp
    }

    /// Empty for the unnamed port.
    @_lifetime(copy self)
    public func name(_ index: Int) -> Span<UInt8> { payload.string(at: start + index * PayloadLayout.portSize + 8) }

    func records() -> [PortRecord] {
        var ports: [PortRecord] = []
        for index in 0..<count {
            ports.append(PortRecord(name: name(index).text(), protocol: transport(index), number: number(index)))
        }
        return ports
    }
}

public struct NamespaceView: ~Copyable, ~Escapable {
    private let payload: Span<UInt8>
    public let name: Span<UInt8>

    @_lifetime(copy copy)
    package init(_ copy: borrowing RecordCopy) {
        payload = copy.payload
        name = copy.first
    }

    public var labels: LabelsView {
        @_lifetime(copy self)
        get { LabelsView(payload: payload, at: PayloadLayout.Namespace.labels) }
    }

    /// The whole record, copied to the heap (for tools, not for queries).
    public func record() -> NamespaceRecord { NamespaceRecord(name: name.text(), labels: labels.dictionary()) }
}

public struct ServiceView: ~Copyable, ~Escapable {
    private let payload: Span<UInt8>
    /// Bytes of the record beside its key, for tools that measure.
    public var payloadByteCount: Int { payload.count }
    public let namespace: Span<UInt8>
    public let name: Span<UInt8>

    @_lifetime(copy copy)
    package init(_ copy: borrowing RecordCopy) {
        payload = copy.payload
        namespace = copy.first
        name = copy.second
    }

    public var kind: ServiceRecord.Kind {
        ServiceRecord.Kind(rawValue: payload.integer(at: PayloadLayout.Service.kind, as: UInt8.self)) ?? .headless
    }

    public var publishesNotReadyAddresses: Bool {
        payload.integer(at: PayloadLayout.Service.flags, as: UInt8.self) & PayloadLayout.Service.publishesNotReady != 0
    }

    public var clusterIPCount: Int {
        min(Int(payload.integer(at: PayloadLayout.Service.addressCount, as: UInt16.self)), payload.count / 16)
    }

    /// In the order of `spec.clusterIPs`.
    public func clusterIP(_ index: Int) -> IPAddress {
        payload.address(at: Int(payload.integer(at: PayloadLayout.Service.addresses, as: UInt32.self)) + index * 16)
    }

    public var externalName: Span<UInt8> {
        @_lifetime(copy self)
        get { payload.string(at: PayloadLayout.Service.externalName) }
    }

    public var externalIPCount: Int {
        min(Int(payload.integer(at: PayloadLayout.Service.externalIPCount, as: UInt16.self)), payload.count / 16)
    }

    /// `spec.externalIPs`, then the addresses of `status.loadBalancer.ingress`.
    public func externalIP(_ index: Int) -> IPAddress {
        payload.address(at: Int(payload.integer(at: PayloadLayout.Service.externalIPs, as: UInt32.self)) + index * 16)
    }

    public var ingressNameCount: Int {
        min(Int(payload.integer(at: PayloadLayout.Service.ingressNames + 4, as: UInt32.self)), payload.count / 8)
    }

    /// The hostnames of `status.loadBalancer.ingress`.
    @_lifetime(copy self)
    public func ingressName(_ index: Int) -> Span<UInt8> {
        payload.string(at: Int(payload.integer(at: PayloadLayout.Service.ingressNames, as: UInt32.self)) + index * 8)
    }

    public var ports: PortsView {
        @_lifetime(copy self)
        get { PortsView(payload: payload, at: PayloadLayout.Service.ports) }
    }

    public var labels: LabelsView {
        @_lifetime(copy self)
        get { LabelsView(payload: payload, at: PayloadLayout.Service.labels) }
    }

    /// The whole record, copied to the heap (for tools, not for queries).
    public func record() -> ServiceRecord {
        ServiceRecord(
            namespace: namespace.text(), name: name.text(), kind: kind,
            clusterIPs: (0..<clusterIPCount).map { clusterIP($0) }, externalName: externalName.text(),
            externalIPs: (0..<externalIPCount).map { externalIP($0) },
            ingressNames: (0..<ingressNameCount).map { ingressName($0).text() },
            ports: ports.records(), publishesNotReadyAddresses: publishesNotReadyAddresses,
            labels: labels.dictionary())
    }
}

public struct SliceView: ~Copyable, ~Escapable {
    private let payload: Span<UInt8>
    private let endpointsStart: Int
    public let namespace: Span<UInt8>
    /// Empty for a slice without the label `kubernetes.io/service-name`.
    public let service: Span<UInt8>
    public let name: Span<UInt8>
    public let endpointCount: Int

    @_lifetime(copy copy)
    package init(_ copy: borrowing RecordCopy) {
        payload = copy.payload
        namespace = copy.first
        service = copy.second
        name = copy.suffix
        endpointsStart = Int(payload.integer(at: PayloadLayout.Slice.endpoints, as: UInt32.self))
        endpointCount = min(
            Int(payload.integer(at: PayloadLayout.Slice.endpoints + 4, as: UInt32.self)),
            payload.count / PayloadLayout.endpointSize)
    }

    public var addressType: EndpointSliceRecord.AddressType {
        let value = payload.integer(at: PayloadLayout.Slice.addressType, as: UInt8.self)
        return EndpointSliceRecord.AddressType(rawValue: value) ?? .fqdn
    }

    public var ports: PortsView {
        @_lifetime(copy self)
        get { PortsView(payload: payload, at: PayloadLayout.Slice.ports) }
    }

    public var labels: LabelsView {
        @_lifetime(copy self)
        get { LabelsView(payload: payload, at: PayloadLayout.Slice.labels) }
    }

    private func field(_ index: Int, _ field: Int) -> Int {
        endpointsStart + index * PayloadLayout.endpointSize + field
    }

    private func flags(_ endpoint: Int) -> UInt8 {
        payload.integer(at: field(endpoint, PayloadLayout.Endpoint.flags), as: UInt8.self)
    }

    public func isReady(_ endpoint: Int) -> Bool { flags(endpoint) & PayloadLayout.Endpoint.isReady != 0 }

    public func isServing(_ endpoint: Int) -> Bool { flags(endpoint) & PayloadLayout.Endpoint.isServing != 0 }

    public func isTerminating(_ endpoint: Int) -> Bool { flags(endpoint) & PayloadLayout.Endpoint.isTerminating != 0 }

    public func addressCount(_ endpoint: Int) -> Int {
        let count = payload.integer(at: field(endpoint, PayloadLayout.Endpoint.addressCount), as: UInt16.self)
        return min(Int(count), payload.count / 16)
    }

    public func address(_ endpoint: Int, _ index: Int) -> IPAddress {
        let start = payload.integer(at: field(endpoint, PayloadLayout.Endpoint.addresses), as: UInt32.self)
        return payload.address(at: Int(start) + index * 16)
    }

    /// Empty when unset.
    @_lifetime(copy self)
    public func hostname(_ endpoint: Int) -> Span<UInt8> {
        payload.string(at: field(endpoint, PayloadLayout.Endpoint.hostname))
    }

    /// The endpoint's target, most often a pod; empty without one.
    @_lifetime(copy self)
    public func podName(_ endpoint: Int) -> Span<UInt8> {
        payload.string(at: field(endpoint, PayloadLayout.Endpoint.podName))
    }

    @_lifetime(copy self)
    public func nodeName(_ endpoint: Int) -> Span<UInt8> {
        payload.string(at: field(endpoint, PayloadLayout.Endpoint.nodeName))
    }

    @_lifetime(copy self)
    public func zone(_ endpoint: Int) -> Span<UInt8> {
        payload.string(at: field(endpoint, PayloadLayout.Endpoint.zone))
    }

    public func zoneHintCount(_ endpoint: Int) -> Int {
        let count = payload.integer(at: field(endpoint, PayloadLayout.Endpoint.zoneHints) + 4, as: UInt32.self)
        return min(Int(count), payload.count / 8)
    }

    @_lifetime(copy self)
    public func zoneHint(_ endpoint: Int, _ index: Int) -> Span<UInt8> {
        let start = payload.integer(at: field(endpoint, PayloadLayout.Endpoint.zoneHints), as: UInt32.self)
        return payload.string(at: Int(start) + index * 8)
    }

    /// The whole record, copied to the heap (for tools, not for queries).
    public func record() -> EndpointSliceRecord {
        var endpoints: [EndpointRecord] = []
        for endpoint in 0..<endpointCount {
            endpoints.append(
                EndpointRecord(
                    addresses: (0..<addressCount(endpoint)).map { address(endpoint, $0) },
                    hostname: hostname(endpoint).text(), podName: podName(endpoint).text(),
                    nodeName: nodeName(endpoint).text(), zone: zone(endpoint).text(),
                    zoneHints: (0..<zoneHintCount(endpoint)).map { zoneHint(endpoint, $0).text() },
                    isReady: isReady(endpoint), isServing: isServing(endpoint),
                    isTerminating: isTerminating(endpoint)))
        }
        return EndpointSliceRecord(
            namespace: namespace.text(), name: name.text(), service: service.text(), addressType: addressType,
            ports: ports.records(), endpoints: endpoints, labels: labels.dictionary())
    }
}

public struct PodView: ~Copyable, ~Escapable {
    private let payload: Span<UInt8>
    public let namespace: Span<UInt8>
    public let name: Span<UInt8>

    @_lifetime(copy copy)
    package init(_ copy: borrowing RecordCopy) {
        payload = copy.payload
        namespace = copy.first
        name = copy.second
    }

    public var uid: Span<UInt8> {
        @_lifetime(copy self)
        get { payload.string(at: PayloadLayout.Pod.uid) }
    }

    public var nodeName: Span<UInt8> {
        @_lifetime(copy self)
        get { payload.string(at: PayloadLayout.Pod.nodeName) }
    }

    public var addressCount: Int {
        min(Int(payload.integer(at: PayloadLayout.Pod.addresses + 4, as: UInt32.self)), payload.count / 16)
    }

    public func address(_ index: Int) -> IPAddress {
        payload.address(at: Int(payload.integer(at: PayloadLayout.Pod.addresses, as: UInt32.self)) + index * 16)
    }

    /// Whether the addresses are the node's.
    public var isHostNetwork: Bool {
        payload.integer(at: PayloadLayout.Pod.flags, as: UInt8.self) & PayloadLayout.Pod.isHostNetwork != 0
    }

    /// Whether the pod's condition `Ready` is true.
    public var isReady: Bool { payload.integer(at: PayloadLayout.Pod.flags, as: UInt8.self) & PayloadLayout.Pod.isReady != 0 }

    public var labels: LabelsView {
        @_lifetime(copy self)
        get { LabelsView(payload: payload, at: PayloadLayout.Pod.labels) }
    }

    /// The whole record, copied to the heap (for tools, not for queries).
    public func record() -> PodRecord {
        PodRecord(
            namespace: namespace.text(), name: name.text(), uid: uid.text(),
            addresses: (0..<addressCount).map { address($0) }, isHostNetwork: isHostNetwork, isReady: isReady,
            nodeName: nodeName.text(), labels: labels.dictionary())
    }
}

/// Which pod or service has an address.
public struct AddressOwnerView: ~Copyable, ~Escapable {
    public let namespace: Span<UInt8>
    public let name: Span<UInt8>
    /// A pod's; empty for a service.
    public let uid: Span<UInt8>

    /// The key is the address; namespace and name are the suffix with a zero byte between, the UID is the payload.
    @_lifetime(copy copy)
    package init(_ copy: borrowing RecordCopy) {
        let suffix = copy.suffix
        var split = 0
        while split < suffix.count, suffix[split] != 0 { split += 1 }
        namespace = suffix.slice(0, split)
        name = suffix.slice(split + 1, suffix.count - split - 1)
        uid = copy.payload
    }
}
