@testable import Frontend

extension TestUpstream {
    /// Has `ForwardTests.zone` and further records. The domains of this machine's own search list, whatever they are, exist and have nothing.
    static func besideHostDomains(_ more: String = "") throws -> TestUpstream {
        let host = (try? SearchList(file: AutopathSettings.hostFile))?.names ?? []
        let domains = host.map { "\n\($0) 300 SOA ns.example.com. host.example.com. 1 2 3 4 60" }.joined()
        return try TestUpstream(ForwardTests.zone + more + domains)
    }
}
