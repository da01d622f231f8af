import CMizzenSystem
package import Names

/// A record's key as the writer holds it: two parts that readers look up by, and a suffix that tells records of one
/// look-up key apart (several slices of one service, several pods that had one address).
package struct TableKey: Hashable {
    package var kind: RecordKind
    package var first: [UInt8]
    package var second: [UInt8] = []
    package var suffix: [UInt8] = []

    package init(kind: RecordKind, first: [UInt8], second: [UInt8] = [], suffix: [UInt8] = []) {
        self.kind = kind
        self.first = first
        self.second = second
        self.suffix = suffix
    }

    package static func namespace(_ name: String) -> TableKey { TableKey(kind: .namespace, first: Array(name.utf8)) }

    package static func service(_ namespace: String, _ name: String) -> TableKey {
        TableKey(kind: .service, first: Array(namespace.utf8), second: Array(name.utf8))
    }

    package static func serviceAddress(_ address: IPAddress, _ namespace: String, _ name: String) -> TableKey {
        TableKey(kind: .serviceAddress, first: address.mappedBytes, suffix: joined(namespace, name))
    }

    package static func slice(_ namespace: String, service: String, name: String) -> TableKey {
        TableKey(
            kind: .slice, first: Array(namespace.utf8), second: Array(service.utf8), suffix: Array(name.utf8))
    }

    package static func sliceName(_ namespace: String, _ name: String) -> TableKey {
        TableKey(kind: .sliceName, first: Array(namespace.utf8), second: Array(name.utf8))
    }

    package static func endpointAddress(_ address: IPAddress, slice: UInt64) -> TableKey {
        TableKey(kind: .endpointAddress, first: address.mappedBytes, suffix: bytes(of: slice))
    }

    package static func pod(_ namespace: String, _ name: String) -> TableKey {
        TableKey(kind: .pod, first: Array(namespace.utf8), second: Array(name.utf8))
    }

    package static func podAddress(_ address: IPAddress, _ namespace: String, _ name: String) -> TableKey {
        TableKey(kind: .podAddress, first: address.mappedBytes, suffix: joined(namespace, name))
    }

    /// Namespace and name with a zero byte between, which neither can hold.
    private static func joined(_ namespace: String, _ name: String) -> [UInt8] {
        Array(namespace.utf8) + [0] + Array(name.utf8)
    }

    package static func bytes(of word: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) } }

    package func hash(seed: UInt64) -> UInt64 { TableHash(seed: seed).key(kind, first.span, second.span) }
}

/// The table's keyed hash over keys.
package struct TableHash {
    package let seed: UInt64
    package static let kindFactor: UInt64 = 0x9E37_79B9_7F4A_7C15

    @inline(__always)
    package func bytes(_ bytes: Span<UInt8>, into hash: UInt64) -> UInt64 {
        // Safe: the function reads `count` bytes from a buffer that is valid for the call.
        unsafe bytes.withUnsafeBufferPointer { unsafe mz_keyed_hash(hash, $0.baseAddress, $0.count) }
    }

    /// What finds a record's bucket: kind and the two look-up parts, not the suffix.
    @inline(__always)
    package func key(_ kind: RecordKind, _ first: Span<UInt8>, _ second: Span<UInt8>) -> UInt64 {
        bytes(second, into: bytes(first, into: seed &+ UInt64(kind.rawValue) &* Self.kindFactor))
    }

    /// What an endpoint address keeps of the slice that it is in.
    package func slice(namespace: Span<UInt8>, name: Span<UInt8>) -> UInt64 { key(.sliceName, namespace, name) }
}
