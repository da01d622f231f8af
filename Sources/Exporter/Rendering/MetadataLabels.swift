import KubernetesObjects

/// Which labels (or annotations) of one resource become Prometheus labels: `--metric-labels-allowlist`.
///
/// Patterns are exact keys or keys with one `*`. A pattern that is `*` alone allows everything, but only as the first
/// of the list, as in kube-state-metrics.
struct MetadataAllowList: Hashable, Sendable {
    private enum Pattern: Hashable, Sendable {
        case exact(String)
        case between(prefix: String, suffix: String)

        func matches(_ key: String) -> Bool {
            switch self {
            case .exact(let wanted): key == wanted
            case .between(let prefix, let suffix):
                key.utf8.count >= prefix.utf8.count + suffix.utf8.count && key.hasPrefix(prefix)
                    && key.hasSuffix(suffix)
            }
        }
    }

    private var patterns: [Pattern] = []
    private var allowsAll = false

    /// Nothing is allowed; the family then has no samples at all.
    init() {}

    init(patterns: [String]) {
        for (index, text) in patterns.enumerated() {
            if text == "*" {
                if index == 0 { allowsAll = true }
                continue
            }
            let parts = text.split(separator: "*", omittingEmptySubsequences: false)
            self.patterns.append(
                parts.count == 2 ? .between(prefix: String(parts[0]), suffix: String(parts[1])) : .exact(text))
        }
        isEmpty = patterns.isEmpty
    }

    /// Whether the list was not given or holds nothing. A list whose patterns match nothing is not empty: its family
    /// then has one sample an object, without extra labels.
    private(set) var isEmpty = true

    func allowed(_ metadata: TextMap) -> [String: String] {
        metadata.dictionary { key in allows(key.string) }
    }

    func allows(_ key: String) -> Bool { allowsAll || patterns.contains { $0.matches(key) } }
}

/// Prometheus labels made from Kubernetes labels or annotations.
enum MetadataLabels {
    /// The labels in the order of their Kubernetes keys, each name beginning with `prefix` and an underscore.
    ///
    /// Keys that become the same name get `_conflict1`, `_conflict2`, … in that order, skipping names already in use.
    static func make(_ metadata: [String: String], prefix: String) -> [(String, String)] {
        let keys = metadata.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        var labels: [(String, String)] = []
        var positions: [String: Int] = [:]
        var conflicts: [String: Int] = [:]
        func free(_ base: String) -> String {
            while true {
                conflicts[base, default: 0] += 1
                let candidate = "\(base)_conflict\(conflicts[base, default: 0])"
                if positions[candidate] == nil { return candidate }
            }
        }
        for key in keys {
            let base = "\(prefix)_\(name(key))"
            var name = base
            if conflicts[base] != nil {
                name = free(base)
            } else if let first = positions.removeValue(forKey: base) {
                // The first of them was written without a number; it gets one now that there is a second.
                let renamed = free(base)
                labels[first].0 = renamed
                positions[renamed] = first
                name = free(base)
            }
            positions[name] = labels.count
            labels.append((name, metadata[key] ?? ""))
        }
        return labels
    }

    /// `app.kubernetes.io/partOf` → `app_kubernetes_io_part_of`.
    static func name(_ key: String) -> String {
        var name: [UInt8] = []
        var followsLowerOrDigit = false
        for byte in sanitized(key).utf8 {
            let isUpper = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
            if isUpper, followsLowerOrDigit { name.append(UInt8(ascii: "_")) }
            followsLowerOrDigit = !isUpper && byte != UInt8(ascii: "_")
            name.append(isUpper ? byte | 0x20 : byte)
        }
        return String(decoding: name, as: UTF8.self)
    }

    /// Every character that a Prometheus label name cannot have becomes an underscore.
    static func sanitized(_ text: String) -> String {
        if isSane(text.utf8.span) { return text }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            if isLabelByte(byte) {
                bytes.append(byte)
            } else if byte & 0xc0 != 0x80 {
                // A character's first byte stands for all of them.
                bytes.append(UInt8(ascii: "_"))
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isSane(_ text: Span<UInt8>) -> Bool {
        for index in text.indices where !isLabelByte(text[index]) { return false }
        return true
    }

    private static func isLabelByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
