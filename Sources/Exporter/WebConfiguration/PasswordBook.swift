import Dispatch
import FoundationEssentials
import Synchronization

/// Says whether a request's name and password are known (RFC 7617).
///
/// Hashing takes long by design: one password at a time, on a thread of its own, so that neither scrapes nor connections wait for it. What
/// came out is remembered, so that a scraper's password is hashed once.
final class PasswordBook: Sendable {
    private struct Attempt: Hashable, Sendable {
        var user: String
        var hash: PasswordHash
        var password: [UInt8]
    }

    /// So many attempts are remembered; further ones take the place of others.
    private static let limit = 100

    private let queue = DispatchQueue(label: "passwords")
    private let known = Mutex<[Attempt: Bool]>([:])

    /// - Parameters:
    ///   - authorization: the header of that name.
    ///   - users: not empty.
    func admits(_ authorization: String?, users: [String: PasswordHash]) async -> Bool {
        guard let (user, password) = Self.credentials(authorization) else { return false }
        // A user who is unknown takes as long as one who is not.
        guard let hash = users[user] ?? users.min(by: { $0.key < $1.key })?.value else { return false }
        let isKnown = users[user] != nil
        let attempt = Attempt(user: user, hash: hash, password: password)
        if let held = known.withLock({ $0[attempt] }) { return held && isKnown }
        let matches = await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: hash.matches(password)) }
        }
        known.withLock { known in
            if known.count >= Self.limit { for _ in 0..<Self.limit / 10 { _ = known.popFirst() } }
            known[attempt] = matches && isKnown
        }
        return matches && isKnown
    }

    /// The name and the password of a header `Basic …`; nil for another one.
    static func credentials(_ header: String?) -> (user: String, password: [UInt8])? {
        guard let header, header.prefix(6).lowercased() == "basic ", let decoded = Data(base64Encoded: String(header.dropFirst(6))),
            let colon = decoded.firstIndex(of: UInt8(ascii: ":"))
        else { return nil }
        return (String(decoding: decoded[..<colon], as: UTF8.self), Array(decoded[(colon + 1)...]))
    }
}
