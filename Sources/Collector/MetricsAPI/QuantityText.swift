/// Amounts as Kubernetes' `resource.Quantity` prints them in canonical form.
enum QuantityText {
    /// CPU in billionths of a core: `250m`, `731062500n`, `2`.
    static func cores(nanos: UInt64) -> String { text { append(nanoCores: nanos, to: &$0) } }

    /// Bytes with binary suffixes where they divide evenly: `1578392Ki`, `52015005`.
    static func memory(bytes: UInt64) -> String { text { append(memory: bytes, to: &$0) } }

    static func append(nanoCores nanos: UInt64, to out: inout [UInt8]) {
        var value = nanos
        for suffix in "num".utf8 {
            if value % 1000 != 0 {
                append(number: value, to: &out)
                out.append(suffix)
                return
            }
            value /= 1000
        }
        appendDecimal(value, to: &out)
    }

    static func append(memory bytes: UInt64, to out: inout [UInt8]) {
        // Below 1,024 the canonical form is decimal.
        if bytes < 1024 { return appendDecimal(bytes, to: &out) }
        var value = bytes
        var suffix: UInt8?
        for next in "KMGTPE".utf8 where value % 1024 == 0 {
            value /= 1024
            suffix = next
        }
        append(number: value, to: &out)
        if let suffix {
            out.append(suffix)
            out.append(UInt8(ascii: "i"))
        }
    }

    static func append(number: UInt64, to out: inout [UInt8]) {
        if number >= 10 { append(number: number / 10, to: &out) }
        out.append(UInt8(ascii: "0") + UInt8(number % 10))
    }

    private static func appendDecimal(_ number: UInt64, to out: inout [UInt8]) {
        var value = number
        var suffix: UInt8?
        for next in "kMGTPE".utf8 {
            guard value != 0, value % 1000 == 0 else { break }
            value /= 1000
            suffix = next
        }
        append(number: value, to: &out)
        if let suffix { out.append(suffix) }
    }

    private static func text(_ write: (inout [UInt8]) -> Void) -> String {
        var bytes: [UInt8] = []
        write(&bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
