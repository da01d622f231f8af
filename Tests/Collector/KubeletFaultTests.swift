import Foundation
import Glibc
import NIOCore
import NIOHTTP1
import NIOSSL
import Testing

@testable import Collector

@Suite("Faults of kubelets")
struct KubeletFaultTests {
    @Test("the page for operators explains each, and no other")
    func documented() throws {
        let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "docs/operations.md")
        let text = try String(contentsOf: path, encoding: .utf8)
        let section = try #require(
            text.components(separatedBy: "## Nodes that cannot be scraped\n").last?.components(separatedBy: "\n## ").first)
        let rows = section.split(separator: "\n").filter { $0.hasPrefix("| `") }.dropFirst()
        let named = rows.flatMap { row in row.split(separator: "|")[0].matches(of: /`([^`]+)`/).map { String($0.1) } }
        #expect(Set(named) == Set(KubeletFault.allCases.map(\.rawValue)) && named.count == KubeletFault.allCases.count)
    }

    @Test("each has a remedy of its own, in sentences")
    func remedies() {
        for fault in KubeletFault.allCases { #expect(fault.remedy.hasSuffix(".") && fault.remedy.first?.isUppercase == true, "\(fault)") }
        // Only the two kinds of answers that say nothing have the same.
        #expect(Set(KubeletFault.allCases.map(\.remedy)).count == KubeletFault.allCases.count - 1)
    }

    @Test(
        "what the system says of a connection",
        arguments: [
            (ECONNREFUSED, KubeletFault.refused), (EHOSTUNREACH, .unreachable), (ENETUNREACH, .unreachable), (EACCES, .unreachable),
            (ETIMEDOUT, .timeout), (ECONNRESET, .closed), (EPIPE, .closed), (EMFILE, .openFiles), (EIO, .other),
        ])
    func systemErrors(code: Int32, fault: KubeletFault) {
        let failure = ScrapeFailure(IOError(errnoCode: code, reason: "connect"))
        #expect(failure.fault == fault && !failure.description.contains("errno") && !failure.description.isEmpty)
    }

    @Test("what the libraries say")
    func libraryErrors() {
        #expect(ScrapeFailure(ChannelError.connectTimeout(.seconds(1))).fault == .timeout)
        #expect(ScrapeFailure(ChannelError.ioOnClosedChannel).fault == .closed)
        #expect(ScrapeFailure(NIOSSLError.uncleanShutdown).fault == .closed)
        #expect(ScrapeFailure(HTTPParserError.invalidEOFState).fault == .closed)
        #expect(ScrapeFailure(HTTPParserError.invalidVersion).fault == .badBody)
        #expect(ScrapeFailure(ResourceMetricsParser.Failure.tooLarge(limit: 5)).description == "the kubelet answered more than 5 bytes")
        let known = ScrapeFailure(.tlsPin, "x")
        #expect(ScrapeFailure(known) == known)
    }

    @Test(
        "statuses",
        arguments: [
            (401, KubeletFault.unauthorized), (403, .forbidden), (404, .notFound), (429, .tooManyRequests), (500, .serverError),
            (599, .serverError), (301, .otherStatus), (204, .otherStatus), (418, .otherStatus),
        ])
    func statuses(status: Int, fault: KubeletFault) { #expect(KubeletFault(status: status) == fault) }

    @Test(
        "what an annotation says about the path ends neither the request's line nor its headers",
        arguments: [
            ("/x y\r\nHost: z", "/x%20y%0D%0AHost:%20z"), ("a?b=c", "/a?b=c"), ("/ä\u{0}", "/%C3%A4%00"), ("/%41", "/%41"),
        ])
    func path(annotation: String, path: String) {
        let node = CatalogNode(
            uid: "u", name: "n", labels: [:], addresses: [.init(type: "InternalIP", address: "::1")], kubeletPort: 0,
            metricsPath: annotation, isReady: true)
        let url = KubeletAddressing(preferredTypes: ["InternalIP"], port: 10250, usesNodeStatusPort: false, isEncrypted: true).url(of: node)
        #expect(url?.path == path && url?.description == "https://[::1]:10250\(path)")
    }
}
