import Foundation
import Logging
import ProcessRuntime
import TestSupport

@testable import Collector

extension FuzzTarget {
    /// The input is a file for `--kubelet-node-trust`. It is refused as a whole with words that name it; or each node has exactly the keys that
    /// its lines name, a fault where a line of its names a file that is not there, and nobody has anything of whom no line speaks.
    static let nodeTrust = FuzzTarget(name: "node-trust", longestInput: 2048) { input throws(PropertyFailure) in
        guard let folder = try? TemporaryFolder(), (try? folder.write(input, to: "trust")) != nil else { return }
        let trust: NodeTrust
        do throws(ProcessError) {
            trust = try NodeTrust(folder.path("trust"), logger: Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() })
        } catch {
            return try expect(
                error.code == ExitStatus.configuration && error.description.contains(folder.path("trust")), "refused with \(error)")
        }
        let lines = String(decoding: input, as: UTF8.self).split(whereSeparator: \.isNewline).compactMap { line -> (String, String)? in
            let words = line.split(whereSeparator: \.isWhitespace)
            guard let first = words.first, !first.hasPrefix("#") else { return nil }
            return (String(first), words.count == 2 ? String(words[1]) : "")
        }
        try expect(lines.allSatisfy { !$0.1.isEmpty }, "a line without two words is taken")
        for node in Set(lines.map(\.0) + ["node-9", "", ".", "..", "a/b"]) {
            let said = lines.filter { $0.0 == node }.map(\.1)
            let isName = !node.isEmpty && !node.hasPrefix(".") && !node.contains("/") && !node.utf8.contains(0)
            let found: CertificateTrust?
            do throws(ScrapeFailure) {
                found = try trust.trust(of: node)
            } catch {
                // No file that an input names is one with certificates.
                try expect(isName && !said.allSatisfy { $0.hasPrefix("sha256") } && error.fault == .credentials, "\(node): \(error)")
                continue
            }
            guard isName, !said.isEmpty else {
                try expect(found == nil, "\(node) has something of which no line speaks")
                continue
            }
            let keys = Set(said.compactMap { CertificateCheck.pin($0) })
            try expect(said.allSatisfy { CertificateCheck.pin($0) != nil } && found?.pins == keys, "\(node) has \(found as Any)")
            if case .anyone? = found?.authorities {} else { throw PropertyFailure("\(node) has authorities") }
        }
    }
}
