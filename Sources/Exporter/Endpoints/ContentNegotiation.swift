/// What a scraper's Accept header asks for.
enum ContentNegotiation {
    /// The format to answer in, and its name. Who wants nothing that is known here gets text.
    static func format(accept: String?) -> (format: ExpositionFormat, contentType: String) {
        let text = (ExpositionFormat.text, "text/plain; version=0.0.4; charset=utf-8")
        guard let accept else { return text }
        let wanted = accept.split(separator: ",").map(MediaRange.init).filter { $0.quality > 0 }
        // Of equal wishes the one written first counts.
        let ranked = wanted.enumerated().sorted { ($1.element.quality, $0.offset) < ($0.element.quality, $1.offset) }
        for range in ranked.map(\.element) {
            switch range.type {
            case "application/vnd.google.protobuf":
                let form = (range.parameters["proto"], range.parameters["encoding"])
                // The older text stands for other encodings of it, as for kube-state-metrics.
                guard form == ("io.prometheus.client.metricfamily", "delimited") else { return text }
                return (.protobuf, "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited")
            case "text/plain":
                if range.parameters["version"] == nil || range.parameters["version"] == "0.0.4" { return text }
            case "application/openmetrics-text":
                let version = range.parameters["version"] ?? "0.0.1"
                guard version == "0.0.1" || version == "1.0.0" else { continue }
                return (.openMetrics, "application/openmetrics-text; version=\(version); charset=utf-8")
            default: continue
            }
        }
        return text
    }

    /// Whether an Accept-Encoding header allows gzip (RFC 9110, section 12.5.3); a `*` stands for codings that it does not name.
    static func acceptsGzip(_ header: String?) -> Bool {
        let ranges = (header ?? "").split(separator: ",").map(MediaRange.init)
        let named = ranges.last { $0.type == "gzip" || $0.type == "x-gzip" } ?? ranges.last { $0.type == "*" }
        return (named?.quality ?? 0) > 0
    }
}

/// One entry of an Accept or Accept-Encoding header (RFC 9110, section 12.5).
private struct MediaRange {
    var type: String
    var parameters: [String: String] = [:]
    var quality = 1.0

    init(_ text: Substring) {
        let parts = text.split(separator: ";").map { $0.lowercased().trimmed }
        type = parts.first ?? ""
        for part in parts.dropFirst() {
            let pair = part.split(separator: "=", maxSplits: 1).map { String($0).trimmed }
            guard pair.count == 2 else { continue }
            if pair[0] == "q" {
                quality = Double(pair[1]) ?? 0
            } else {
                parameters[pair[0]] = pair[1].filter { $0 != "\"" }
            }
        }
    }
}

extension String {
    /// Without blanks at both ends.
    var trimmed: String {
        var text = self[...]
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
