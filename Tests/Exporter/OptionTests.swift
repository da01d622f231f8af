import ArgumentParser
import DeltaStream
import KubernetesObjects
import ProcessRuntime
import StreamCommandLine
import Testing

@testable import Exporter

@Suite struct OptionTests {
    private func refusal(_ arguments: String...) -> ProcessError? {
        do {
            let command = try ExporterCommand.parse(arguments)
            do throws(ProcessError) {
                _ = try ExporterConfiguration(command.selection)
                return nil
            } catch {
                return error
            }
        } catch {
            Issue.record("\(arguments) does not parse: \(error)")
            return nil
        }
    }

    @Test("kube-state-metrics' defaults are the defaults")
    func defaults() throws {
        let command = try ExporterCommand.parse([])
        #expect(command.serving.port == 8080)
        #expect(command.serving.telemetryPort == 8081)
        #expect(command.serving.host == "::")
        #expect(command.streams.deltas == DefaultPaths.deltas)
        let configuration = try ExporterConfiguration(command.selection)
        #expect(configuration.renderers.map(\.resource.plural) == FamilyRegistry.defaultResources)
        #expect(configuration.warnings.isEmpty)
        #expect(configuration.topics == configuration.renderers.map { TopicFilter($0.resource) })
    }

    @Test("every resource of kube-state-metrics' is served, and one that does not exist is refused by name")
    func resources() {
        #expect(refusal("--resources=\(Resource.all.map(\.plural).joined(separator: ","))") == nil)
        #expect(refusal("--resources=pods,pod")?.place == "--resources")
        #expect(refusal("--resources=pod")?.message.contains("there is no resource 'pod'") == true)
    }

    @Test("a resource that does not exist in a list of labels is told, and refused by nobody")
    func unknownInAllowList() throws {
        let command = try ExporterCommand.parse(["--metric-labels-allowlist=jobs=[a],poddisruptionbudget=[*],*=[b]"])
        #expect(
            try ExporterConfiguration(command.selection).warnings == [
                "--metric-labels-allowlist: there is no resource 'poddisruptionbudget'; write plurals in lower case, as in pods or deployments"
            ])
    }

    @Test("lists that exclude one another and broken patterns are refused, naming their flags")
    func lists() {
        #expect(refusal("--metric-allowlist=a", "--metric-denylist=b")?.place == "--metric-allowlist, --metric-denylist")
        #expect(refusal("--metric-denylist=kube_(")?.place == "--metric-denylist")
        #expect(refusal("--node=n1", "--resources=pods,nodes")?.place == "--node")
        #expect(refusal("--shard=2", "--total-shards=2")?.place == "--shard")
        #expect(refusal("--total-shards=0")?.place == "--total-shards")
    }

    @Test("what does nothing here is accepted, and said")
    func ignored() throws {
        let command = try ExporterCommand.parse([
            "--kubeconfig=/x", "--apiserver=http://x", "--use-apiserver-cache", "-v", "4",
        ])
        #expect(command.ignored.given.map(\.flag) == ["--kubeconfig", "--apiserver", "--use-apiserver-cache", "-v"])
    }

    @Test(
        "limits of time are kube-state-metrics' own unless others are given, and as in Go 0 is none, but for those that another limit bounds",
        arguments: [
            ([], [5, 60, 60, 300]), (["--server-read-timeout=1s", "--server-write-timeout=2s"], [5, 1, 2, 300]),
            (["--server-read-header-timeout=0s"], [60, 60, 60, 300]), (["--server-idle-timeout=0s"], [5, 60, 60, 60]),
            (["--server-write-timeout=0s", "--server-read-timeout=0s"], [5, nil, nil, 300]),
            (["--server-read-header-timeout=0s", "--server-read-timeout=0s", "--server-idle-timeout=0s"], [nil, nil, 60, nil]),
        ] as [([String], [Int64?])])
    func timeouts(words: [String], seconds: [Int64?]) throws {
        let timeouts = try ExporterCommand.parse(words).serving.timeouts
        #expect([timeouts.readHeader, timeouts.read, timeouts.write, timeouts.idle].map { $0?.components.seconds } == seconds)
    }

    @Test(
        "a value of the wrong kind is refused with what is expected",
        arguments: [
            ("--port=http", "expected a port number"), ("--telemetry-port=70000", "expected a port number"),
            ("--shard=-1", "expected a whole number"), ("--server-idle-timeout=5", "expected a duration"),
        ])
    func values(argument: String, expected: String) {
        do {
            _ = try ExporterCommand.parse([argument])
            Issue.record("\(argument) was accepted")
        } catch {
            let message = ExporterCommand.message(for: error)
            #expect(message.contains(expected))
            #expect(message.contains(argument.split(separator: "=")[0]))
        }
    }

    @Test("namespaces become filters of the stream, but not for objects without one")
    func namespaces() throws {
        let command = try ExporterCommand.parse(["--namespaces=a, b", "--resources=nodes,pods", "--total-shards=2", "--shard=1"])
        let half = BucketSet.shard(1, of: 2)
        #expect(
            try ExporterConfiguration(command.selection).topics == [
                TopicFilter(.nodes, buckets: half), TopicFilter(.pods, buckets: half, namespace: "a"),
                TopicFilter(.pods, buckets: half, namespace: "b"),
            ])
    }

    @Test("durations are read as Go writes them")
    func durations() throws {
        #expect(try OptionValue.duration("1m30s") == .seconds(90))
        #expect(try OptionValue.duration("1.5h") == .seconds(5400))
        #expect(try OptionValue.duration("500ms") == .milliseconds(500))
        #expect(try OptionValue.duration("0") == .zero)
        for text in ["", "5", "s", "-1s", "1 s", "1d"] { #expect(throws: (any Error).self) { _ = try OptionValue.duration(text) } }
    }

    @Test("states are counted where a family that says so is opted in to, and pods are served")
    func states() throws {
        func states(_ arguments: String...) throws -> StateSelection? {
            try ExporterConfiguration(try ExporterCommand.parse(arguments).selection).states
        }
        let optIn = "--metric-opt-in-list=mizzen_pod_.*_total"
        #expect(try states() == nil)
        #expect(try states(optIn, "--resources=nodes") == nil)
        #expect(try states(optIn, "--metric-denylist=mizzen_.*") == nil)
        let some = try #require(try states(optIn, "--namespaces=a,b", "--shard=1", "--total-shards=2", "--metric-denylist=.*phase.*"))
        #expect(some.admission == .init(namespaces: ["a", "b"]) && some.buckets == .shard(1, of: 2))
        #expect(some.families.descriptions.count == podStateFamilies.count - 1)
        let other = try states(
            optIn, "--namespaces=a,b", "--shard=1", "--total-shards=2", "--metric-denylist=.*phase.*", "--resources=pods,nodes")
        #expect(some == other)
        #expect(try ExporterCommand.parse([]).states.stateCountersLimit == 100_000)
    }
}
