@testable import Exporter

extension FuzzTarget {
    /// The input is a scraper's Accept header, a line end, and its Accept-Encoding. There is always an answer, its name is that of its format,
    /// and neither the case of letters nor something unknown in front changes it.
    static let scrapeHeaders = FuzzTarget(name: "scrape-headers", longestInput: 500) { input throws(PropertyFailure) in
        let lines = input.split(separator: UInt8(ascii: "\n"), maxSplits: 1, omittingEmptySubsequences: false)
        let accept = String(decoding: lines[0], as: UTF8.self)
        let (format, type) = ContentNegotiation.format(accept: accept)
        let beginning =
            switch format {
            case .text: "text/plain; version=0.0.4"
            case .openMetrics: "application/openmetrics-text; version="
            case .protobuf: "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily"
            }
        try expect(type.hasPrefix(beginning), "\(format) is called \(type)")
        for same in [accept.uppercased().lowercased(), "unknown/unknown,\(accept)"] where accept.utf8.allSatisfy({ $0 < 0x80 }) {
            try expect(ContentNegotiation.format(accept: same) == (format, type), "\(same) is answered with another format than \(accept)")
        }
        guard lines.count == 2 else { return }
        let encodings = String(decoding: lines[1], as: UTF8.self)
        let isCompressed = ContentNegotiation.acceptsGzip(encodings)
        try expect(
            !isCompressed || encodings.lowercased().contains("gzip") || encodings.contains("*"), "\(encodings) is answered with gzip")
        try expect(!ContentNegotiation.acceptsGzip("\(encodings),gzip;q=0"), "gzip;q=0 at the end is answered with gzip")
    }
}
