import DeltaStream

@testable import Collector

extension FuzzTarget {
    /// The input read as a kubelet's `/metrics/resource`. Nodes, containers and pods are what ``SlowExposition`` reads, bit by bit,
    /// and the same however the bytes are cut, and whatever body of the node was read before.
    static let exposition = FuzzTarget(name: "exposition", longestInput: 4096) { input throws(PropertyFailure) in
        let whole = try ExpositionReading([input])
        for pieces in Pieces.cuts(of: input) {
            let cut = try ExpositionReading(pieces)
            try expect(cut == whole, "whole: \(whole)\nin \(pieces.count) pieces: \(cut)")
        }
        for earlier in [input, Array(input.prefix(input.count / 2)), Array(input.suffix(input.count / 2))] {
            let known = try ExpositionReading.parser([earlier]).known
            let again = try ExpositionReading([input], known: known)
            try expect(
                again.lines.sorted() == whole.lines.sorted() && again.malformedLines == whole.malformedLines,
                "whole: \(whole)\nafter another body: \(again)")
        }
        let slow = ExpositionReading(SlowExposition(input))
        try expect(slow == whole, "read slowly: \(slow)\nby the parser: \(whole)")
    }
}

/// What was read, as text that tells every bit of every number.
private struct ExpositionReading: Equatable {
    var lines: [String]
    var malformedLines: Int

    static func parser(
        _ pieces: [[UInt8]], known: ResourceMetricsParser.KnownSeries? = nil
    ) throws(PropertyFailure) -> ResourceMetricsParser {
        var parser = ResourceMetricsParser(defaultTime: 7, known: known)
        do {
            for piece in pieces { try parser.consume(piece.span) }
        } catch {
            throw PropertyFailure("refused: \(error)")
        }
        parser.finish()
        return parser
    }

    init(_ pieces: [[UInt8]], known: ResourceMetricsParser.KnownSeries? = nil) throws(PropertyFailure) {
        let parser = try Self.parser(pieces, known: known)
        lines = [Self.text(parser.node)]
        lines += parser.containers.map { "\([$0.namespace, $0.pod, $0.container]) \(Self.text($0.reading))" }
        lines += parser.pods.map { "\([$0.namespace, $0.pod]) \(Self.text($0.reading))" }
        malformedLines = parser.malformedLines
    }

    init(_ slow: SlowExposition) {
        lines = [Self.text(slow.node)]
        lines += slow.containers.map { "\($0.key) \(Self.text($0.reading))" }
        lines += slow.pods.map { "\($0.key) \(Self.text($0.reading))" }
        malformedLines = slow.malformedLines
    }

    private static func text(_ reading: Reading) -> String {
        func bits(_ number: Double?) -> String {
            guard let number else { return "-" }
            return number.isNaN ? "NaN" : "\(number) \(number.bitPattern)"
        }
        return """
            cpu \(bits(reading.cpuSecondsTotal)) at \(reading.cpuTime.map { "\($0)" } ?? "-"), memory \
            \(bits(reading.memoryWorkingSetBytes)) at \(reading.memoryTime.map { "\($0)" } ?? "-"), start \(bits(reading.startTime)), \
            swap \(bits(reading.swapUsageBytes))
            """
    }
}

/// The same exposition read without haste: every line by itself, every number by the standard library.
private struct SlowExposition {
    var node = Reading()
    var containers: [(key: [String], reading: Reading)] = []
    var pods: [(key: [String], reading: Reading)] = []
    var malformedLines = 0

    init(_ input: [UInt8]) {
        var lines = input.split(separator: 0x0A, omittingEmptySubsequences: false).map(Array.init)
        if lines.last?.isEmpty == true { lines.removeLast() }
        for line in lines { take(line) }
    }

    private static let blanks: Set<UInt8> = [0x20, 0x09, 0x0D]

    private static let families = [
        "node_cpu_usage_seconds_total", "node_memory_working_set_bytes", "container_cpu_usage_seconds_total",
        "container_memory_working_set_bytes", "container_start_time_seconds", "pod_cpu_usage_seconds_total",
        "pod_memory_working_set_bytes", "node_swap_usage_bytes", "container_swap_usage_bytes", "pod_swap_usage_bytes",
    ]

    private mutating func take(_ line: [UInt8]) {
        let text = line.drop { Self.blanks.contains($0) }
        guard text.first != UInt8(ascii: "#") else { return }
        let nameOctets = text.prefix { $0 != UInt8(ascii: "{") && !Self.blanks.contains($0) }
        guard let family = Self.families.first(where: { Array($0.utf8) == Array(nameOctets) }) else { return }
        var rest = text.dropFirst(nameOctets.count).drop { Self.blanks.contains($0) }
        var labels: ArraySlice<UInt8> = []
        if rest.first == UInt8(ascii: "{") {
            guard let end = Self.closing(rest) else {
                malformedLines += 1
                return
            }
            labels = rest[(rest.startIndex + 1)..<end]
            rest = rest[(end + 1)...]
        }
        // A word that begins with `#` begins an exemplar (OpenMetrics), which ends the line.
        let words = rest.split(whereSeparator: { Self.blanks.contains($0) }).prefix { $0.first != UInt8(ascii: "#") }
            .map { String(decoding: $0, as: UTF8.self) }
        guard (1...2).contains(words.count), let value = Self.number(words[0]),
            let time = words.count == 2 ? Self.integer(words[1]) : 7
        else {
            malformedLines += 1
            return
        }
        record(family, value, time, Self.pairs(labels))
    }

    private mutating func record(_ family: String, _ value: Double, _ time: Int64, _ labels: [String: String]) {
        let key = [labels["namespace"] ?? "", labels["pod"] ?? "", labels["container"] ?? ""]
        let isNamed = !key[0].isEmpty && !key[1].isEmpty
        switch family.prefix(while: { $0 != "_" }) {
        case "node": Self.set(&node, family, value, time)
        case "container":
            guard isNamed, !key[2].isEmpty else {
                malformedLines += 1
                return
            }
            Self.record(&containers, key, family, value, time)
        default:
            guard isNamed else {
                malformedLines += 1
                return
            }
            Self.record(&pods, Array(key.prefix(2)), family, value, time)
        }
    }

    private static func record(
        _ series: inout [(key: [String], reading: Reading)], _ key: [String], _ family: String, _ value: Double, _ time: Int64
    ) {
        // A series is its labels' octets, as a kubelet sends them: equal texts of other octets are two series nowhere.
        let index = series.firstIndex { $0.key == key } ?? series.count
        if index == series.count { series.append((key, Reading())) }
        set(&series[index].reading, family, value, time)
    }

    private static func set(_ reading: inout Reading, _ family: String, _ value: Double, _ time: Int64) {
        if family.hasSuffix("_cpu_usage_seconds_total") {
            reading.cpuSecondsTotal = value
            reading.cpuTime = time
        } else if family.hasSuffix("_memory_working_set_bytes") {
            reading.memoryWorkingSetBytes = value
            reading.memoryTime = time
        } else if family.hasSuffix("_swap_usage_bytes") {
            reading.swapUsageBytes = value
        } else {
            reading.startTime = value
        }
    }

    /// Where the brace that opens `text` closes, outside quotes.
    private static func closing(_ text: ArraySlice<UInt8>) -> Int? {
        var quoted = false
        var at = text.startIndex + 1
        while at < text.endIndex {
            if quoted, text[at] == UInt8(ascii: "\\") {
                at += 1
            } else if text[at] == UInt8(ascii: "\"") {
                quoted.toggle()
            } else if text[at] == UInt8(ascii: "}"), !quoted {
                return at
            }
            at += 1
        }
        return nil
    }

    /// The labels as far as they can be read; of a name given twice, the last value.
    private static func pairs(_ block: ArraySlice<UInt8>) -> [String: String] {
        var pairs: [String: String] = [:]
        var rest = block
        while true {
            rest = rest.drop { $0 == UInt8(ascii: ",") || blanks.contains($0) }
            let name = rest.prefix { $0 != UInt8(ascii: "=") }
            rest = rest.dropFirst(name.count + 1)
            guard rest.first == UInt8(ascii: "\"") else { return pairs }
            rest = rest.dropFirst()
            var value: [UInt8] = []
            while let octet = rest.popFirst(), octet != UInt8(ascii: "\"") {
                guard octet == UInt8(ascii: "\\"), let escaped = rest.popFirst() else {
                    value.append(octet)
                    continue
                }
                value.append(escaped == UInt8(ascii: "n") ? 0x0A : escaped)
            }
            pairs[String(decoding: name, as: UTF8.self)] = String(decoding: value, as: UTF8.self)
        }
    }

    private static func number(_ text: String) -> Double? {
        switch text.lowercased() {
        case "inf", "+inf": return .infinity
        case "-inf": return -.infinity
        case "nan": return .nan
        // The standard library stops at a NUL octet, and knows hexadecimal, which expositions do not.
        default: return text.utf8.contains { $0 == 0 || "xXpP".utf8.contains($0) } ? nil : Double(text)
        }
    }

    /// At most 18 octets: no kubelet's clock needs more.
    private static func integer(_ text: String) -> Int64? {
        let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
        guard text.utf8.count < 19, !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int64(text)
    }
}
