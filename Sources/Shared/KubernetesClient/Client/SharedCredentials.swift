public import Logging
public import NIOSSL

/// The credentials of a configuration, kept fresh, for servers of the cluster other than its API server: kubelets know
/// the same users and are trusted by the same authorities.
public struct SharedCredentials: Sendable {
    private let source: CredentialSource

    public init(_ configuration: ClientConfiguration, logger: Logger) {
        source = CredentialSource(configuration, logger: logger)
    }

    /// The whole `Authorization` header, if there is one, and the TLS settings, nil if the API server is reached without TLS.
    public func current() async throws(CredentialError) -> (authorization: String?, tls: TLSConfiguration?) {
        let credentials = try await source.current()
        return (credentials.authorization, credentials.tls)
    }
}
