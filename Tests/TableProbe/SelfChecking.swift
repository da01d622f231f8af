import Names
import RecordTable

let serviceCount = 200
let slicesPerService = 3

/// Records of which every part is derived from one number, the version, so that bytes of two versions in one record show.
struct SelfChecking {
    let index: Int
    let version: UInt32

    var name: String { "s\(index)" }

    var service: ServiceRecord {
        ServiceRecord(
            namespace: "probe", name: name, kind: .clusterIP, clusterIPs: [.v4(version), .v6(high: UInt64(version), low: UInt64(version))],
            ports: (0..<(Int(version % 7) + 1)).map {
                PortRecord(name: "p\(version)-\($0)", protocol: .udp, number: UInt16(version % 60_000))
            },
            labels: ["version": "\(version)", "padding": String(repeating: "x", count: Int(version % 300))])
    }

    func slice(_ number: Int) -> EndpointSliceRecord {
        EndpointSliceRecord(
            namespace: "probe", name: "\(name)-\(number)", service: name, addressType: .ipv4,
            ports: [PortRecord(name: "v", protocol: .tcp, number: UInt16(version % 60_000))],
            endpoints: (0..<(Int(version % 40) + 1)).map { endpoint in
                EndpointRecord(
                    addresses: [.v4(version &+ UInt32(endpoint))], hostname: "h\(version)", podName: "pod-\(version)-\(endpoint)")
            })
    }

    func pod(_ number: Int) -> PodRecord {
        PodRecord(
            namespace: "probe", name: "pod-\(number)", uid: "uid-\(version)",
            addresses: [.v4(version), .v6(high: 1, low: UInt64(version))],
            nodeName: "node-\(version % 100)", labels: ["version": "\(version)"])
    }
}

// The same statements about views: checking a record costs no allocation, so that readers are as fast as real ones.

/// Whether the text is the prefix, the number and, if there is one, a dash and a second number.
func isText(_ text: Span<UInt8>, _ prefix: StaticString, _ number: UInt32, _ second: UInt32? = nil) -> Bool {
    var place = prefix.utf8CodeUnitCount
    guard text.count > place else { return false }
    for index in 0..<place {
        // Safe: the index is below the prefix's count.
        guard unsafe text[index] == prefix.utf8Start[index] else { return false }
    }
    guard readNumber(text, &place) == number else { return false }
    guard let second else { return place == text.count }
    guard place < text.count, text[place] == UInt8(ascii: "-") else { return false }
    place += 1
    return readNumber(text, &place) == second && place == text.count
}

private func readNumber(_ text: Span<UInt8>, _ place: inout Int) -> UInt32? {
    var value: UInt64 = 0
    let start = place
    while place < text.count, text[place] >= 48, text[place] <= 57, place - start < 11 {
        value = value * 10 + UInt64(text[place] - 48)
        place += 1
    }
    return place > start && value <= UInt64(UInt32.max) ? UInt32(value) : nil
}

/// Whether all parts of the service are of one version.
func isWhole(_ service: borrowing ServiceView) -> Bool {
    guard service.clusterIPCount == 2, case .v4(let version) = service.clusterIP(0),
        service.clusterIP(1) == .v6(high: UInt64(version), low: UInt64(version)), service.kind == .clusterIP
    else { return false }
    let ports = service.ports
    guard ports.count == Int(version % 7) + 1 else { return false }
    for index in 0..<ports.count {
        guard ports.number(index) == UInt16(version % 60_000), ports.transport(index) == .udp,
            isText(ports.name(index), "p", version, UInt32(index))
        else { return false }
    }
    let labels = service.labels
    guard labels.count == 2, isText(labels.value(1), "", version) else { return false }
    let padding = labels.value(0)
    guard padding.count == Int(version % 300) else { return false }
    for index in 0..<padding.count where padding[index] != UInt8(ascii: "x") { return false }
    return true
}

/// Whether all parts of the slice are of one version.
func isWhole(_ slice: borrowing SliceView) -> Bool {
    guard slice.endpointCount > 0, slice.addressCount(0) == 1, case .v4(let version) = slice.address(0, 0),
        slice.endpointCount == Int(version % 40) + 1
    else { return false }
    let ports = slice.ports
    guard ports.count == 1, ports.number(0) == UInt16(version % 60_000), ports.transport(0) == .tcp else { return false }
    for endpoint in 0..<slice.endpointCount {
        guard slice.addressCount(endpoint) == 1, slice.address(endpoint, 0) == .v4(version &+ UInt32(endpoint)),
            isText(slice.hostname(endpoint), "h", version), isText(slice.podName(endpoint), "pod-", version, UInt32(endpoint))
        else { return false }
    }
    return true
}

/// One look-up of a service and one of its slices; ends the process at the first that is torn, mixed or missing.
func readOnce(_ reader: TableReader, _ namespace: Span<UInt8>, _ name: [UInt8]) {
    let isRight = reader.withService(namespace: namespace, name: name.span) { isWhole($0) }
    if isRight != true {
        let record = reader.withService(namespace: namespace, name: name.span) { $0.record() }
        fail(
            "service \(String(decoding: name, as: UTF8.self)) is \(isRight == nil ? "missing" : "torn"); now it is \(String(describing: record))"
        )
    }
    var whole = 0
    let count = reader.forEachSlice(namespace: namespace, service: name.span) { if isWhole($0) { whole += 1 } }
    if count != slicesPerService || whole != count {
        fail("service \(String(decoding: name, as: UTF8.self)) has \(count) slices, \(whole) of them whole")
    }
}
