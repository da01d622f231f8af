/// Why queries fail, in the words of CoreDNS and of Go's network library: operators have patterns for those (`.* i/o timeout$`).
enum FailureWords {
    /// The end of a reason, and what takes its place.
    private static let ends = [
        ("no answer in time", "i/o timeout"), ("the connection was closed", "EOF"), ("Connection refused", "read: connection refused"),
        ("Network is unreachable", "connect: network is unreachable"), ("No route to host", "connect: no route to host"),
        ("Connection reset by peer", "read: connection reset by peer"),
    ]
    private static let whole = [
        "no healthy upstream": "no healthy proxies",
        "more queries under way than max_concurrent": "concurrent queries exceeded maximum",
    ]

    /// The same reason as CoreDNS would give it, without its own address and port; nil for one that it has no words for.
    ///
    /// - Parameter reason: `ADDRESS: what failed`, or what failed alone.
    static func ofGo(_ reason: String) -> String? {
        if let words = whole[reason] { return words }
        guard let (end, words) = ends.first(where: { reason.hasSuffix($0.0) }) else { return nil }
        // What a call is named stands between the two.
        let address = reason.dropLast(end.utf8.count).split(separator: ": ").first.map(String.init) ?? ""
        return "\(words.hasPrefix("connect") ? "dial" : "read") udp \(address): \(words)"
    }
}
