import Foundation

@testable import AccessReview

extension FuzzTarget {
    /// The input is the ConfigMap that says whom to trust, in JSON. It is taken or refused with a reason that names a place, twice alike; nobody
    /// is trusted whose certificate is not in it; front proxies without an authority of theirs are none; and lists that are written anew
    /// from what was read say the same.
    static let authenticationMap = FuzzTarget(name: "authentication-map", longestInput: 4096) { input throws(PropertyFailure) in
        let first = trust(input)
        let second = trust(input)
        guard let trusted = try? first.get() else {
            if case .failure(let fault) = first { try expect(!fault.description.isEmpty, "refused without a reason") }
            return try expect((try? second.get()) == nil, "refused, then taken")
        }
        try expect((try? second.get()) == trusted, "taken, then as another")
        let certificates = String(decoding: input, as: UTF8.self).components(separatedBy: "BEGIN CERTIFICATE").count - 1
        try expect(
            trusted.clients.count + trusted.frontProxies.count <= certificates,
            "\(trusted.clients.count) and \(trusted.frontProxies.count) authorities from \(certificates) certificates")
        guard var map = (try? JSONSerialization.jsonObject(with: Data(input))) as? [String: Any],
            var data = map["data"] as? [String: String], (try? trust(bytes(map)).get()) == trusted
        else { return }
        try expect(
            trusted.frontProxies.isEmpty == (data["requestheader-client-ca-file"] == nil), "front proxies: \(trusted.frontProxies.count)")
        if trusted.frontProxies.isEmpty { return }
        let proxy = trusted.frontProxy
        let lists = [
            "allowed-names": proxy.allowedNames, "username-headers": proxy.userHeaders, "group-headers": proxy.groupHeaders,
            "uid-headers": proxy.uidHeaders, "extra-headers-prefix": proxy.extraPrefixes,
        ]
        for (key, list) in lists { data["requestheader-\(key)"] = String(decoding: bytes(list), as: UTF8.self) }
        map["data"] = data
        try expect((try? trust(bytes(map)).get()) == trusted, "lists that were written anew are read as others: \(lists)")
        // Who names nobody is nobody.
        try expect(proxy.user([]) == nil, "a user without a header")
    }

    private static func trust(_ input: [UInt8]) -> Result<AuthenticationTrust, AuthenticationLookup.Fault> {
        Result { () throws(AuthenticationLookup.Fault) in
            try AuthenticationLookup.trust(AuthenticationLookup.data(configMap: input), .init())
        }
    }

    private static func bytes(_ value: Any) -> [UInt8] { (try? JSONSerialization.data(withJSONObject: value)).map { Array($0) } ?? [] }
}
