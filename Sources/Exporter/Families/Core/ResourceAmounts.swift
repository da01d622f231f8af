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
        var reported: [Amount] = []
        for (name, quantity) in amounts.sorted {
            guard let unit = unit(of: name, countsPods: !wholeBytes) else { continue }
            let value = unit == "core" || !wholeBytes ? fractional(quantity) : Double(quantity.value)
            reported.append(Amount(resource: MetadataLabels.sanitized(name), unit: unit, value: value))
            // The domain of an extended resource may begin as a native resource does; what it names counts as both.
            if unit == "byte", isExtended(name) {
                reported.append(Amount(resource: MetadataLabels.sanitized(name), unit: "integer", value: value))
            }
        }
        return reported
    }

    /// Exact to a thousandth, or in whole units where thousandths would not fit 64 bits.
    static func fractional(_ quantity: Quantity) -> Double {
        quantity.value > Int64.max / 1000 ? Double(quantity.value) : Double(quantity.milliValue) / 1000
    }

    /// In what a resource's amounts are given; nil for one that metrics do not report.
    static func unit(of name: String, countsPods: Bool) -> String? {
        switch name {
        case "cpu": "core"
        case "memory", "storage", "ephemeral-storage": "byte"
        case "pods" where countsPods: "integer"
        case _ where name.hasPrefix("hugepages-") || name.hasPrefix("attachable-volumes-"): "byte"
        case _ where isExtended(name): "integer"
        default: nil
        }
    }

    /// Whether this names a resource that Kubernetes does not know itself: `example.com/dongle`. By bytes: a pod's resources are asked
    /// for with every event of it.
    private static func isExtended(_ name: String) -> Bool {
        let bytes = name.utf8
        guard let slash = bytes.firstIndex(of: UInt8(ascii: "/")), !name.hasPrefix("requests.") else { return false }
        let (domain, rest) = (bytes[..<slash], bytes[bytes.index(after: slash)...])
        return !domain.suffix(13).elementsEqual("kubernetes.io".utf8) && isSubdomain(domain) && isQualifiedName(rest)
    }

    /// Whether it is a subdomain behind "requests.", as it is written in quotas (RFC 1123; 253 bytes with that).
    private static func isSubdomain(_ text: Substring.UTF8View) -> Bool {
        guard text.count + 9 <= 253 else { return false }
        var previous = UInt8(ascii: ".")
        for byte in text {
            switch byte {
            case UInt8(ascii: "."): guard isLowerOrDigit(previous) else { return false }
            case UInt8(ascii: "-"): guard previous != UInt8(ascii: ".") else { return false }
            default: guard isLowerOrDigit(byte) else { return false }
            }
            previous = byte
        }
        return isLowerOrDigit(previous)
    }

    private static func isQualifiedName(_ text: Substring.UTF8View) -> Bool {
        guard let first = text.first, let last = text.last, text.count <= 63 else { return false }
        return isAlphanumeric(first) && isAlphanumeric(last)
            && text.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".") }
    }

    private static func isLowerOrDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isLowerOrDigit(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }
}
