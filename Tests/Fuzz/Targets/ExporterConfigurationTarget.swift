import ArgumentParser
import NIOSSL
import ProcessRuntime

@testable import Exporter
@testable import KubernetesObjects

extension FuzzTarget {
    /// Octet 0 chooses: a web configuration, an options file, a list of keys by resource, or a command line, a word a line.
    ///
    /// What is refused is refused with words and, in a file, at a line that it has. What is taken keeps what it promises, and reads the same
    /// when it is read again.
    static let exporterConfiguration = FuzzTarget(name: "exporter-configuration", longestInput: 2048) { input throws(PropertyFailure) in
        guard let first = input.first else { return }
        let text = String(decoding: input.dropFirst(), as: UTF8.self)
        switch first % 4 {
        case 0: try webConfiguration(text)
        case 1: try optionsFile(text)
        case 2: try allowList(text)
        default: try commandLine(text)
        }
    }

    private static func webConfiguration(_ text: String) throws(PropertyFailure) {
        let web: WebConfiguration
        do throws(WebConfigurationFault) {
            web = try WebConfiguration(text, relativeTo: "/etc/mizzen")
        } catch {
            return try refusal(error.reason, error.line, of: text)
        }
        if let encryption = web.encryption {
            let versions: [TLSVersion] = [.tlsv1, .tlsv11, .tlsv12, .tlsv13]
            let order = [encryption.minimum, encryption.maximum].compactMap(versions.firstIndex)
            try expect(order.count == 2 && order[0] <= order[1], "the oldest version of TLS is newer than the newest")
        }
        if let limit = web.rateLimit { try expect(limit.interval > .zero && limit.burst >= 0, "a limit of \(limit)") }
    }

    private static func optionsFile(_ text: String) throws(PropertyFailure) {
        let file: OptionsFile
        do throws(ConfigurationError) {
            file = try OptionsFile(yaml: text)
        } catch {
            return try refusal(error.reason, error.line, of: text)
        }
        try expect((try? OptionsFile(yaml: text)) == file, "the same file reads otherwise")
        try expect(file.changes(since: file) == ([], []), "a file differs from itself")
        guard var command = try? ExporterCommand.parse([]) else { throw PropertyFailure("the exporter does not start without options") }
        do throws(ProcessError) {
            try file.apply(to: &command)
        } catch {
            try expect(error.code == ExitStatus.configuration && !error.message.isEmpty && error.place != nil, "refused with \(error)")
        }
    }

    private static func allowList(_ text: String) throws(PropertyFailure) {
        do throws(ProcessError) {
            let lists = try AllowListSyntax.parse(text, flag: "--flag")
            let written = lists.map { "\($0)=[\($1.joined(separator: ","))]" }.joined(separator: ",")
            guard try AllowListSyntax.parse(written, flag: "--flag") == lists else { throw ProcessError(code: 0, message: written) }
        } catch {
            try expect(error.code == ExitStatus.usage && error.place == "--flag", "\(error.message) reads otherwise")
        }
    }

    private static func commandLine(_ text: String) throws(PropertyFailure) {
        let words = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        do throws(ProcessError) {
            let written = try ExporterCommand.words(words)
            guard (try? ExporterCommand.words(written)) == written else { throw ProcessError(code: 0, message: "\(written)") }
        } catch {
            try expect(error.code == ExitStatus.usage, "\(words) are rewritten as \(error.message), and then otherwise")
        }
    }

    private static func refusal(_ reason: String, _ line: Int?, of text: String) throws(PropertyFailure) {
        try expect(!reason.isEmpty, "refused without a word")
        let lines = text.reduce(1) { $0 + ($1.isNewline ? 1 : 0) }
        // The reader of YAML names the line behind the last one where the text ends too early.
        if let line { try expect((1...lines + 1).contains(line), "refused at line \(line) of \(lines): \(reason)") }
    }
}
