import AsyncHTTPClient
import DeltaStream
import KubernetesClient
import KubernetesObjects
import NIOCore
import NIOHTTP1
import NIOSSL

/// How kubelets are reached.
struct KubeletAddressing: Sendable {
    /// Address types in order of preference: `InternalIP`, `Hostname`, ….
    var preferredTypes: [String]
    var port: Int
    var usesNodeStatusPort: Bool
    /// `https`, or `http` where the operator gave up on encryption.
    var scheme: String

    private static let metricsPath = "/metrics/resource"

    /// Where to scrape; nil if the node has no address of a wanted type.
    func url(of node: CatalogNode) -> String? { base(of: node).map { $0 + Self.path(of: node) } }

    /// Where the kubelet says more: beside its metrics, where the node has them at another place than usual.
    func summaryURL(of node: CatalogNode) -> String? {
        let path = Self.path(of: node)
        let folder = path.hasSuffix(Self.metricsPath) ? path.dropLast(Self.metricsPath.count) : ""
        return base(of: node).map { "\($0)\(folder)/stats/summary" }
    }

    private static func path(of node: CatalogNode) -> String {
        let path = node.metricsPath ?? metricsPath
        return path.hasPrefix("/") ? path : "/" + path
    }

    private func base(of node: CatalogNode) -> String? {
        for type in preferredTypes {
            guard let address = node.addresses.first(where: { $0.type == type })?.address else { continue }
            let host = address.contains(":") ? "[\(address)]" : address
            let port = usesNodeStatusPort && node.kubeletPort != 0 ? node.kubeletPort : port
            return "\(scheme)://\(host):\(port)"
        }
        return nil
    }
}

/// What a scrape shows to a kubelet.
struct KubeletCredentials: Sendable {
    /// The whole `Authorization` header.
    var authorization: String?
    /// Nil for plain HTTP.
    var tls: TLSConfiguration?
}

/// Why a node could not be scraped; the text goes into samples and logs.
struct ScrapeFailure: Error, CustomStringConvertible {
    var description: String
}

/// Scrapes one kubelet at a time over connections that are kept between scrapes.
struct KubeletClient: Sendable {
    let http: HTTPClient
    let addressing: KubeletAddressing
    /// For the whole exchange.
    let timeout: Duration
    /// Whether the connection to a node's kubelet is kept for the next scrape.
    var keepsConnection: @Sendable (CatalogNode) -> Bool = { _ in true }
    /// What to show the kubelet, asked for at every scrape because tokens and certificates rotate.
    let credentials: @Sendable () async throws -> KubeletCredentials

    /// One scrape. Never throws: a failure is a sample too, with the reason.
    func scrape(_ node: CatalogNode, collector: String, now: Int64) async -> ScrapeOutcome {
        do {
            let parser = try await read(node, now: now)
            let usage: Reading? = parser.node == Reading() ? nil : parser.node
            let sample = NodeSample(
                node: node.name, collector: collector, scrapedAt: now, failure: nil, usage: usage,
                containers: parser.containers, pods: parser.pods)
            return ScrapeOutcome(sample: sample, bytes: parser.bytesSeen, malformedLines: parser.malformedLines)
        } catch {
            let sample = NodeSample(
                node: node.name, collector: collector, scrapedAt: now, failure: Self.reason(error), usage: nil,
                containers: [], pods: [])
            return ScrapeOutcome(sample: sample, bytes: 0, malformedLines: 0)
        }
    }

    /// What the kubelet says beyond its metrics. Never throws: the summary says why there is none.
    func summary(of node: CatalogNode, within timeout: Duration) async -> SummaryOutcome {
        do {
            let url = try place(of: node, addressing.summaryURL(of: node))
            let response = try await get(url, accept: "application/json", within: timeout, isKept: keepsConnection(node))
            try await Self.check(response, url, remedy: response.status == .forbidden ? "; allow this collector to get nodes/stats" : "")
            var body: [UInt8] = []
            for try await part in response.body {
                guard body.count + part.readableBytes <= SummaryParser.bodyLimit else {
                    throw ResourceMetricsParser.Failure.tooLarge(limit: SummaryParser.bodyLimit)
                }
                body.append(contentsOf: part.readableBytesUInt8Span)
            }
            do throws(ObjectDecodingError) {
                let parser = try SummaryParser(body)
                return SummaryOutcome(summary: parser.summary, bytes: body.count, badValues: parser.badValues)
            } catch {
                throw ScrapeFailure(description: "\(url) answered what is no summary: \(error)")
            }
        } catch {
            return SummaryOutcome(summary: NodeSummary(failure: Self.reason(error)), bytes: 0, badValues: 0)
        }
    }

    private func read(_ node: CatalogNode, now: Int64) async throws -> ResourceMetricsParser {
        let url = try place(of: node, addressing.url(of: node))
        let response = try await get(url, accept: "text/plain;version=0.0.4", within: timeout, isKept: keepsConnection(node))
        try await Self.check(response, url)
        var parser = ResourceMetricsParser(defaultTime: now / 1_000_000)
        for try await part in response.body { try parser.consume(part.readableBytesUInt8Span) }
        parser.finish()
        if parser.node == Reading(), parser.containers.isEmpty, parser.bytesSeen > 0 {
            throw ScrapeFailure(description: "\(url) answered without any resource metric")
        }
        return parser
    }

    private func place(of node: CatalogNode, _ url: String?) throws(ScrapeFailure) -> String {
        if let url { return url }
        throw ScrapeFailure(
            description: "the node has no address of the types \(addressing.preferredTypes.joined(separator: ","))")
    }

    private func get(_ url: String, accept: String, within timeout: Duration, isKept: Bool) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: url)
        if !isKept { request.headers.add(name: "connection", value: "close") }
        request.headers.add(name: "accept", value: accept)
        let credentials = try await credentials()
        if let authorization = credentials.authorization {
            request.headers.add(name: "authorization", value: authorization)
        }
        request.tlsConfiguration = credentials.tls
        return try await http.execute(request, timeout: TimeAmount(timeout))
    }

    private static func check(_ response: HTTPClientResponse, _ url: String, remedy: String = "") async throws(ScrapeFailure) {
        guard response.status != .ok else { return }
        // A connection whose answer is not read to its end is closed, and the next request begins with a handshake.
        _ = try? await response.body.collect(upTo: 16 << 10)
        throw ScrapeFailure(description: "\(url) answered \(response.status.code) \(response.status.reasonPhrase)\(remedy)")
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let failure as ScrapeFailure: failure.description
        case let error as HTTPClientError
        where error == .deadlineExceeded || error == .connectTimeout || error == .readTimeout:
            "the kubelet did not answer in time"
        case ResourceMetricsParser.Failure.tooLarge(let limit): "the kubelet answered more than \(limit) bytes"
        default: HTTPClientErrorText.words(error) ?? "\(error)"
        }
    }
}

struct ScrapeOutcome: Sendable {
    var sample: NodeSample
    var bytes: Int
    var malformedLines: Int
}

struct SummaryOutcome: Sendable {
    var summary: NodeSummary
    var bytes: Int
    var badValues: Int
}
