import Foundation
import Logging
import NIOSSL

/// What a request needs to show who it comes from.
struct ResolvedCredentials: Sendable {
    var headers: [(name: String, value: String)]
    /// nil for servers without TLS.
    var tls: TLSConfiguration?
    /// Changes with the token, so that a refused request knows whether trying again can help.
    var authorization: String?
    /// The client certificate, for the same reason.
    var identity: ClientIdentity?
}

/// Keeps credentials fresh: files are read again for each request (they are small, and requests are rare: a list or a
/// watch lasts minutes), exec plugins run again when their credential expires or is refused.
actor CredentialSource {
    private let configuration: ClientConfiguration
    private let logger: Logger
    private var lastToken: String?
    private var lastAuthorities: [UInt8]?
    private var lastIdentity: ClientIdentity?
    private var tls: TLSConfiguration?
    private var execCredential: ExecCredential?
    private var execRun: Task<Result<ExecCredential, CredentialError>, Never>?

    init(_ configuration: ClientConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    func current() async throws(CredentialError) -> ResolvedCredentials {
        let exec = try await currentExec()
        let authorization = try authorization(exec)
        var headers = configuration.user.impersonation
        if let authorization { headers.append(("Authorization", authorization)) }
        let tls = configuration.server.isSecure ? try currentTLS(exec) : nil
        return ResolvedCredentials(headers: headers, tls: tls, authorization: authorization, identity: lastIdentity)
    }

    /// The server answered 401 to `used`. Returns other credentials to try once, or nil when there are none.
    func replacement(for used: ResolvedCredentials) async throws(CredentialError) -> ResolvedCredentials? {
        // Two requests refused together: the second must not throw away what the first fetched anew.
        if configuration.user.exec != nil, try authorization(execCredential) == used.authorization {
            execCredential = nil
        }
        let fresh = try await current()
        let hasNewToken = fresh.authorization != used.authorization
        let hasNewExecIdentity = configuration.user.exec != nil && fresh.authorization == nil
        return hasNewToken || hasNewExecIdentity || fresh.identity != used.identity ? fresh : nil
    }

    private func authorization(_ exec: ExecCredential?) throws(CredentialError) -> String? {
        switch configuration.user.token {
        case .literal(let token): return "Bearer \(token)"
        case .file(let path, let initial, let place):
            do throws(CredentialError) {
                lastToken = try readToken(path: path, place: place)
            } catch {
                guard let known = lastToken ?? initial else { throw error }
                logger.warning("the token file cannot be read, going on with the last token", metadata: ["error": "\(error)"])
                return "Bearer \(known)"
            }
            return lastToken.map { "Bearer \($0)" }
        case nil: break
        }
        if let basic = configuration.user.basic {
            return "Basic \(Data("\(basic.username):\(basic.password)".utf8).base64EncodedString())"
        }
        return exec?.token.map { "Bearer \($0)" }
    }

    private func currentExec() async throws(CredentialError) -> ExecCredential? {
        guard let plugin = configuration.user.exec else { return nil }
        if let execCredential, execCredential.expiration.map({ $0 > Date.now }) ?? true { return execCredential }
        let run =
            execRun
            ?? Task {
                do throws(CredentialError) { return .success(try await plugin.run()) } catch { return .failure(error) }
            }
        execRun = run
        let result = await run.value
        execRun = nil
        let credential = try result.get()
        execCredential = credential
        return credential
    }

    private func currentTLS(_ exec: ExecCredential?) throws(CredentialError) -> TLSConfiguration {
        var authorities: [UInt8]?
        if case .authorities(let source) = configuration.trust {
            authorities = try fresh(source, last: lastAuthorities)
        }
        var identity: ClientIdentity?
        if let certificate = exec?.certificate ?? configuration.user.certificate,
            let key = exec?.key ?? configuration.user.key
        {
            identity = ClientIdentity(
                certificate: try fresh(certificate, last: lastIdentity?.certificate),
                key: try fresh(key, last: lastIdentity?.key))
        }
        if let tls, authorities == lastAuthorities, identity == lastIdentity { return tls }
        do throws(CredentialError) {
            let made = try TLSConfiguration.client(
                trust: configuration.trust, authorities: authorities, identity: identity, user: configuration.user,
                exec: exec)
            (tls, lastAuthorities, lastIdentity) = (made, authorities, identity)
            return made
        } catch {
            // Certificate and key are replaced one after the other; in between they do not match.
            guard let tls else { throw error }
            logger.warning("certificates cannot be used, going on with the last ones", metadata: ["error": "\(error)"])
            return tls
        }
    }

    private func fresh(_ source: PEMSource, last: [UInt8]?) throws(CredentialError) -> [UInt8] {
        do throws(CredentialError) {
            return try source.read()
        } catch {
            guard let last else { throw error }
            return last
        }
    }
}
