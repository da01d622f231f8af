import ArgumentParser
import CMizzenSystem
import MizzenSystem
import Names
import ProcessRuntime

/// `mizzen-frontend explain COREFILE QUESTION [TYPE]`: which way a question takes.
struct ExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Prints the way of one question through a Corefile: its server block, and what each directive does with it.",
        discussion: "Nothing is sent anywhere unless --ask says so. Names of the cluster are answered from the record table.")

    @Argument(help: "The Corefile.")
    var file: String

    @Argument(help: "The name that is asked for.")
    var question: String

    @Argument(help: "The type that is asked for.")
    var type = "A"

    @Option(help: "The address of the client that asks.")
    var from = "127.0.0.1"

    @Option(help: "The record table.")
    var table = DefaultPaths.table

    @Option(help: "The port of zones that name none, and the one that is asked.")
    var dnsPort: UInt16 = 53

    @Flag(help: "Asks upstreams, once each over UDP.")
    var ask = false

    @Flag(help: "Explains a frontend that has --complete-search-paths.")
    var completeSearchPaths = false

    func run() async throws {
        guard let name = try? DNSName(question.hasSuffix(".") ? question : question + ".") else {
            throw ProcessError(code: ExitStatus.usage, message: "'\(question)' is not a domain name")
        }
        guard let type = RecordType(mnemonic: type) else {
            throw ProcessError(code: ExitStatus.usage, message: "'\(type)' is not a record type such as A, AAAA or SRV")
        }
        guard let client = IPAddress(from) else {
            throw ProcessError(code: ExitStatus.usage, message: "--from: '\(from)' is not an address")
        }
        var options = FrontendService.Options(corefile: file, table: table, threads: 1, defaultPort: dnsPort)
        options.completesSearchPaths = completeSearchPaths
        let configuration = try FrontendControl.configuration(options)
        let explanation = try QueryExplanation(configuration, corefile: file, table: table)
        print(
            explanation.text(name, type, from: client, port: dnsPort, asking: ask ? { Self.reply(to: $0) } : nil), terminator: "")
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
