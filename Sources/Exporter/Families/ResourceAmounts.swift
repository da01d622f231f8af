import KubernetesObjects

/// How amounts of compute resources are reported: `cpu` in cores, memory-like ones in bytes, everything else counted.
enum ResourceAmounts {
    struct Amount {
        /// The resource's name as a label value: `nvidia_com_gpu`.
        var resource: String
        var unit: String
        var value: Double
    }

    /// The amounts that metrics report, by resource name. Names that Kubernetes does not define (native names without
    /// a meaning here, malformed extended ones) are left out.
    /// - Parameter wholeBytes: as for pods, where everything but cores is in whole units; nodes report thousandths, and
    ///   how many pods fit.
    static func reported(_ amounts: QuantityMap, wholeBytes: Bool) -> [Amount] {
        amounts.dictionary.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.compactMap { name, quantity in
            guard let unit = unit(of: name, countsPods: !wholeBytes) else { return nil }
            let value = unit == "core" || !wholeBytes ? fractional(quantity) : Double(quantity.value)
            return Amount(resource: MetadataLabels.sanitized(name), unit: unit, value: value)
        }
    }

    /// Exact to a thousandth, or in whole units where thousandths would not fit 64 bits.
    static func fractional(_ quantity: Quantity) -> Double {
        quantity.value > Int64.max / 1000 ? Double(quantity.value) : Double(quantity.milliValue) / 1000
    }

    private static func unit(of name: String, countsPods: Bool) -> String? {
        switch name {
        case "cpu": "core"
        case "memory", "storage", "ephemeral-storage": "byte"
        case "pods" where countsPods: "integer"
        case _ where name.hasPrefix("hugepages-") || name.hasPrefix("attachable-volumes-"): "byte"
        case _ where isExtended(name): "integer"
        default: nil
        }
    }

    /// Whether this names a resource that Kubernetes does not know itself: `example.com/dongle`.
    private static func isExtended(_ name: String) -> Bool {
        guard name.utf8.contains(UInt8(ascii: "/")), !name.contains("kubernetes.io/"), !name.hasPrefix("requests.") else {
            return false
        }
        // In quotas the name is written behind "requests."; it must be a qualified name there.
        let parts = "requests.\(name)".split(separator: "/", omittingEmptySubsequences: false)
        return parts.count == 2 && isSubdomain(parts[0]) && isQualifiedName(parts[1])
    }

    private static func isSubdomain(_ text: Substring) -> Bool {
        text.utf8.count <= 253
            && text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
                label.utf8.allSatisfy { isLowerOrDigit($0) || $0 == UInt8(ascii: "-") }
                    && label.utf8.first.map(isLowerOrDigit) == true && label.utf8.last.map(isLowerOrDigit) == true
            }
    }

    private static func isQualifiedName(_ text: Substring) -> Bool {
        (1...63).contains(text.utf8.count)
            && text.utf8.allSatisfy { isAlphanumeric($0) || [UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: ".")].contains($0) }
            && text.utf8.first.map(isAlphanumeric) == true && text.utf8.last.map(isAlphanumeric) == true
    }

    private static func isLowerOrDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isLowerOrDigit(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }
}
