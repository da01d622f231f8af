/// Amounts as Kubernetes' `resource.Quantity` prints them in canonical form.
enum QuantityText {
    /// CPU in billionths of a core: `250m`, `731062500n`, `2`.
    static func cores(nanos: UInt64) -> String {
        var value = nanos
        for suffix in ["n", "u", "m"] {
            if value == 0 { return "0" }
            if value % 1000 != 0 { return "\(value)\(suffix)" }
            value /= 1000
        }
        return decimal(value)
    }

    /// Bytes with binary suffixes where they divide evenly: `1578392Ki`, `52015005`.
    static func memory(bytes: UInt64) -> String {
        // Below 1,024 the canonical form is decimal.
        if bytes < 1024 { return decimal(bytes) }
        var value = bytes
        var suffix = ""
        for next in ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"] where value % 1024 == 0 {
            value /= 1024
            suffix = next
        }
        return "\(value)\(suffix)"
    }

    private static func decimal(_ number: UInt64) -> String {
        if number == 0 { return "0" }
        var value = number
        var suffix = ""
        for next in ["k", "M", "G", "T", "P", "E"] {
            guard value % 1000 == 0 else { break }
            value /= 1000
            suffix = next
        }
        return "\(value)\(suffix)"
    }
}
