import AccessReview
import ArgumentParser
import Foundation
import Testing

@testable import Collector
@testable import ProcessRuntime

/// Command lines as metrics-server's manifests and charts have them.
@Suite("metrics-server's command lines") struct MetricsServerCommandLineTests {
    /// As the process takes its words.
    private static func command(_ words: [String]) throws -> CollectorCommand {
        let invocation = try CommandInvocation.resolve(CollectorCommand.self, words: try CollectorCommand.words(words), environment: [:])
        return try #require(try invocation.command.parseAsRoot(invocation.arguments) as? CollectorCommand)
    }

    /// A flag and what may stand behind it.
    private struct Flag: CustomTestStringConvertible {
        var name: String
        var value: String?

        var testDescription: String { name }
    }

    /// What stands for a value of each type of the reference (`Tests/Fixtures/reference/resource-metrics-flags.tsv`).
    private static let values: [String: String] = [
        "int": "7", "duration": "17s", "string": "a", "strings": "a,b", "float": "0.5", "float32": "0.5", "ip": "192.0.2.1",
        "quantity": "1Mi",
        "Level": "4", "pattern=N,...": "a=2", "namedCertKey": "a.crt,a.key", "colonSeparatedMultimapStringString": "a:b", "": "",
    ]

    /// Those that want certain values.
    private static let choices = [
        "tls-min-version": "VersionTLS13", "tls-cipher-suites": "TLS_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "kubelet-preferred-address-types": "InternalIP,Hostname", "bind-address": "127.0.0.1", "node-selector": "a=b",
    ]

    private static func flags() throws -> [Flag] {
        let file = CapturedCluster.folder.deletingLastPathComponent().appending(path: "reference/resource-metrics-flags.tsv")
        return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").dropFirst().map { line in
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            let value = choices[fields[0]] ?? (fields[2].isEmpty ? nil : values[fields[2]] ?? "?")
            return Flag(name: fields[0], value: value)
        }
    }

    @Test("each of its flags is taken, in both spellings")
    func all() throws {
        let flags = try Self.flags()
        #expect(flags.count > 90)
        // They end the process, or belong to another one of the command line.
        let pairs = ["tls-cert-file", "tls-private-key-file", "kubelet-client-certificate", "kubelet-client-key"]
        for flag in flags where flag.name != "version" && !pairs.contains(flag.name) {
            let spelling = "--\(flag.name)"
            let forms =
                flag.value.map { [[spelling, $0], ["\(spelling)=\($0)"]] } ?? [[spelling], ["\(spelling)=true"], ["\(spelling)=false"]]
            for words in forms { #expect(throws: Never.self, "\(words)") { try Self.command(words) } }
        }
        _ = try Self.command(["--tls-cert-file=a", "--tls-private-key-file", "b"])
    }

    @Test("the list of options is what the library says they are")
    func list() {
        let described = OptionDescription.described(CollectorCommand.self)
        #expect(described.count > 50 && OptionDescription.options(of: CollectorCommand.self) == described)
    }

    @Test("what has no effect is named, once each, and what could not be its value is refused")
    func ignored() throws {
        let words = ["--audit-log-maxage=3", "--profiling=false", "--audit-log-maxage", "5", "--cert-dir=/tmp", "--logging-format=json"]
        let command = try Self.command(words)
        #expect(command.withoutEffect == ["--audit-log-maxage,--profiling,--logging-format"])
        #expect(command.serving.certDir == "/tmp")
        #expect(try Self.command(["--secure-port=10250"]).withoutEffect == [])
        for words in [
            ["--audit-log-maxage=x"], ["--profiling=maybe"], ["--advertise-address=host"], ["--request-timeout=5"], ["--goaway-chance"],
        ] {
            #expect("\(words)") {
                try Self.command(words)
            } throws: { error in
                (error as? ProcessError)?.code == ExitStatus.usage && "\(error)".contains(words[0].prefix { $0 != "=" })
            }
        }
    }

    @Test("lists add up, single values are taken over by the last, and unknown ones are refused")
    func serving() throws {
        let command = try Self.command([
            "--requestheader-allowed-names=a,b", "--requestheader-allowed-names", "c", "--secure-port=1", "--secure-port", "2",
            "--requestheader-username-headers=X-User",
        ])
        #expect(command.serving.trustFiles.frontProxy.allowedNames == ["a", "b", "c"])
        #expect(command.serving.trustFiles.frontProxy.userHeaders == ["X-User"])
        #expect(command.serving.trustFiles.frontProxy.groupHeaders == ["x-remote-group"])
        #expect(command.serving.securePort == 2)
        #expect(try Self.command(["-l", "a=b", "-v", "2"]).kubelets.nodeSelector == "a=b")
        for words in [["--tls-min-version=TLS1"], ["--tls-cipher-suites=TLS_NONE"], ["--max-requests-inflight=-1"], ["--no-such-flag"]] {
            #expect(throws: (any Error).self, "\(words)") { try Self.command(words) }
        }
    }
}
