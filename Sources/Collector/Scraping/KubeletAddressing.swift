import Names

/// A resource of a kubelet.
struct KubeletURL: Hashable, Sendable, CustomStringConvertible {
    var isEncrypted: Bool
    /// A name or an address, without brackets.
    var host: String
    var port: Int
    /// With the query, if there is one; only printable ASCII.
    var path: String

    /// The host as URLs and the header of that name have it.
    var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    var description: String { "\(isEncrypted ? "https" : "http")://\(authority)\(path)" }
}

/// How kubelets are reached.
struct KubeletAddressing: Sendable {
    /// Address types in order of preference: `InternalIP`, `Hostname`, ….
    var preferredTypes: [String]
    var port: Int
    var usesNodeStatusPort: Bool
    /// False where the operator gave up on encryption.
    var isEncrypted: Bool

    private static let metricsPath = "/metrics/resource"

    /// Where to scrape; nil if the node has no address of a wanted type.
    func url(of node: CatalogNode) -> KubeletURL? { url(of: node, path: Self.path(of: node)) }

    /// Where the kubelet says more: beside its metrics, where the node has them at another place than usual.
    func summaryURL(of node: CatalogNode) -> KubeletURL? {
        let path = Self.path(of: node)
        let folder = path.hasSuffix(Self.metricsPath) ? path.dropLast(Self.metricsPath.count) : ""
        return url(of: node, path: "\(folder)/stats/summary")
    }

    /// What an annotation holds goes into the first line of a request: nothing in it may end that line.
    private static func path(of node: CatalogNode) -> String {
        let path = node.metricsPath ?? metricsPath
        var text = path.hasPrefix("/") ? "" : "/"
        for byte in path.utf8 {
            if (0x21...0x7E).contains(byte) {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                text += "%\(digits.count == 1 ? "0" : "")\(digits)"
            }
        }
        return text
    }

    private func url(of node: CatalogNode, path: String) -> KubeletURL? {
        for type in preferredTypes {
            guard let address = node.addresses.first(where: { $0.type == type })?.address else { continue }
            let port = usesNodeStatusPort && node.kubeletPort != 0 ? node.kubeletPort : port
            return KubeletURL(isEncrypted: isEncrypted, host: address, port: port, path: path)
        }
        return nil
    }
}
