import ArgumentParser
import KubernetesObjects
import MizzenSystem
import ProcessRuntime

/// Metrics of custom resources. Names and meanings are kube-state-metrics'.
struct CustomResourceMetricsOptions: ParsableArguments, Sendable {
    @Option(
        help: ArgumentHelp(
            "The configuration of custom resource metrics as YAML text; comes before the file.", valueName: "yaml"))
    var customResourceStateConfig: String?

    @Option(
        help: ArgumentHelp("The configuration of custom resource metrics; taken anew when it changes.", valueName: "file"))
    var customResourceStateConfigFile: String?

    @Flag(help: "Serve metrics of custom resources only.")
    var customResourceStateOnly = false

    @Flag(help: "Go on while the configuration file of custom resource metrics does not exist.")
    var continueWithoutCustomResourceStateConfigFile = false

    /// nil where no custom resources are asked for.
    /// - Throws: 64 where they are to be served alone and are not asked for.
    func source() throws(ProcessError) -> CustomResourceSource? {
        if let text = customResourceStateConfig, !text.isEmpty { return .text(text) }
        if let file = customResourceStateConfigFile, !file.isEmpty {
            return .file(file, mayBeMissing: continueWithoutCustomResourceStateConfigFile)
        }
        guard !customResourceStateOnly else {
            throw ProcessError(
                code: ExitStatus.usage,
                message: "there is nothing to serve: add --custom-resource-state-config or --custom-resource-state-config-file",
                place: "--custom-resource-state-only")
        }
        return nil
    }
}

/// Where a custom resource configuration is.
enum CustomResourceSource: Sendable {
    case text(String)
    case file(String, mayBeMissing: Bool)

    /// For messages and labels.
    var name: String {
        switch self {
        case .text: "--custom-resource-state-config"
        case .file(let path, _): path
        }
    }

    /// - Returns: nil for a file that is missing and may be.
    /// - Throws: 78 for one that cannot be read.
    func read() throws(ProcessError) -> String? {
        switch self {
        case .text(let text): return text
        case .file(let path, let mayBeMissing):
            do throws(RegularFile.Fault) {
                // A config map is mounted by way of symbolic links, of which one is put in another's place: the path is followed anew.
                let bytes = try RegularFile.read(path, limit: ConfigurationNode.sizeLimit).bytes
                return String(decoding: bytes, as: UTF8.self)
            } catch {
                if mayBeMissing, error.isMissing { return nil }
                throw ProcessError(code: ExitStatus.configuration, message: "\(error)", place: path)
            }
        }
    }
}
