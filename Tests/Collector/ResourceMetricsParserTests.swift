import DeltaStream
import MizzenSystem
import TestSupport
import Testing

@testable import Collector

@Suite("Kubelet metrics")
struct ResourceMetricsParserTests {
    private func parse(_ text: String, pieces: Int = .max) throws -> ResourceMetricsParser {
        var parser = ResourceMetricsParser(defaultTime: 7)
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(pieces))
            rest = rest.dropFirst(pieces)
            try parser.consume(piece.span)
        }
        parser.finish()
        return parser
    }

    @Test("readings keep what the kubelet said and when")
    func readings() throws {
        let parser = try parse(
            """
            # HELP node_cpu_usage_seconds_total [STABLE]
            node_cpu_usage_seconds_total 4893.25 1795404300193
            node_memory_working_set_bytes 1.616273408e+09 1795404300194
            container_cpu_usage_seconds_total{container="c",namespace="n",pod="p"} 1.5
            container_memory_working_set_bytes{container="c",namespace="n",pod="p"} 12 3
            container_memory_working_set_bytes{pod="p",container="c",namespace="n"} 13 4
            container_start_time_seconds{container="c",namespace="n",pod="p"} 1795400397.25 1795400397250
            pod_cpu_usage_seconds_total{namespace="n",pod="p"} 2 5
            container_swap_limit_bytes{container="c",namespace="n",pod="p"} 9 9
            container_swap_usage_bytes{container="c",namespace="n",pod="p"} 4096 4
            node_swap_usage_bytes 8192 1795404300194
            pod_swap_usage_bytes{namespace="n",pod="p"} 0 5
            something_else{a="}"} 1
            scrape_error 0
            """)
        #expect(
            parser.node
                == Reading(
                    cpuSecondsTotal: 4893.25, cpuTime: 1_795_404_300_193, memoryWorkingSetBytes: 1_616_273_408,
                    memoryTime: 1_795_404_300_194, swapUsageBytes: 8192))
        let reading = Reading(
            cpuSecondsTotal: 1.5, cpuTime: 7, memoryWorkingSetBytes: 13, memoryTime: 4, startTime: 1_795_400_397.25,
            swapUsageBytes: 4096)
        #expect(parser.containers == [ContainerReading(namespace: "n", pod: "p", container: "c", reading: reading)])
        #expect(
            parser.pods
                == [PodReading(namespace: "n", pod: "p", reading: Reading(cpuSecondsTotal: 2, cpuTime: 5, swapUsageBytes: 0))])
        #expect(parser.malformedLines == 0)
    }

    @Test("exemplars behind values and times, comments and families that nobody knows are passed over")
    func exemplars() throws {
        let parser = try parse(
            ##"""
            # UNIT container_cpu_usage_seconds_total seconds
            #
            container_cpu_usage_seconds_total{container="c",namespace="n",pod="p"} 1.5 9 # {trace_id="a b"} 0.3 1520879607.789
            container_memory_working_set_bytes{container="c",namespace="n",pod="p"} 12 # {} 1
            node_cpu_usage_seconds_total 3 #{a="}"} 2
            container_cpu_usage_seconds_total_created{container="c",namespace="n",pod="p"} 1.7e9
            unknown_bucket{le="+Inf",path="C:\\d\"x\"\n"} 4 # {trace_id="oHg5SJYRHA0"} 0.67 1.5
            node_memory_working_set_bytes # {a="b"} 1
            # EOF
            """##)
        let reading = Reading(cpuSecondsTotal: 1.5, cpuTime: 9, memoryWorkingSetBytes: 12, memoryTime: 7)
        #expect(parser.containers == [ContainerReading(namespace: "n", pod: "p", container: "c", reading: reading)])
        #expect(parser.node == Reading(cpuSecondsTotal: 3, cpuTime: 7))
        // The one without a value.
        #expect(parser.malformedLines == 1)
    }

    @Test("captured scrapes read the same however they are cut", arguments: [1, 2, 7, 64, 1000, 4096])
    func pieces(size: Int) throws {
        for node in 0...2 {
            let text = String(decoding: try CapturedCluster.bytes("kubelet/s1-node-\(node).2.txt"), as: UTF8.self)
            let whole = try parse(text)
            let cut = try parse(text, pieces: size)
            #expect(whole.containers == cut.containers && whole.node == cut.node && !whole.containers.isEmpty)
            #expect(whole.malformedLines == 0)
        }
    }

    @Test(
        "a broken line is counted and costs only itself",
        arguments: [
            #"container_cpu_usage_seconds_total{container="c",namespace="n",pod="p" 1"#,
            #"container_cpu_usage_seconds_total{container="c",namespace="n"} 1"#,
            #"container_cpu_usage_seconds_total{container="c,namespace="n",pod="p"} 1"#,
            "node_cpu_usage_seconds_total", "node_cpu_usage_seconds_total x", "node_cpu_usage_seconds_total 1 x",
            "node_cpu_usage_seconds_total 1 2 3", "node_cpu_usage_seconds_total 0x10",
            "node_cpu_usage_seconds_total 1e", "node_cpu_usage_seconds_total -", "node_cpu_usage_seconds_total 1e+",
        ])
    func brokenLines(line: String) throws {
        let parser = try parse("\(line)\nnode_memory_working_set_bytes 5 6\n")
        #expect(parser.malformedLines == 1)
        #expect(parser.node == Reading(memoryWorkingSetBytes: 5, memoryTime: 6))
        #expect(parser.containers.isEmpty)
    }

    @Test("a line or a body without end is given up")
    func bounds() throws {
        let long = String(repeating: "x", count: 40_000)
        let parser = try parse(
            "node_cpu_usage_seconds_total{a=\"\(long)\"} 1\nnode_memory_working_set_bytes 5 6", pieces: 1000)
        #expect(parser.malformedLines == 1)
        #expect(parser.node.memoryWorkingSetBytes == 5)
        var endless = ResourceMetricsParser(defaultTime: 0)
        let chunk = [UInt8](repeating: UInt8(ascii: "\n"), count: 1 << 20)
        #expect(throws: ResourceMetricsParser.Failure.tooLarge(limit: 32 << 20)) {
            for _ in 0..<40 { try endless.consume(chunk.span) }
        }
    }

    @Test("what a body brings does not depend on the one before it, whichever pods came, went, or changed their places and labels")
    func known() throws {
        var random = SeededRandom(seed: 11)
        var known: ResourceMetricsParser.KnownSeries?
        var handedOn = 0
        for round in 0..<400 {
            // Most bodies are of the same pods in the same order, as most of a node's are.
            let isUsual = Int.random(in: 0..<4, using: &random) > 0
            var pods = isUsual ? [0, 1, 2, 3] : (0..<6).filter { _ in Bool.random(using: &random) }
            if Int.random(in: 0..<8, using: &random) == 0 { pods.shuffle(using: &random) }
            let extra = Int.random(in: 0..<10, using: &random) == 0 ? #"zone="a","# : ""
            var lines = ["node_cpu_usage_seconds_total \(round)"]
            for family in ["container_cpu_usage_seconds_total", "container_memory_working_set_bytes", "pod_cpu_usage_seconds_total"] {
                for pod in pods {
                    for container in family.hasPrefix("pod") ? [""] : ["a", "b"] {
                        let name = container.isEmpty ? "" : "container=\"\(container)\","
                        lines.append("\(family){\(extra)\(name)namespace=\"n\(pod % 2)\",pod=\"p\(pod)\"} \(round) \(pod)")
                    }
                }
            }
            let text = Array(lines.joined(separator: "\n").utf8)
            var (fresh, next) = (ResourceMetricsParser(defaultTime: 7), ResourceMetricsParser(defaultTime: 7, known: known))
            try fresh.consume(text.span)
            try next.consume(text.span)
            fresh.finish()
            next.finish()
            if known != nil { handedOn += 1 }
            #expect(Set(next.containers) == Set(fresh.containers) && next.containers.count == fresh.containers.count)
            #expect(Set(next.pods) == Set(fresh.pods) && next.pods.count == fresh.pods.count)
            #expect((next.node, next.malformedLines) == (fresh.node, 0))
            known = next.known
        }
        // Otherwise nothing of this was about what is handed on.
        #expect((100..<400).contains(handedOn))
    }

    @Test("escapes in labels are undone")
    func escapes() throws {
        let parser = try parse(#"container_cpu_usage_seconds_total{container="a\"}\\\n",namespace="n",pod="p"} 1"#)
        #expect(parser.containers.first?.container == "a\"}\\\n")
    }

    @Test(
        "numbers are the doubles nearest to them",
        arguments: [
            "0", "1", "-1", "+1", "0.1", "2739.906000000", "1.616273408e+09", "1e22", "1e23", "9007199254740993",
            "5e-324",
            "123456789012345678901234567890", "0.000000000000000000000000000001", ".5", "5.", "1.7976931348623157e308",
            "8.988465674311579538646525953945e307", "00012",
        ])
    func numbers(text: String) throws {
        let wanted = try #require(Double(text.hasPrefix(".") ? "0\(text)" : text.hasSuffix(".") ? "\(text)0" : text))
        let bytes = Array(text.utf8)
        #expect(SampleScanner.number(bytes.span) == wanted)
    }

    @Test("random numbers are the doubles nearest to them")
    func randomNumbers() {
        var random = SeededRandom(seed: 4)
        for _ in 0..<20_000 {
            let text: String
            switch UInt8.random(in: 0...4, using: &random) {
            case 3:
                // As start times are, and around the middle between two doubles.
                let digits = UInt64.random(in: (1 << 53)...999_999_999_999_999_999, using: &random)
                text = "\(digits)e\(Int.random(in: -20...20, using: &random))"
            case 4:
                let middle = UInt64.random(in: (1 << 53)...(1 << 59), using: &random) | 1
                text = "\(middle << UInt64(middle.leadingZeroBitCount - 5) & ~0x3F | 0x20)"
            case 0: text = "\(Double.random(in: 0...1e7, using: &random))"
            case 1:
                text = "\(UInt64.random(in: 0...(1 << 50), using: &random))e-\(Int.random(in: 0...30, using: &random))"
            default:
                text =
                    "\(UInt32.random(in: 0...99_999, using: &random)).\(UInt32.random(in: 0...999_999_999, using: &random))"
            }
            let bytes = Array(text.utf8)
            #expect(SampleScanner.number(bytes.span) == Double(text), "\(text)")
        }
    }
}
