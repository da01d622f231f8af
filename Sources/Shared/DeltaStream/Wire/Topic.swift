public import KubernetesObjects

/// Names of what is published: ZeroMQ matches subscriptions by prefix of these.
public enum Topic {
    /// Buckets per resource.
    public static let bucketCount = 256

    /// FNV-1a of the UID's UTF-8 bytes in 32 bits, its four bytes XORed to one.
    public static func bucket(ofUID uid: String) -> UInt8 {
        func hash(_ bytes: some Sequence<UInt8>) -> UInt32 {
            bytes.reduce(0x811c_9dc5) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
        }
        // A string's bytes as a buffer are walked several times as fast; only strings from elsewhere have none.
        let hash = unsafe uid.utf8.withContiguousStorageIfAvailable { unsafe hash($0) } ?? hash(uid.utf8)
        let folded = hash ^ (hash >> 16)
        return UInt8(truncatingIfNeeded: folded ^ (folded >> 8))
    }

    /// The resource's name in topics: its plural where Mizzen knows the resource, `plural.group` for any other, as two
    /// groups may use one plural.
    public static func name(of resource: Resource) -> String {
        if let known = Resource.named(resource.plural), known.group == resource.group { return resource.plural }
        return "\(resource.plural).\(resource.group)"
    }

    /// `pods/3f/default`; the namespace is empty for objects without one: `nodes/3f/`.
    public static func string(_ resource: String, bucket: UInt8, namespace: String) -> String {
        "\(resource)/\(hexadecimal(bucket))/\(namespace)"
    }

    /// Every delta of one bucket: `pods/3f/`.
    public static func prefix(_ resource: String, bucket: UInt8) -> String {
        "\(resource)/\(hexadecimal(bucket))/"
    }

    public static func heartbeat(_ resource: String) -> String { "heartbeat/\(resource)" }
    public static func tail(_ resource: String, namespace: String) -> String { "tail/\(resource)/\(namespace)" }

    /// Two digits in lower case.
    static func hexadecimal(_ bucket: UInt8) -> String {
        let digits = String(bucket, radix: 16)
        return bucket < 16 ? "0\(digits)" : digits
    }
}
