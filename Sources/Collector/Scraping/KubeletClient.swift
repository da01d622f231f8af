import DeltaStream
import KubernetesObjects
import NIOCore
import NIOHTTP1
import Synchronization

/// What a scrape shows to a kubelet, and whom it believes.
struct KubeletCredentials: Sendable {
    /// The whole `Authorization` header.
    var authorization: String?
    /// Nil for plain HTTP.
    var encryption: KubeletEncryption?
}

/// Scrapes one kubelet at a time over connections that are kept between scrapes.
struct KubeletClient: Sendable {
    let connections: KubeletConnections
    let addressing: KubeletAddressing
    /// For the whole exchange.
    let timeout: Duration
    /// Whether the connection to a node's kubelet is kept for the next scrape.
    var keepsConnection: @Sendable (CatalogNode) -> Bool = { _ in true }
    /// What to show the node's kubelet, asked for at every scrape because tokens and certificates rotate.
    let credentials: @Sendable (CatalogNode) async throws -> KubeletCredentials
    var memory = SeriesMemory()

    /// One scrape. Never throws: a failure is a sample too, with the reason.
    func scrape(_ node: CatalogNode, collector: String, now: Int64) async -> ScrapeOutcome {
        do {
            let (parser, certificate) = try await read(node, now: now)
            let usage: Reading? = parser.node == Reading() ? nil : parser.node
            let sample = NodeSample(
                node: node.name, collector: collector, scrapedAt: now, failure: nil, usage: usage,
                containers: parser.containers, pods: parser.pods)
            return ScrapeOutcome(
                sample: sample, bytes: parser.bytesSeen, malformedLines: parser.malformedLines, certificate: certificate)
        } catch {
            let failure = ScrapeFailure(error)
            let sample = NodeSample(
                node: node.name, collector: collector, scrapedAt: now, failure: failure.description, usage: nil,
                containers: [], pods: [])
            return ScrapeOutcome(sample: sample, failure: failure, bytes: 0, malformedLines: 0, certificate: failure.certificate)
        }
    }

    /// What the kubelet says beyond its metrics. Never throws: the summary says why there is none.
    func summary(of node: CatalogNode, within timeout: Duration) async -> SummaryOutcome {
        do {
            let url = try place(of: node, addressing.summaryURL(of: node))
            let received = Mutex<[UInt8]>([])
            _ = try await get(
                url, of: node, accept: "application/json", within: timeout, limit: SummaryParser.bodyLimit,
                toForbidden: "; allow this collector to get nodes/stats"
            ) { part in
                try received.withLock { body in
                    guard body.count + part.readableBytes <= SummaryParser.bodyLimit else {
                        throw ResourceMetricsParser.Failure.tooLarge(limit: SummaryParser.bodyLimit)
                    }
                    body.append(contentsOf: part.readableBytesUInt8Span)
                }
            }
            let body = received.withLock { $0 }
            do throws(ObjectDecodingError) {
                let parser = try SummaryParser(body)
                return SummaryOutcome(summary: parser.summary, bytes: body.count, badValues: parser.badValues)
            } catch {
                throw ScrapeFailure(.badBody, "\(url) answered what is no summary: \(error)")
            }
        } catch {
            let failure = ScrapeFailure(error)
            return SummaryOutcome(summary: NodeSummary(failure: failure.description), failure: failure, bytes: 0, badValues: 0)
        }
    }

    private func read(_ node: CatalogNode, now: Int64) async throws -> (ResourceMetricsParser, CertificateFacts?) {
        let url = try place(of: node, addressing.url(of: node))
        // Read where it arrives: on the connection's thread, piece by piece, without a copy of the whole.
        let reading = Mutex(ResourceMetricsParser(defaultTime: now / 1_000_000, known: memory.take(node.name)))
        let certificate = try await get(
            url, of: node, accept: "text/plain;version=0.0.4", within: timeout, limit: ResourceMetricsParser.bodyLimit
        ) { part in
            try reading.withLock { try $0.consume(part.readableBytesUInt8Span) }
        }
        var parser = reading.withLock { $0 }
        parser.finish()
        memory.keep(parser.known, of: node.name)
        if parser.node == Reading(), parser.containers.isEmpty, parser.bytesSeen > 0 {
            throw ScrapeFailure(.badBody, "\(url) answered without any resource metric", certificate: certificate)
        }
        return (parser, certificate)
    }

    private func place(of node: CatalogNode, _ url: KubeletURL?) throws(ScrapeFailure) -> KubeletURL {
        if let url { return url }
        throw ScrapeFailure(
            .noAddress, "the node has no address of the types \(addressing.preferredTypes.joined(separator: ","))")
    }

    /// - Parameter toForbidden: more about a refusal with 403.
    /// - Returns: what the kubelet showed.
    private func get(
        _ url: KubeletURL, of node: CatalogNode, accept: String, within timeout: Duration, limit: Int, toForbidden: String = "",
        take: @escaping @Sendable (ByteBuffer) throws -> Void
    ) async throws -> CertificateFacts? {
        let credentials: KubeletCredentials
        do {
            credentials = try await self.credentials(node)
        } catch {
            if Task.isCancelled { throw error }
            throw error as? ScrapeFailure ?? ScrapeFailure(.credentials, "\(error)")
        }
        var headers: HTTPHeaders = ["accept": accept]
        if let authorization = credentials.authorization { headers.add(name: "authorization", value: authorization) }
        if !keepsConnection(node) { headers.add(name: "connection", value: "close") }
        let (status, certificate) = try await connections.get(
            url, of: node, headers: headers, credentials.encryption, within: timeout, limit: limit, take: take)
        guard status != .ok else { return certificate }
        throw ScrapeFailure(
            KubeletFault(status: Int(status.code)),
            "\(url) answered \(status.code) \(status.reasonPhrase)\(status == .forbidden ? toForbidden : "")", certificate: certificate)
    }
}

struct ScrapeOutcome: Sendable {
    var sample: NodeSample
    var failure: ScrapeFailure?
    var bytes: Int
    var malformedLines: Int
    /// What the kubelet showed.
    var certificate: CertificateFacts?
}

struct SummaryOutcome: Sendable {
    var summary: NodeSummary
    var failure: ScrapeFailure?
    var bytes: Int
    var badValues: Int
}
