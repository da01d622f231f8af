import ArgumentParser
import Foundation
import KubernetesObjects
import Testing

@testable import Exporter
@testable import ProcessRuntime

/// Command lines as manifests in the field have them; their names are replaced.
@Suite("kube-state-metrics' command lines") struct KubeStateMetricsCommandLineTests {
    /// As the process takes its words.
    static func command(_ words: [String], environment: [String: String] = [:]) throws -> ExporterCommand {
        let invocation = try CommandInvocation.resolve(
            ExporterCommand.self, words: try ExporterCommand.words(words), environment: environment)
        #expect(invocation.request == .run)
        return try #require(try invocation.command.parseAsRoot(invocation.arguments) as? ExporterCommand)
    }

    private func configuration(_ words: [String]) throws -> ExporterConfiguration {
        try ExporterConfiguration(Self.command(words).selection)
    }

    // MARK: Forms

    @Test("an option's value is the next word or follows an equals sign, and may be empty or begin with a hyphen")
    func values() throws {
        for words in [["--port", "9090", "--node", "n1"], ["--port=9090", "--node=n1"]] {
            let command = try Self.command(words)
            #expect(command.serving.port == 9090)
            #expect(command.selection.node == "n1")
        }
        #expect(try Self.command(["--node="]).selection.node == "")
        #expect(try Self.command(["--node", ""]).selection.node == "")
        #expect(try Self.command(["--node", "-x"]).selection.node == "-x")
        #expect(try Self.command(["--namespaces", "", "--resources="]).selection.namespaces == [""])
        #expect(try Self.command(["--vmodule=a=1,b=2", "--apiserver=http://x?y=z"]).ignored.apiserver == "http://x?y=z")
    }

    @Test(
        "a switch stands alone or has a value, and the last one counts",
        arguments: [
            (["--enable-gzip-encoding"], true), (["--enable-gzip-encoding=true"], true), (["--enable-gzip-encoding=1"], true),
            (["--enable-gzip-encoding=T"], true), (["--enable-gzip-encoding=false"], false), (["--enable-gzip-encoding=F"], false),
            (["--enable-gzip-encoding", "--enable-gzip-encoding=false"], false),
            (["--enable-gzip-encoding=false", "--enable-gzip-encoding"], true), ([], false),
        ] as [([String], Bool)])
    func switches(words: [String], isOn: Bool) throws {
        #expect(try Self.command(words).serving.enableGzipEncoding == isOn)
    }

    @Test("a switch with another value is refused, naming it")
    func brokenSwitch() {
        let error = #expect(throws: ProcessError.self) { _ = try ExporterCommand.words(["--use-apiserver-cache=maybe"]) }
        #expect(error?.place == "--use-apiserver-cache")
        #expect(error?.code == ExitStatus.usage)
    }

    @Test("a switch on the command line wins over the environment, also where it is off")
    func environment() throws {
        let environment = ["MIZZEN_ENABLE_GZIP_ENCODING": "true", "MIZZEN_PORT": "1"]
        #expect(try Self.command([], environment: environment).serving.enableGzipEncoding)
        let command = try Self.command(["--enable-gzip-encoding=false", "--port", "2"], environment: environment)
        #expect(!command.serving.enableGzipEncoding)
        #expect(command.serving.port == 2)
    }

    @Test("klog's verbosity in all its forms", arguments: [["-v2"], ["-v=2"], ["-v", "2"], ["--v=2"], ["--v", "2"], ["-v10", "-v2"]])
    func verbosity(words: [String]) throws {
        let command = try Self.command(words)
        #expect(command.ignored.verbosity == 2)
        #expect(command.ignored.given.map(\.flag) == ["-v"])
    }

    @Test("a list that is given again adds up; of a single value, and of labels, the last counts")
    func repeated() throws {
        let command = try Self.command([
            "--resources=pods", "--resources", "nodes,pods", "--port=1", "--port=2", "--metric-labels-allowlist=pods=[a]",
            "--metric-labels-allowlist=nodes=[b]", "--namespaces=a", "--namespaces=b", "--metric-denylist=kube_a",
            "--metric-denylist=kube_b",
        ])
        #expect(ExporterConfiguration.items(command.selection.resources) == ["pods", "nodes"])
        #expect(ExporterConfiguration.items(command.selection.namespaces) == ["a", "b"])
        #expect(ExporterConfiguration.items(command.selection.metricDenylist) == ["kube_a", "kube_b"])
        #expect(command.serving.port == 2)
        #expect(command.selection.metricLabelsAllowlist == "nodes=[b]")
    }

    @Test("entries of lists are trimmed, of line breaks too, and empty ones passed over")
    func lists() throws {
        let folded = "\n  pods ,\n\tnodes,,\n"
        #expect(try configuration(["--resources", folded]).renderers.map(\.resource.plural).sorted() == ["nodes", "pods"])
        #expect(try configuration(["--resources=, ,"]).renderers.map(\.resource.plural) == FamilyRegistry.defaultResources)
        let labels = "\n pods=[ a ,\n b ] ,\n nodes=[*]\n"
        #expect(try AllowListSyntax.parse(labels, flag: "x") == ["pods": ["a", "b"], "nodes": ["*"]])
        #expect(try configuration(["--metric-labels-allowlist=*=[*]", "--metric-annotations-allowlist=pods=[]"]).warnings.isEmpty)
    }

    @Test("as with pflag, a long name has two hyphens, and a word that belongs to nothing is refused")
    func refused() {
        for words in [["-port=9090"], ["-logtostderr"], ["extra"], ["--enable-gzip-encoding", "false"], ["--nonsense"], ["--port"]] {
            #expect(throws: (any Error).self, "\(words)") { _ = try Self.command(words) }
        }
    }

    @Test("version as a word and as an option, and help, wherever they stand")
    func requests() throws {
        for (words, request) in [
            (["version"], CommandInvocation.Request.version), (["--version"], .version), (["--help"], .help), (["-h"], .help),
            (["--port=1", "--help"], .help), (["--node", "n", "-h"], .help),
        ] {
            let invocation = try CommandInvocation.resolve(
                ExporterCommand.self, words: try ExporterCommand.words(words), environment: [:])
            #expect(invocation.request == request, "\(words)")
        }
        let families = try CommandInvocation.resolve(
            ExporterCommand.self, words: try ExporterCommand.words(["families", "--markdown"]), environment: [:])
        #expect(families.command._commandName == "families")
        #expect(families.arguments == ["--markdown"])
    }

    // MARK: Manifests

    static let manifests: [(String, [String])] = [
        (
            "the community's chart",
            [
                "--port=8080",
                "--resources=certificatesigningrequests,configmaps,cronjobs,daemonsets,deployments,endpoints,horizontalpodautoscalers,ingresses,jobs,leases,limitranges,mutatingwebhookconfigurations,namespaces,networkpolicies,nodes,persistentvolumeclaims,persistentvolumes,poddisruptionbudgets,pods,replicasets,replicationcontrollers,resourcequotas,secrets,services,statefulsets,storageclasses,validatingwebhookconfigurations,volumeattachments",
            ]
        ),
        (
            "the community's chart with what its values can add",
            [
                "--telemetry-host=0.0.0.0", "--telemetry-port=8081", "--port=8080", "--resources=pods,nodes",
                "--metric-labels-allowlist=namespaces=[team-a.example/kind],pods=[*]",
                "--metric-annotations-allowlist=pods=[example.com/owner]", "--metric-denylist=kube_pod_tolerations,kube_.+_created",
                "--namespaces=team-a,team-b", "--namespaces-denylist=team-b", "--kubeconfig=/opt/config/kubeconfig",
            ]
        ),
        (
            "kube-prometheus behind a proxy",
            ["--host=127.0.0.1", "--port=8081", "--telemetry-host=127.0.0.1", "--telemetry-port=8082"]
        ),
        (
            "OpenShift: folded texts, a comma that is missing, a resource that does not exist, a list twice",
            [
                "--host=127.0.0.1", "--port=8081", "--telemetry-host=127.0.0.1", "--telemetry-port=8082",
                "--metric-denylist=\n^kube_secret_labels$,\n^kube_.+_annotations$\n^kube_customresource_.+_annotations_info$,\n^kube_customresource_.+_labels_info$,\n",
                "--metric-labels-allowlist=pods=[*],nodes=[*],namespaces=[*],persistentvolumes=[*],persistentvolumeclaims=[*],poddisruptionbudgets=[*],poddisruptionbudget=[*]",
                "--metric-denylist=\n^kube_.+_created$,\n^kube_.+_metadata_resource_version$,\n^kube_pod_status_scheduled$\n",
            ]
        ),
        (
            "lists with blanks, a comma too many",
            [
                "--resources", "daemonsets, deployments, pods , statefulsets,nodes", "--metric-allowlist", "kube_pod_.*,kube_node_.*,",
                "-v=4",
                "--logtostderr",
            ]
        ),
        (
            "one of a daemon set, for the pods of its node",
            [
                "--resources=pods", "--node=n-1", "--port=8080", "--telemetry-port=8081", "--use-apiserver-cache", "--auto-gomemlimit",
                "--auto-gomemlimit-ratio=0.9", "--server-read-timeout=60s", "--server-write-timeout", "1m0s",
                "--server-read-header-timeout=5s", "--server-idle-timeout=5m",
            ]
        ),
        ("pods that no node has yet", ["--resources=pods", "--track-unscheduled-pods", "--object-limit=0"]),
        ("a shard that was counted by hand", ["--shard=1", "--total-shards=3", "--logtostderr=true", "--stderrthreshold=INFO"]),
        (
            "klog's options, every one",
            [
                "--add_dir_header", "--alsologtostderr", "--alsologtostderrthreshold=ERROR", "--legacy_stderr_threshold_behavior=true",
                "--log_backtrace_at=main.go:12", "--log_dir=/tmp", "--log_file=x", "--log_file_max_size=1800", "--logtostderr=true",
                "--one_output", "--skip_headers", "--skip_log_headers=false", "--stderrthreshold=2", "--v=2", "--vmodule=store*=4",
            ]
        ),
    ]

    @Test("command lines of public manifests are taken as they are", arguments: manifests)
    func manifest(name: String, words: [String]) throws {
        let command = try Self.command(words)
        _ = try ExporterConfiguration(command.selection)
        #expect(Set(command.ignored.given.map(\.flag)).count == command.ignored.given.count)
    }

    @Test("what OpenShift writes has its meaning: the lists add up, and what is between two commas is one pattern")
    func openShift() throws {
        let configuration = try configuration(Self.manifests[3].1)
        let served = Set(configuration.renderers.flatMap(\.families).map(\.name))
        #expect(
            !served.contains("kube_secret_labels") && !served.contains("kube_pod_created") && !served.contains("kube_pod_status_scheduled"))
        // Its comma is missing, so this pattern means nothing there either.
        #expect(served.contains("kube_pod_annotations"))
        #expect(configuration.warnings.count == 1)
    }

    @Test("every flag of kube-state-metrics is one of the exporter's")
    func allFlags() throws {
        let known = Set(OptionDescription.options(of: ExporterCommand.self).flatMap { $0.names ?? [] }.map(\.spelling))
        let flags = """
            add_dir_header alsologtostderr alsologtostderrthreshold apiserver auth-filter auto-gomemlimit auto-gomemlimit-ratio config
            continue-without-config continue-without-custom-resource-state-config-file custom-resource-state-config
            custom-resource-state-config-file custom-resource-state-only enable-gzip-encoding help host kubeconfig
            legacy_stderr_threshold_behavior log_backtrace_at log_dir log_file log_file_max_size logtostderr metric-allowlist
            metric-annotations-allowlist metric-denylist metric-labels-allowlist metric-opt-in-list namespaces namespaces-denylist node
            object-limit one_output pod pod-namespace port resources server-idle-timeout server-read-header-timeout server-read-timeout
            server-write-timeout shard skip_headers skip_log_headers stderrthreshold telemetry-host telemetry-port tls-config total-shards
            track-unscheduled-pods use-apiserver-cache v vmodule
            """
        #expect(flags.split(whereSeparator: \.isWhitespace).filter { !known.contains("--\($0)") } == [])
    }
}
