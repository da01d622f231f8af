import DeltaStream
import FoundationEssentials
import MizzenSystem

/// What came of trying the kubelets of all nodes once.
struct Diagnosis: Sendable {
    struct Finding: Sendable, Codable {
        var node: String
        /// What the API server says of the node.
        var ready: Bool
        /// Where it was asked; nil if it has no address of a wanted type.
        var url: String?
        /// Nil for a node that is well.
        var fault: KubeletFault?
        var reason: String?
        var remedy: String?
        /// What keeps it not from being scraped, but may soon.
        var warnings: [String]
        var certificate: CertificateFacts?
        var milliseconds: Int
    }

    /// Sorted by name.
    var findings: [Finding]

    var isWell: Bool { findings.allSatisfy { $0.fault == nil } }

    /// - Parameters:
    ///   - limit: for all of them; a node that has not been tried by then has the fault of those that do not answer.
    ///   - expiryWarning: days.
    static func make(
        of nodes: [CatalogNode], with client: KubeletClient, atATime: Int, within limit: Duration, expiryWarning: Int
    ) async -> Diagnosis {
        let end = ContinuousClock.now + limit
        let findings = await withTaskGroup(of: Finding.self) { group in
            var rest = nodes[...]
            var found: [Finding] = []
            func begin() {
                guard let node = rest.popFirst() else { return }
                group.addTask {
                    guard ContinuousClock.now < end else { return untried(node, limit) }
                    return await examine(node, client, expiryWarning: expiryWarning)
                }
            }
            for _ in 0..<atATime { begin() }
            for await finding in group {
                found.append(finding)
                begin()
            }
            return found
        }
        return Diagnosis(findings: findings.sorted { $0.node < $1.node })
    }

    private static func untried(_ node: CatalogNode, _ limit: Duration) -> Finding {
        Finding(
            node: node.name, ready: node.isReady, fault: .timeout, reason: "not tried within \(limit)",
            remedy: "Give a longer --time-limit or a larger --at-a-time, or name single nodes.", warnings: [], milliseconds: 0)
    }

    private static func examine(_ node: CatalogNode, _ client: KubeletClient, expiryWarning: Int) async -> Finding {
        let began = ContinuousClock.now
        let now = WallClock.nanoseconds()
        let outcome = await client.scrape(node, collector: "diagnose", now: now)
        var finding = Finding(
            node: node.name, ready: node.isReady, url: client.addressing.url(of: node)?.description, fault: outcome.failure?.fault,
            reason: outcome.failure?.description, remedy: outcome.failure?.fault.remedy, warnings: [], certificate: outcome.certificate,
            milliseconds: Int((ContinuousClock.now - began).nanoseconds / 1_000_000))
        if let certificate = outcome.certificate, finding.fault?.isOfCertificate != true {
            finding.warnings += warning(certificate, now / 1_000_000_000, days: expiryWarning).map { [$0] } ?? []
        }
        if outcome.malformedLines > 0 { finding.warnings.append("\(outcome.malformedLines) lines of its answer could not be read") }
        if let time = outcome.sample.usage?.cpuTime ?? outcome.sample.containers.lazy.compactMap(\.reading.cpuTime).first {
            finding.warnings += clockWarning(seconds: time / 1000 - now / 1_000_000_000).map { [$0] } ?? []
        }
        return finding
    }

    private static func warning(_ certificate: CertificateFacts, _ now: Int64, days: Int) -> String? {
        let left = certificate.notAfter - now
        guard left < Int64(days) * 86_400 else { return nil }
        if left < 0 { return "the certificate ended at \(text(certificate.notAfter)); nothing asks about that here, but others will" }
        return "the certificate ends in \(left / 86_400) days, at \(text(certificate.notAfter))"
    }

    /// Kubelets measure every 10 to 15 seconds; what lies further off is the clock.
    private static func clockWarning(seconds: Int64) -> String? {
        switch seconds {
        case 10...: "its measurements are dated \(seconds) s in the future: compare the clocks of the node and of this host"
        case ..<(-120): "its measurements are dated \(-seconds) s in the past: compare the clocks of the node and of this host"
        default: nil
        }
    }

    fileprivate static func text(_ seconds: Int64) -> String { CertificateCheck.text(Date(timeIntervalSince1970: Double(seconds))) }
}

// MARK: Forms

extension Diagnosis {
    private var faults: [(fault: KubeletFault, findings: [Finding])] {
        KubeletFault.allCases.compactMap { fault in
            let struck = findings.filter { $0.fault == fault }
            return struck.isEmpty ? nil : (fault, struck)
        }
    }

    /// A table of all nodes, then each fault with its remedy and what it is at each node, then warnings.
    var text: String {
        guard !findings.isEmpty else { return "There are no nodes to try.\n" }
        var text = TextTable(
            rows: [["NODE", "READY", "RESULT", "TIME", "CERTIFICATE ENDS", "URL"]]
                + findings.map { finding in
                    [
                        finding.node, finding.ready ? "yes" : "no", finding.fault?.rawValue ?? "ok", "\(finding.milliseconds) ms",
                        finding.certificate.map { Self.text($0.notAfter) } ?? "-", finding.url ?? "-",
                    ]
                }
        ).text
        for (fault, struck) in faults {
            text += "\n\(fault.rawValue) (\(struck.count) of \(findings.count) nodes)\n"
            for remedy in Set(struck.compactMap(\.remedy)).sorted() { text += "  \(remedy)\n" }
            for finding in struck {
                text += "  \(finding.node): \(finding.reason ?? "")\n"
                // Also where they are not the fault, names, times and issuer are what is asked for next.
                guard fault.isOfCertificate || fault == .tlsOther, let certificate = finding.certificate else { continue }
                text += "    names: \(certificate.names.isEmpty ? "none" : certificate.names.joined(separator: ", "))\n"
                text += "    subject: \(certificate.subject), issuer: \(certificate.issuer)\n"
                text += "    valid from \(Self.text(certificate.notBefore)) to \(Self.text(certificate.notAfter))\n"
                text += "    key: \(certificate.pin)\n"
            }
        }
        let warned = findings.filter { !$0.warnings.isEmpty }
        if !warned.isEmpty { text += "\nwarnings\n" }
        for finding in warned {
            for warning in finding.warnings { text += "  \(finding.node): \(warning)\n" }
        }
        let well = findings.count { $0.fault == nil }
        return text + "\n\(findings.count) nodes: \(well) well, \(findings.count - well) not\n"
    }

    private struct Report: Codable {
        var nodes: [Finding]
        var well: Int
        /// How many nodes have each fault.
        var faults: [String: Int]
    }

    /// Times are seconds since 1970-01-01 UTC.
    var json: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let report = Report(
            nodes: findings, well: findings.count { $0.fault == nil },
            faults: Dictionary(faults.map { ($0.fault.rawValue, $0.findings.count) }) { first, _ in first })
        // Nothing in it can fail to be encoded: texts, whole numbers and truth values.
        return (try? encoder.encode(report)).map { Array($0) + [UInt8(ascii: "\n")] } ?? []
    }
}
