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
            guard let (unit, isExtended) = unit(of: name, countsPods: !wholeBytes) else { continue }
            let value = unit == "core" || !wholeBytes ? fractional(quantity) : Double(quantity.value)
            let resource = MetadataLabels.sanitized(name)
            reported.append(Amount(resource: resource, unit: unit, value: value))
            // The domain of an extended resource may begin as a native resource does; what it names counts as both.
            if isExtended { reported.append(Amount(resource: resource, unit: "integer", value: value)) }
        }
        return reported
    }

    /// Exact to a thousandth, or in whole units where thousandths would not fit 64 bits.
    static func fractional(_ quantity: Quantity) -> Double {
        quantity.value > Int64.max / 1000 ? Double(quantity.value) : Double(quantity.milliValue) / 1000
    }

    /// In what a resource's amounts are given, and whether bytes are of an extended one too; nil for one that metrics do not report.
    static func unit(of name: String, countsPods: Bool) -> (unit: String, isExtended: Bool)? {
        switch name {
        case "cpu": ("core", false)
        case "memory", "storage", "ephemeral-storage": ("byte", false)
        case "pods" where countsPods: ("integer", false)
        case _ where name.utf8.starts(with: "hugepages-".utf8) || name.utf8.starts(with: "attachable-volumes-".utf8):
            ("byte", isExtended(name.utf8.span))
        case _ where isExtended(name.utf8.span): ("integer", false)
        default: nil
        }
    }

    /// Whether this names a resource that Kubernetes does not know itself: `example.com/dongle`. By bytes: a pod's resources are asked
    /// for with every event of it.
    private static func isExtended(_ name: Span<UInt8>) -> Bool {
        var slash = 0
        while slash < name.count, name[slash] != UInt8(ascii: "/") { slash += 1 }
        guard slash < name.count, !begins(name, "requests.") else { return false }
        let domain = name.extracting(0..<slash)
        return !begins(domain.extracting(last: 13), "kubernetes.io") && isSubdomain(domain)
            && isQualifiedName(name.extracting((slash + 1)..<name.count))
    }

    private static func begins(_ text: Span<UInt8>, _ start: StaticString) -> Bool {
        guard text.count >= start.utf8CodeUnitCount else { return false }
        // Safe: a static string lives for ever, and the index is below its length.
        for index in 0..<start.utf8CodeUnitCount where unsafe text[index] != start.utf8Start[index] { return false }
        return true
    }

    /// Whether it is a subdomain behind "requests.", as it is written in quotas (RFC 1123; 253 bytes with that).
    private static func isSubdomain(_ text: Span<UInt8>) -> Bool {
        guard text.count + 9 <= 253 else { return false }
        var previous = UInt8(ascii: ".")
        for index in text.indices {
            switch text[index] {
            case UInt8(ascii: "."): guard isLowerOrDigit(previous) else { return false }
            case UInt8(ascii: "-"): guard previous != UInt8(ascii: ".") else { return false }
            default: guard isLowerOrDigit(text[index]) else { return false }
            }
            previous = text[index]
        }
        return isLowerOrDigit(previous)
    }

    private static func isQualifiedName(_ text: Span<UInt8>) -> Bool {
        guard !text.isEmpty, text.count <= 63, isAlphanumeric(text[0]), isAlphanumeric(text[text.count - 1]) else { return false }
        for index in text.indices {
            let byte = text[index]
            guard isAlphanumeric(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".") else {
                return false
            }
        }
        return true
    }

    private static func isLowerOrDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isLowerOrDigit(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }
}
