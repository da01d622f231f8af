import NIOSSL
import ProcessRuntime

@testable import Collector

extension FuzzTarget {
    /// The input is a certificate to serve with in PEM, an octet 0, and its key; or, without one, a value of `--tls-sni-cert-key`.
    ///
    /// Files are taken or refused with words that name the place, twice alike, and whatever is taken can be served with. A value that is taken
    /// has two files and names, if it has any, and says the same when it is written anew.
    static let servingCertificate = FuzzTarget(name: "serving-certificate", longestInput: 4096) { input throws(PropertyFailure) in
        let parts = input.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return try checkNamed(String(decoding: input, as: UTF8.self)) }
        let (certificate, key) = (Array(parts[0]), Array(parts[1]))
        let first = isServable(certificate, key)
        try expect(first == isServable(certificate, key), "read twice, and not alike")
        if first == nil { try expect(String(decoding: key, as: UTF8.self).contains("PRIVATE KEY"), "served without a key") }
    }

    /// - Returns: why it is refused; nil where it is taken.
    private static func isServable(_ certificate: [UInt8], _ key: [UInt8]) -> String? {
        do throws(ProcessError) {
            let tls = try ServingCertificate.configuration(certificate: certificate, key: key, place: "here")
            _ = NamedCertificates.names(of: tls)
            return (try? NIOSSLContext(configuration: tls)) == nil ? "taken, and of no use" : nil
        } catch {
            return error.code == ExitStatus.configuration && error.description.contains("here")
                ? error.description : "without a place: \(error)"
        }
    }

    private static func checkNamed(_ text: String) throws(PropertyFailure) {
        guard let files = try? NamedCertificateFiles(text) else { return }
        try expect(!files.certificate.isEmpty && !files.key.isEmpty && !files.names.contains(""), "\(files)")
        let names = files.names.isEmpty ? "" : ":" + files.names.joined(separator: ",")
        let again = try? NamedCertificateFiles("\(files.certificate),\(files.key)\(names)")
        try expect(again == files, "\(files) is read again as \(again as Any)")
    }
}
