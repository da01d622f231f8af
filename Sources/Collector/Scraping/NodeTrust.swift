import Logging
import MizzenSystem
import NIOSSL
import ProcessRuntime
import SwiftASN1
import Synchronization
import X509

/// `--kubelet-node-trust`: what is asked of the certificates of single nodes in place of what is asked of all.
///
/// A folder has for node `NAME` the files `NAME.pem` (or `NAME.crt`) with authorities, and `NAME.pin` with keys, a line each; a Secret or a
/// ConfigMap that is mounted is such a folder. A file has lines: the node's name, a blank, and a key or the path of a file with authorities.
/// Keys are written as curl's `--pinnedpubkey` has them, `sha256//` and base64 of the SHA-256 of the SubjectPublicKeyInfo. What begins with `#`
/// is a comment.
///
/// A node's files are looked at with each of its scrapes, so that one that is added, renewed or taken away counts from then on. An entry that
/// cannot be read is a fault of its node until it can: to ask nothing of it, or what is asked of others, would be the opposite of what its
/// author wanted.
final class NodeTrust: Sendable {
    private struct Entry: Sendable {
        var seen: [RegularFile.Identity?]
        var result: Result<CertificateTrust?, ScrapeFailure>
    }

    private struct State: Sendable {
        var entries: [String: Entry] = [:]
        /// Of the file whose lines the entries were made of.
        var generation = 0
    }

    private static let sizeLimit = 16 << 20

    private let path: String
    /// A file's lines, by node; nil for a folder.
    private let lines: RenewedFiles<[String: [String]]>?
    private let state = Mutex(State())

    /// - Throws: code 78 for a path where nothing is that can be read, and for a line of a file that says nothing.
    init(_ path: String, logger: Logger) throws(ProcessError) {
        self.path = path
        let place = "--kubelet-node-trust \(path)"
        do throws(RegularFile.Fault) {
            _ = try RegularFile.identity(path)
        } catch .notRegular {
            lines = nil
            return
        } catch {
            throw ProcessError(code: ExitStatus.configuration, message: "cannot be read: \(error)", place: place)
        }
        lines = try RenewedFiles([path], what: "what is asked of single nodes", logger: logger) { () throws(ProcessError) in
            do throws(ScrapeFailure) {
                return try Self.lines(path)
            } catch {
                throw ProcessError(code: ExitStatus.configuration, message: error.description, place: place)
            }
        }
    }

    /// - Returns: nil where nothing of its own is asked of this node.
    /// - Throws: for an entry that cannot be read.
    func trust(of node: String) throws(ScrapeFailure) -> CertificateTrust? {
        // No name of a node is a path or a hidden file (RFC 1123 subdomains).
        guard !node.isEmpty, !node.hasPrefix("."), !node.contains("/"), !node.utf8.contains(0) else { return nil }
        return try state.withLock { state throws(ScrapeFailure) in
            var values: [String] = []
            if let (lines, generation) = lines?.current {
                values = lines[node] ?? []
                if generation != state.generation { state = State(generation: generation) }
                if values.isEmpty { return nil }
            }
            let files =
                lines == nil
                ? ["\(path)/\(node).pem", "\(path)/\(node).crt", "\(path)/\(node).pin"] : values.filter { !$0.hasPrefix("sha256") }
            let seen = files.map { try? RegularFile.identity($0) }
            if let entry = state.entries[node], entry.seen == seen { return try entry.result.get() }
            let result = Result { () throws(ScrapeFailure) in try lines == nil ? folderTrust(files) : lineTrust(values) }
            // Nodes without files are many, and those that have left the cluster are more.
            state.entries[node] = if case .success(nil) = result { nil } else { Entry(seen: seen, result: result) }
            return try result.get()
        }
    }

    private func folderTrust(_ files: [String]) throws(ScrapeFailure) -> CertificateTrust? {
        var authorities: [Certificate] = []
        for file in files.prefix(2) {
            if let bytes = try Self.read(file) { authorities += try Self.certificates(bytes, file) }
        }
        var pins: Set<[UInt8]> = []
        if let bytes = try Self.read(files[2]) {
            for line in Self.lines(bytes) { pins.insert(try Self.pin(line, files[2])) }
            if pins.isEmpty { throw Self.fault(files[2], "holds no key; write sha256// and base64, or remove the file") }
        }
        return trust(authorities, pins)
    }

    private func lineTrust(_ values: [String]) throws(ScrapeFailure) -> CertificateTrust? {
        var authorities: [Certificate] = []
        var pins: Set<[UInt8]> = []
        for value in values {
            if value.hasPrefix("sha256") {
                pins.insert(try Self.pin(value, path))
            } else if let bytes = try Self.read(value) {
                authorities += try Self.certificates(bytes, value)
            } else {
                throw Self.fault(value, "does not exist")
            }
        }
        return trust(authorities, pins)
    }

    private func trust(_ authorities: [Certificate], _ pins: Set<[UInt8]>) -> CertificateTrust? {
        if authorities.isEmpty, pins.isEmpty { return nil }
        return CertificateTrust(
            authorities: authorities.isEmpty ? .anyone : .these(authorities), pins: pins, generation: Generations.next())
    }

    private static func lines(_ path: String) throws(ScrapeFailure) -> [String: [String]] {
        guard let bytes = try read(path) else { throw fault(path, "does not exist any more") }
        var lines: [String: [String]] = [:]
        for line in Self.lines(bytes) {
            let words = line.split(separator: " ")
            guard words.count == 2 else { throw fault(path, "has a line that is not a node's name and a key or a file: '\(line)'") }
            // Also found out at once, not when the node is scraped.
            if words[1].hasPrefix("sha256") { _ = try pin(String(words[1]), path) }
            lines[String(words[0]), default: []].append(String(words[1]))
        }
        return lines
    }

    private static func lines(_ bytes: [UInt8]) -> [String] {
        String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).map { line in
            let words = line.split(whereSeparator: \.isWhitespace)
            return words.joined(separator: " ")
        }.filter { !$0.isEmpty && !$0.hasPrefix("#") }
    }

    private static func pin(_ text: String, _ file: String) throws(ScrapeFailure) -> [UInt8] {
        if let pin = CertificateCheck.pin(text) { return pin }
        throw fault(file, "has '\(text)' for a key; write sha256// and the base64 of 32 bytes")
    }

    /// - Returns: nil for a file that is not there.
    private static func read(_ file: String) throws(ScrapeFailure) -> [UInt8]? {
        do throws(RegularFile.Fault) {
            return try RegularFile.read(file, limit: sizeLimit).bytes
        } catch {
            if error.isMissing { return nil }
            throw fault(file, "cannot be read: \(error)")
        }
    }

    private static func certificates(_ bytes: [UInt8], _ file: String) throws(ScrapeFailure) -> [Certificate] {
        if let certificates = try? AuthorityList.certificates(bytes), !certificates.isEmpty { return certificates }
        throw fault(file, "holds no certificate in PEM that can be read")
    }

    private static func fault(_ file: String, _ text: String) -> ScrapeFailure { ScrapeFailure(.credentials, "\(file) \(text)") }
}

/// Authorities as files and the library for TLS have them.
enum AuthorityList {
    /// - Throws: for what is no PEM, and where one of the certificates cannot be read.
    static func certificates(_ pem: [UInt8]) throws -> [Certificate] { try certificates(NIOSSLCertificate.fromPEMBytes(pem)) }

    /// Those that can be read: of the API server's authorities one that is odd may be of no use to kubelets, and the others are.
    static func readable(_ certificates: [NIOSSLCertificate]) -> [Certificate] {
        certificates.compactMap { try? Certificate(derEncoded: $0.toDERBytes()) }
    }

    static func certificates(_ certificates: [NIOSSLCertificate]) throws -> [Certificate] {
        try certificates.map { try Certificate(derEncoded: $0.toDERBytes()) }
    }
}
