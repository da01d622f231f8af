import KubernetesObjects
import NIOCore
import ProcessRuntime
import Testing

@testable import Exporter

@Suite struct RenderingTests {
    @Test(
        "a value is written with the fewest digits, in Go's layout",
        arguments: [
            (0, "0"), (-0.0, "0"), (1, "1"), (-1, "-1"), (110, "110"), (3.92, "3.92"), (0.1, "0.1"), (0.0001, "0.0001"),
            (0.00001, "1e-05"), (123456, "123456"), (1_000_000, "1e+06"), (1_234_567.5, "1.2345675e+06"),
            (1_795_404_158, "1.795404158e+09"), (107_374_182_400, "1.073741824e+11"), (9.223372036854776e18, "9.223372036854776e+18"),
            (1e100, "1e+100"), (1e-100, "1e-100"), (-62_135_596_800, "-6.21355968e+10"), (0.30000000000000004, "0.30000000000000004"),
            (.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"),
        ] as [(Double, String)])
    func numbers(value: Double, text: String) {
        var bytes: [UInt8] = []
        bytes.append(number: value)
        #expect(String(decoding: bytes, as: UTF8.self) == text)
    }

    @Test(
        "amounts of a resource are in cores, bytes or counted; names that mean nothing are left out",
        arguments: [
            ("cpu", "core"), ("memory", "byte"), ("ephemeral-storage", "byte"), ("hugepages-2Mi", "byte"), ("pods", nil), ("gpu", nil),
            ("example.com/dongle", "integer"), ("a-1.b2/X_y.z-1", "integer"), ("example.com/", nil), ("/x", nil), ("example.com/_x", nil),
            ("example.com/a/b", nil), ("example..com/x", nil), ("-a.com/x", nil), ("a-.com/x", nil), ("a.com-/x", nil), ("A.com/x", nil),
            ("kubernetes.io/x", nil), ("a.kubernetes.io/x", nil), ("akubernetes.io/x", nil), ("kubernetes.io.example.com/x", "integer"),
            ("requests.example.com/x", nil), ("b\u{fc}ro.example.com/x", nil), ("example.com/b\u{fc}ro", nil),
            ("example.com/" + String(repeating: "x", count: 63), "integer"), ("example.com/" + String(repeating: "x", count: 64), nil),
            (String(repeating: "a.", count: 121) + "bc/x", "integer"), (String(repeating: "a.", count: 121) + "bcd/x", nil),
        ] as [(String, String?)])
    func resourceUnits(name: String, unit: String?) {
        #expect(ResourceAmounts.unit(of: name, countsPods: false)?.unit == unit)
    }

    @Test(
        "in protobuf a family is the same whether its samples are kept for sending, encoded again, or partly this and that",
        arguments: [0, 1, 5_000, 1 << 20], [1, 10_000, .max])
    func protobufInParts(mostKept: Int, step: Int) throws {
        let exporter = try ExporterUnderTest(captured: ["--resources=pods,nodes"])
        let sections = ProtobufExposition(exporter.feed.sections)
        let bytes = ExporterUnderTest.bytes(of: sections, step: step, mostKept: mostKept)
        #expect(bytes == ExporterUnderTest.bytes(of: sections))
        // Whole messages, a family each: its length, and so many bytes.
        var (position, families) = (0, 0)
        while position < bytes.count {
            var (length, shift) = (0, 0)
            repeat {
                length |= Int(bytes[position] & 0x7F) << shift
                (position, shift) = (position + 1, shift + 7)
            } while bytes[position - 1] & 0x80 != 0
            position += length
            families += 1
        }
        #expect(position == bytes.count)
        #expect(families == exporter.exposition().split(separator: "\n").count { $0.hasPrefix("# HELP ") })
    }

    @Test("of a label name each character that it cannot have becomes one underscore")
    func labelNames() {
        #expect(MetadataLabels.sanitized("example.com/b\u{fc}ro-\u{6f22}_9") == "example_com_b_ro___9")
    }

    @Test("backslashes, quotes and line feeds in label values are escaped, other bytes are kept")
    func escapes() throws {
        let exporter = try ExporterUnderTest(["--metric-annotations-allowlist=pods=[*]"])
        exporter.upsert(
            try object(
                .pods,
                #"{"metadata":{"name":"a","namespace":"n","uid":"u","annotations":{"x":"q\" b\\ l\n ü\t"}}}"#))
        #expect(
            exporter.samples("kube_pod_annotations") == [
                #"kube_pod_annotations{namespace="n",pod="a",uid="u",annotation_x="q\" b\\ l\n ü"# + "\t\"} 1"
            ])
    }

    @Test("a line of any length is served whole")
    func longLines() throws {
        let exporter = try ExporterUnderTest(["--metric-annotations-allowlist=pods=[*]"])
        let long = String(repeating: "x", count: 2_000_000)
        exporter.upsert(
            try object(.pods, #"{"metadata":{"name":"a","namespace":"n","uid":"u","annotations":{"x":"\#(long)"}}}"#))
        #expect(
            exporter.samples("kube_pod_annotations") == [
                #"kube_pod_annotations{namespace="n",pod="a",uid="u",annotation_x="\#(long)"} 1"#
            ])
        #expect(exporter.samples("kube_pod_service_account").count == 1)
    }

    @Test("the size that is said before an exposition is the size that is sent", arguments: [ExpositionFormat.text, .openMetrics])
    func size(format: ExpositionFormat) throws {
        let exporter = try ExporterUnderTest(captured: [])
        #expect(Exposition(exporter.feed.sections, format: format).size == exporter.exposition(format).utf8.count)
        // However small the room is, all comes, in order; a chunk that is larger than the room comes alone.
        for room in [1, 5000, 100_000] {
            var chunks = Exposition(exporter.feed.sections, format: format).makeIterator()
            var (buffer, text) = (ByteBuffer(), "")
            while chunks.print(into: &buffer, room: room) { text += String(buffer: buffer) }
            #expect(text == exporter.exposition(format), "room of \(room)")
        }
    }

    @Test("OpenMetrics ends with EOF and text does not")
    func openMetrics() throws {
        let exporter = try ExporterUnderTest(captured: ["--resources=nodes"])
        #expect(exporter.exposition(.openMetrics) == exporter.exposition(.text) + "# EOF\n")
        let pods = try ExporterUnderTest(captured: ["--resources=pods"]).exposition(.openMetrics)
        // A counter's family goes without the ending that its samples have.
        #expect(pods.contains("\n# TYPE kube_pod_container_status_restarts counter\nkube_pod_container_status_restarts_total{"))
        #expect(try ExporterUnderTest().exposition(.openMetrics) == "# EOF\n")
    }

    @Test("whole numbers read back as what they were, without a digit too many")
    func wholeNumbers() throws {
        var random = SystemRandomNumberGenerator()
        for round in 0..<20_000 {
            let value = UInt64.random(in: 0..<(1 << (1 + UInt64(round % 53))), using: &random)
            var bytes: [UInt8] = []
            bytes.append(number: Double(value))
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(Double(text) == Double(value))
            // Go's notation: from a million on with an exponent, and then without zeros in front of it.
            #expect(value < 1_000_000 ? text == "\(value)" : text.contains("e+") && !text.contains("0e") && !text.contains(".e"))
        }
    }

    @Test("types that only OpenMetrics knows are gauges in text")
    func types() {
        let family = FamilyDescription(name: "a", stability: .stable, type: .info, isOptIn: false, help: "b\\c\nd")
        #expect(family.header(.text) == "# HELP a [STABLE] b\\\\c\\nd\n# TYPE a gauge\n")
        #expect(family.header(.openMetrics) == "# HELP a [STABLE] b\\\\c\\nd\n# TYPE a info\n")
    }

    @Test(
        "an Accept header chooses the format",
        arguments: [
            (nil, "text/plain; version=0.0.4; charset=utf-8"),
            ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
            ("text/html", "text/plain; version=0.0.4; charset=utf-8"),
            ("application/openmetrics-text", "application/openmetrics-text; version=0.0.1; charset=utf-8"),
            (
                "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                "application/openmetrics-text; version=1.0.0; charset=utf-8"
            ),
            ("application/openmetrics-text;q=0.3, text/plain;q=0.5", "text/plain; version=0.0.4; charset=utf-8"),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,application/openmetrics-text;q=0.6",
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            ),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
                "text/plain; version=0.0.4; charset=utf-8"
            ),
            ("application/openmetrics-text; version=3.0.0", "text/plain; version=0.0.4; charset=utf-8"),
        ] as [(String?, String)])
    func negotiation(accept: String?, contentType: String) {
        #expect(ContentNegotiation.format(accept: accept).contentType == contentType)
    }
}

@Suite struct MetadataLabelTests {
    @Test(
        "keys become label names in snake case",
        arguments: [
            ("app", "app"), ("app.kubernetes.io/partOf", "app_kubernetes_io_part_of"), ("aBC", "a_bc"),
            ("ABc", "abc"), ("a-B", "a_b"), ("x1Y", "x1_y"), ("ü/é", "___"),
        ])
    func names(key: String, name: String) {
        #expect(MetadataLabels.name(key) == name)
    }

    @Test("keys that become the same name are numbered in the order of the keys")
    func conflicts() {
        let labels = MetadataLabels.make(["a-b": "1", "a.b": "2", "a_b": "3", "a_b_conflict2": "4"], prefix: "label")
        // The last key's own name was taken by a number that the others got, so it counts as a conflict of its own.
        #expect(
            labels.map(\.0) == [
                "label_a_b_conflict1", "label_a_b_conflict2_conflict1", "label_a_b_conflict3",
                "label_a_b_conflict2_conflict2",
            ])
        #expect(labels.map(\.1) == ["1", "2", "3", "4"])
        let two = MetadataLabels.make(["a-b": "1", "a.b": "2"], prefix: "label")
        #expect(two.map(\.0) == ["label_a_b_conflict1", "label_a_b_conflict2"])
    }

    @Test("a lone * counts only as the first pattern; a * within a key stands for any text")
    func patterns() {
        let metadata = ["app": "1", "app.kubernetes.io/name": "2", "owner": "3"]
        func keys(_ patterns: String...) -> [String] {
            let list = MetadataAllowList(patterns: patterns)
            return metadata.keys.filter { list.allows($0) }.sorted()
        }
        #expect(keys("*") == ["app", "app.kubernetes.io/name", "owner"])
        #expect(keys("owner", "*") == ["owner"])
        #expect(keys("app.kubernetes.io/*") == ["app.kubernetes.io/name"])
        #expect(keys("*er") == ["owner"])
        #expect(keys("a*p") == ["app"])
        #expect(keys("app*pp").isEmpty)
    }

    @Test("an allow list is read as kube-state-metrics reads it")
    func syntax() throws {
        let flag = "--metric-labels-allowlist"
        #expect(try AllowListSyntax.parse("pods=[a,b/*],nodes=[*]", flag: flag) == ["pods": ["a", "b/*"], "nodes": ["*"]])
        #expect(try AllowListSyntax.parse("pods=[]", flag: flag) == ["pods": []])
        #expect(try AllowListSyntax.parse("pods=[a, b]", flag: flag) == ["pods": ["a", "b"]])
        #expect(try AllowListSyntax.parse("", flag: flag).isEmpty)
    }

    @Test(
        "a malformed allow list is refused, naming the flag",
        arguments: [
            "pods", "pods=", "pods=[a", "pods=[a]x", "pods=[a],", "pods=[a,,b]", "pods=[a,]", "pods[a]", "=[a]", "pods=[*a*]", "pods=[a=b]",
        ])
    func malformed(text: String) {
        let error = #expect(throws: ProcessError.self) {
            try AllowListSyntax.parse(text, flag: "--metric-labels-allowlist")
        }
        #expect(error?.place == "--metric-labels-allowlist")
    }
}
