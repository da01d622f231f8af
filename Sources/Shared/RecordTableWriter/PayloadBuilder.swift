import Names
import RecordTable

/// Builds a record's payload: a fixed part, then arrays and strings that it points into by offset from the payload's start.
///
/// Equal strings are stored once. The result depends on the input alone, so that an unchanged object gives equal bytes and
/// the writer can tell that there is nothing to do.
struct PayloadBuilder {
    private(set) var bytes: [UInt8]
    /// Where the first strings stand. Most records have few, and comparing these is cheaper than hashing.
    private var few: [(place: Int, count: Int)] = []
    /// Where those after them stand.
    private var further: [String: UInt32] = [:]
    private static let fewCount = 16

    /// - Parameter fixedSize: bytes of the fixed part, zero until set.
    init(fixedSize: Int) {
        bytes = [UInt8](repeating: 0, count: fixedSize)
    }

    mutating func set(_ value: UInt8, at offset: Int) { bytes[offset] = value }

    mutating func set(_ value: UInt16, at offset: Int) { setBytes(of: value, at: offset) }

    mutating func set(_ value: UInt32, at offset: Int) { setBytes(of: value, at: offset) }

    private mutating func setBytes<T: FixedWidthInteger>(of value: T, at offset: Int) {
        for index in 0..<(T.bitWidth / 8) {
            bytes[offset + index] = UInt8(truncatingIfNeeded: value >> T(8 * index))
        }
    }

    /// Reserves `size` zero bytes at the end, aligned to 4, and returns where.
    mutating func reserve(_ size: Int) -> Int {
        while bytes.count % 4 != 0 { bytes.append(0) }
        let offset = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: size))
        return offset
    }

    /// Writes a string reference (offset and length, 4 bytes each) at `offset`.
    mutating func set(_ string: String, at offset: Int) {
        let utf8 = string.utf8
        guard !utf8.isEmpty else { return }
        set(place(string), at: offset)
        set(UInt32(utf8.count), at: offset + 4)
    }

    /// Where the string stands; it is put there if it stands nowhere yet.
    private mutating func place(_ string: String) -> UInt32 {
        let utf8 = string.utf8
        for known in few where known.count == utf8.count && bytes[known.place..<known.place + known.count].elementsEqual(utf8) {
            return UInt32(known.place)
        }
        if let known = further[string] { return known }
        let place = bytes.count
        bytes.append(contentsOf: utf8)
        if few.count < Self.fewCount {
            few.append((place, utf8.count))
        } else {
            further[string] = UInt32(place)
        }
        return UInt32(place)
    }

    /// Writes an array reference (offset and count, 4 bytes each) at `offset`, and the labels in the order of their keys.
    mutating func set(_ labels: [String: String], at offset: Int) {
        guard !labels.isEmpty else { return }
        let start = reserve(labels.count * PayloadLayout.labelSize)
        for (index, label) in labels.sorted(by: { $0.key < $1.key }).enumerated() {
            set(label.key, at: start + index * PayloadLayout.labelSize)
            set(label.value, at: start + index * PayloadLayout.labelSize + 8)
        }
        set(UInt32(start), at: offset)
        set(UInt32(labels.count), at: offset + 4)
    }

    mutating func set(_ ports: [PortRecord], at offset: Int) {
        guard !ports.isEmpty else { return }
        let start = reserve(ports.count * PayloadLayout.portSize)
        for (index, port) in ports.enumerated() {
            let entry = start + index * PayloadLayout.portSize
            set(port.number, at: entry)
            set(port.protocol.rawValue, at: entry + 2)
            set(port.name, at: entry + 8)
        }
        set(UInt32(start), at: offset)
        set(UInt32(ports.count), at: offset + 4)
    }

    mutating func set(_ strings: [String], at offset: Int) {
        guard !strings.isEmpty else { return }
        let start = reserve(strings.count * 8)
        for (index, string) in strings.enumerated() { set(string, at: start + index * 8) }
        set(UInt32(start), at: offset)
        set(UInt32(strings.count), at: offset + 4)
    }

    /// Appends the addresses, 16 bytes each (IPv4 as ::ffff:a.b.c.d, RFC 4291 section 2.5.5.2), and returns where.
    mutating func place(_ addresses: [IPAddress]) -> Int {
        let start = reserve(addresses.count * 16)
        for (index, address) in addresses.enumerated() {
            let (high, low) = address.mappedWords
            setBigEndian(high, at: start + index * 16)
            setBigEndian(low, at: start + index * 16 + 8)
        }
        return start
    }

    private mutating func setBigEndian(_ word: UInt64, at offset: Int) {
        for index in 0..<8 { bytes[offset + index] = UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * index)) }
    }
}

extension NamespaceRecord {
    func payload() -> [UInt8] {
        var builder = PayloadBuilder(fixedSize: PayloadLayout.Namespace.size)
        builder.set(labels, at: PayloadLayout.Namespace.labels)
        return builder.bytes
    }
}

extension ServiceRecord {
    /// Those that it is found by, each once.
    var addresses: Set<IPAddress> { Set(clusterIPs).union(externalIPs) }

    func payload() -> [UInt8] {
        var builder = PayloadBuilder(fixedSize: PayloadLayout.Service.size)
        builder.set(kind.rawValue, at: PayloadLayout.Service.kind)
        if publishesNotReadyAddresses {
            builder.set(PayloadLayout.Service.publishesNotReady, at: PayloadLayout.Service.flags)
        }
        builder.set(UInt16(clamping: clusterIPs.count), at: PayloadLayout.Service.addressCount)
        if !clusterIPs.isEmpty {
            builder.set(UInt32(builder.place(clusterIPs)), at: PayloadLayout.Service.addresses)
        }
        builder.set(ports, at: PayloadLayout.Service.ports)
        builder.set(labels, at: PayloadLayout.Service.labels)
        builder.set(externalName, at: PayloadLayout.Service.externalName)
        builder.set(UInt16(clamping: externalIPs.count), at: PayloadLayout.Service.externalIPCount)
        if !externalIPs.isEmpty { builder.set(UInt32(builder.place(externalIPs)), at: PayloadLayout.Service.externalIPs) }
        builder.set(ingressNames, at: PayloadLayout.Service.ingressNames)
        return builder.bytes
    }
}

extension EndpointSliceRecord {
    func payload() -> [UInt8] {
        var builder = PayloadBuilder(fixedSize: PayloadLayout.Slice.size)
        builder.set(addressType.rawValue, at: PayloadLayout.Slice.addressType)
        builder.set(ports, at: PayloadLayout.Slice.ports)
        builder.set(labels, at: PayloadLayout.Slice.labels)
        guard !endpoints.isEmpty else { return builder.bytes }
        let start = builder.reserve(endpoints.count * PayloadLayout.endpointSize)
        builder.set(UInt32(start), at: PayloadLayout.Slice.endpoints)
        builder.set(UInt32(endpoints.count), at: PayloadLayout.Slice.endpoints + 4)
        for (index, endpoint) in endpoints.enumerated() {
            endpoint.write(into: &builder, at: start + index * PayloadLayout.endpointSize)
        }
        return builder.bytes
    }
}

extension EndpointRecord {
    fileprivate func write(into builder: inout PayloadBuilder, at entry: Int) {
        var flags: UInt8 = 0
        if isReady { flags |= PayloadLayout.Endpoint.isReady }
        if isServing { flags |= PayloadLayout.Endpoint.isServing }
        if isTerminating { flags |= PayloadLayout.Endpoint.isTerminating }
        builder.set(flags, at: entry + PayloadLayout.Endpoint.flags)
        builder.set(UInt16(clamping: addresses.count), at: entry + PayloadLayout.Endpoint.addressCount)
        if !addresses.isEmpty {
            builder.set(UInt32(builder.place(addresses)), at: entry + PayloadLayout.Endpoint.addresses)
        }
        builder.set(hostname, at: entry + PayloadLayout.Endpoint.hostname)
        builder.set(podName, at: entry + PayloadLayout.Endpoint.podName)
        builder.set(nodeName, at: entry + PayloadLayout.Endpoint.nodeName)
        builder.set(zone, at: entry + PayloadLayout.Endpoint.zone)
        builder.set(zoneHints, at: entry + PayloadLayout.Endpoint.zoneHints)
    }
}

extension PodRecord {
    func payload() -> [UInt8] {
        var builder = PayloadBuilder(fixedSize: PayloadLayout.Pod.size)
        builder.set(uid, at: PayloadLayout.Pod.uid)
        builder.set(nodeName, at: PayloadLayout.Pod.nodeName)
        if !addresses.isEmpty {
            builder.set(UInt32(builder.place(addresses)), at: PayloadLayout.Pod.addresses)
            builder.set(UInt32(addresses.count), at: PayloadLayout.Pod.addresses + 4)
        }
        builder.set(labels, at: PayloadLayout.Pod.labels)
        let flags = (isHostNetwork ? PayloadLayout.Pod.isHostNetwork : 0) | (isReady ? PayloadLayout.Pod.isReady : 0)
        builder.set(flags, at: PayloadLayout.Pod.flags)
        return builder.bytes
    }
}
