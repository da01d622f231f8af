import ArgumentParser
import CMizzenSystem
import Foundation
import MizzenSystem
import Names
import ProcessRuntime
import RecordTable

/// `mizzen-frontend explain NAME [TYPE]`: which way a question takes.
struct ExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Prints the way of one question through a Corefile: its server block, and what each directive does with it.",
        discussion: """
            Nothing is sent anywhere unless --ask says so. Names of the cluster are answered from the record table. With --pod, what a resolver in \
            that pod would ask for the name, in its order, up to the first that exists.
            """)

    @Argument(help: "The name that is asked for.")
    var question: String

    @Argument(help: "The type that is asked for.")
    var type = "A"

    @Option(help: "The Corefile.")
    var corefile = "Corefile"

    @Option(help: "The record table.")
    var table = DefaultPaths.table

    @Option(help: "The address of the client that asks. Default: 127.0.0.1.")
    var client: String?

    @Option(help: ArgumentHelp("The pod that asks, by its address in the record table.", valueName: "namespace/name"))
    var pod: String?

    @Option(help: "The port of zones that name none, and the one that is asked.")
    var dnsPort: UInt16 = 53

    @Flag(help: "Asks upstreams, once each over UDP.")
    var ask = false

    @Flag(help: "Explains a frontend that has --complete-search-paths.")
    var completeSearchPaths = false

    @Option(help: "text, or json for programs.")
    var output = OutputForm.text

    func validate() throws {
        if client != nil, pod != nil { throw ValidationError("--client and --pod: give one of them") }
        if let pod, pod.split(separator: "/", omittingEmptySubsequences: false).count != 2 {
            throw ValidationError("--pod: expected NAMESPACE/NAME, found '\(pod)'")
        }
    }

    func run() async throws {
        guard let type = RecordType(mnemonic: type) else {
            throw ProcessError(code: ExitStatus.usage, message: "'\(type)' is not a record type such as A, AAAA or SRV")
        }
        guard let client = IPAddress(client ?? "127.0.0.1") else {
            throw ProcessError(code: ExitStatus.usage, message: "--client: '\(client ?? "")' is not an address")
        }
        var options = FrontendService.Options(corefile: corefile, table: table, threads: 1, defaultPort: dnsPort)
        options.completesSearchPaths = completeSearchPaths
        let configuration = try FrontendControl.configuration(options)
        let explainer = QuestionExplainer(
            configuration: configuration, corefile: corefile, table: table, port: dnsPort, ask: ask ? { Self.reply(to: $0) } : nil)
        let report = try pod.map { try explainer.report(question, type, fromPod: $0) } ?? explainer.report(question, type, from: client)
        switch output {
        case .text: print(report.text, terminator: "")
        case .json:
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            print(String(decoding: try encoder.encode(report), as: UTF8.self))
        }
    }

    /// Asks the first upstream that answers, for two seconds each.
    private static func reply(to request: UpstreamRequest) -> Reply {
        var reason = "no upstream that is asked without TLS"
        for endpoint in request.group.source.endpoints where endpoint.serverName == nil {
            do throws(SystemError) {
                let socket = try Socket.connecting(.datagram, to: endpoint.address)
                _ = try Socket.send(request.message.span, on: socket)
                var buffer = [UInt8](repeating: 0, count: 65_535)
                _ = mz_wait(socket.raw, UInt32(MZ_READABLE), 2000)
                if case .count(let count) = try Socket.receive(&buffer, from: socket),
                    Workbench.isReadable(buffer.span.extracting(0..<count))
                {
                    return .message(Array(buffer[..<count]))
                }
                reason = "\(endpoint.address): no answer in time"
            } catch {
                reason = "\(endpoint.address): \(error)"
            }
        }
        return .failed(reason)
    }
}
