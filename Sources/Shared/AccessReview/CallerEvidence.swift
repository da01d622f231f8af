/// What a request shows of who sends it.
package struct CallerEvidence: Sendable {
    /// See ``BearerToken``.
    package var token: String?
    /// The client's certificate in DER, whose key the client has; who signed it is not known yet. nil if none was shown.
    package var certificate: [UInt8]?
    /// Certificates of authorities that the client showed beside its own, in DER; nobody has vouched for them.
    package var intermediates: [[UInt8]]
    /// In their order; names may come more than once. Without a certificate nobody asks for them.
    package var headers: [(name: String, value: String)]

    package init(
        token: String? = nil, certificate: [UInt8]? = nil, intermediates: [[UInt8]] = [], headers: [(name: String, value: String)] = []
    ) {
        (self.token, self.certificate, self.intermediates, self.headers) = (token, certificate, intermediates, headers)
    }
}
