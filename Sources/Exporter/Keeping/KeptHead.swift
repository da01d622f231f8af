import ProcessRuntime
import StreamCommandLine

extension KeptFile.Head {
    /// - Parameters:
    ///   - configuration: made of the command's options.
    ///   - customs: the configuration of custom resource metrics that is in force.
    init(_ command: ExporterCommand, _ configuration: ExporterConfiguration, customs: String?) {
        version = MizzenVersion.current
        (shard, totalShards) = (configuration.shard, configuration.totalShards)
        options = Self.values(of: command.selection).merging(Self.values(of: command.customs)) { first, _ in first }
        // They become the share, which is compared by itself.
        for name in ["shard", "totalShards", "pod", "podNamespace"] { options[name] = nil }
        options["samples"] = "\(command.sampling.samples)"
        options["customResourceConfiguration"] = customs ?? ""
    }

    /// The values of all options of a group, whatever they are: an option that is added later must not be forgotten here, where that would
    /// serve what was made under another value.
    private static func values(of group: Any) -> [String: String] {
        Dictionary(
            Mirror(reflecting: group).children.compactMap { child in
                child.label.map { (String($0.drop { $0 == "_" }), String(describing: child.value)) }
            }, uniquingKeysWith: { $1 })
    }

    /// Why what was made under `other` is not what would be served under this: the end of a sentence; nil where it is.
    func difference(from other: Self) -> (kind: KeptRefusal, reason: String)? {
        if other.version != version { return (.version, "version \(other.version) wrote it, and this is \(version)") }
        if (other.shard, other.totalShards) != (shard, totalShards) {
            return (.shard, "it is of shard \(other.shard) of \(other.totalShards), and this is \(shard) of \(totalShards)")
        }
        let names = Set(options.keys).union(other.options.keys).filter { options[$0] != other.options[$0] }.sorted()
        return names.isEmpty ? nil : (.options, "these options had other values: \(names.joined(separator: ", "))")
    }
}

/// Why a kept file is not served; the values of a metric's label.
enum KeptRefusal: String, CaseIterable, Sendable {
    /// It cannot be read.
    case unreadable
    case damaged
    case version, shard, options
    /// It is too old, or from the future.
    case age
}
