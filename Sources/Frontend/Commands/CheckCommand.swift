import ArgumentParser
import FoundationEssentials
import Names
import ProcessRuntime

/// `mizzen-frontend check FILE`: whether a Corefile is right, and where it would listen.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Checks a Corefile and says where it would listen; opens nothing.")

    @Argument(help: "The Corefile.")
    var file: String

    @Option(help: "The port of zones that name none.")
    var dnsPort: UInt16 = 53

    func run() async throws {
        let configuration = try FrontendControl.configuration(
            .init(corefile: file, table: "", threads: 1, defaultPort: dnsPort))
        print(Self.report(configuration, file: file), terminator: "")
    }

    static func report(_ configuration: FrontendConfiguration, file: String) -> String {
        var text = ""
        for warning in configuration.warnings { text += "\(warning)\n" }
        text += "\(file): ok\n"
        for block in configuration.blocks {
            let zones = block.addresses.map { "\($0.zone):\($0.port)" }.joined(separator: " ")
            let hosts =
                block.bind.isEmpty ? "all addresses" : block.bindAddresses.map(\.description).joined(separator: " ")
            let directives = block.directiveNames.filter { $0 != "bind" }.joined(separator: " ")
            text +=
                "  dns  \(zones)  on \(hosts): \(directives.isEmpty ? "nothing, every query is refused" : directives)\n"
        }
        for (address, paths) in configuration.httpAddresses.sorted(by: { $0.key < $1.key }) {
            text += "  http \(address): \(paths.sorted().joined(separator: " "))\n"
        }
        return text
    }
}

/// `mizzen-frontend directives [NAME]`: what a Corefile may say.
struct DirectivesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "directives", abstract: "Prints what a Corefile may say, directive by directive.")

    @Argument(help: "One directive; all by default.")
    var name: String?

    func run() async throws {
        let pages = DirectiveEntry.executionOrder.compactMap { entry -> Directive? in
            if case .built(let directive) = entry { directive } else { nil }
        }
        let chosen = pages.filter { name == nil || $0.name == name }
        guard !chosen.isEmpty else {
            throw ProcessError(
                code: ExitStatus.usage,
                message: "no directive '\(name ?? "")'; there are \(pages.map(\.name).joined(separator: ", "))")
        }
        print(chosen.map(\.manual).joined(separator: "\n"), terminator: "")
    }
}
