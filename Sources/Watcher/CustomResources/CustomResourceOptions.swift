import ArgumentParser
import KubernetesObjects
import MizzenSystem
import ProcessRuntime

/// Which custom resources are watched.
struct CustomResourceOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Custom resources to watch, separated by commas: widgets.example.com for all versions that are served, \
            widgets.v1.example.com for one, *.example.com for all of a group.
            """,
            valueName: "names"))
    var customResources: String?

    @Option(
        help: ArgumentHelp(
            """
            Watch what this configuration of custom resource metrics is about (kube-state-metrics' and mizzen-exporter's file); \
            read again when it changes.
            """,
            valueName: "file"))
    var customResourceStateConfigFile: String?

    @Option(
        help: ArgumentHelp(
            "How often to ask the API server which custom resources it serves, so that definitions may come and go.",
            valueName: "duration"))
    var customResourceInterval = GoDuration(seconds: 10)

    func validate() throws {
        _ = try named()
        guard customResourceInterval.nanoseconds >= 100_000_000 else {
            throw ValidationError("--custom-resource-interval is \(customResourceInterval), but must be 100ms or more")
        }
    }

    var isEmpty: Bool { customResources == nil && customResourceStateConfigFile == nil }

    /// - Throws: `ValidationError` for what is no name of a custom resource.
    private func named() throws -> [CustomResourceSelector] {
        guard let customResources else { return [] }
        var selectors: [CustomResourceSelector] = []
        for word in customResources.split(separator: ",") {
            let name = word.filter { !$0.isWhitespace }
            if name.isEmpty { continue }
            guard let selector = CustomResourceSelector(name: name) else {
                throw ValidationError(
                    "--custom-resources names '\(name)'; write a plural and a group, such as widgets.example.com, or *.example.com")
            }
            selectors.append(selector)
        }
        guard !selectors.isEmpty else {
            throw ValidationError("--custom-resources is empty; name plurals with their groups, or leave it out")
        }
        return selectors
    }

    /// What is watched according to the command line and to the file as it is now.
    /// - Throws: 78 where the file cannot be read.
    func selectors() throws(ProcessError) -> [CustomResourceSelector] {
        // The command line was checked when it was parsed.
        var selectors = (try? named()) ?? []
        guard let file = customResourceStateConfigFile else { return selectors }
        let bytes: [UInt8]
        do throws(RegularFile.Fault) {
            bytes = try RegularFile.read(file, limit: ConfigurationNode.sizeLimit).bytes
        } catch {
            throw ProcessError(code: ExitStatus.configuration, message: "\(error)", place: file)
        }
        do {
            selectors += try CustomResourceSelector.all(inConfiguration: String(decoding: bytes, as: UTF8.self))
        } catch {
            throw ProcessError(code: ExitStatus.configuration, message: error.description, place: file)
        }
        return selectors
    }
}
