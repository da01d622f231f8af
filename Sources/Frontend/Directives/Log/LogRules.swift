/// Every `log` of a server block, compiled: the first rule whose names hold a query decides, also when it then stays silent.
struct LogRules: Sendable {
    struct Rule: Sendable {
        var zones: [DNSName]
        var format: LogFormat
        var settings: LogSettings
    }

    let rules: [Rule]

    init(_ settings: [LogSettings]) {
        rules = settings.map { settings in
            Rule(
                // A name that Corefiles take and messages cannot hold matches nothing.
                zones: settings.zones.compactMap { try? DNSName($0.text) }, format: LogFormat(settings.format), settings: settings)
        }
    }

    /// The rule for a name in lower case.
    func rule(for name: borrowing DNSName) -> Rule? {
        for rule in rules where rule.zones.containZone(of: name) { return rule }
        return nil
    }
}
