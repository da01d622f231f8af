/// What a kubelet remembers that has something wrong with its clock or its counters.
struct KubeletLapse: Sendable {
    /// Added to its clock.
    var offset = 0
    /// Seconds of its clock only, in which the times of its measurements lie in the past.
    var delay = 0
    /// When its CPU counters began anew, milliseconds since 1970; nil where they began with their containers.
    var counterStart: Int64?
    /// What it answers again.
    var lastText: String?
    private var hits = 0

    init() {}

    /// Takes what a fault does to it, before it answers.
    /// - Parameter now: milliseconds since 1970.
    mutating func meet(_ fault: Fault?, now: Int64) {
        offset = fault?.kind == .skew ? fault?.offset ?? 0 : 0
        delay = 0
        if fault?.kind == .reset { counterStart = now }
        if fault?.kind == .reorder {
            hits += 1
            delay = hits % 2 == 0 ? 30 : 0
        }
        if fault?.kind != .duplicate { lastText = nil }
    }
}

/// An exposition as no kubelet writes it today, and any may tomorrow: what the text format and OpenMetrics allow besides.
enum OddExposition {
    static func text(around text: String) -> String {
        let lines = text.split(separator: "\n")
        var odd = "# a comment that is neither HELP nor TYPE\n#\n\n   \n# HELP something_else It has a \\\\ and a \\n in it.\n"
        odd += "# TYPE something_else histogram\n# UNIT something_else seconds\n"
        odd += #"something_else_bucket{le="0.5",path="C:\\dir\"x\"\nend"} 3 # {trace_id="oHg5SJYRHA0"} 0.34 1520879607.789"# + "\n"
        odd += #"something_else_bucket{le="+Inf"} 4"# + "\nsomething_else_sum NaN\nsomething_else_count 4 -1\n"
        odd += #"container_cpu_usage_seconds_total_created{container="c",namespace="n",pod="p"} 1.7e9"# + "\n"
        odd += #"container_oom_events_total{container="c",namespace="n",pod="p",} +Inf"# + "\n"
        for (index, line) in lines.enumerated() {
            // Blanks and tabs between the parts of a line mean nothing, and counters may have an exemplar.
            let isCounter = line.hasPrefix("container_cpu_usage_seconds_total{")
            odd += line.hasPrefix("#") ? "\(line)\n" : isCounter && index % 2 == 0 ? "\(line) # {span=\"a b\"} 1\n" : "\(line)\n"
        }
        return odd + "# EOF\n"
    }
}
