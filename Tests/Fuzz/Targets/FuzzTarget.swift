/// One property that must hold for any bytes.
struct FuzzTarget: Sendable {
    /// The name on the command line, and of the folder in Corpora.
    let name: String
    /// Longer inputs are not tried: they cost time and show nothing that shorter ones do not.
    let longestInput: Int
    /// Throws ``PropertyFailure`` where the property does not hold.
    let check: @Sendable (_ input: [UInt8]) throws(PropertyFailure) -> Void
}

/// A property that did not hold, and what was seen.
struct PropertyFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Fails the property unless `condition` holds; the text says what should have been.
func expect(_ condition: Bool, _ what: @autoclosure () -> String) throws(PropertyFailure) {
    if !condition { throw PropertyFailure(what()) }
}

extension FuzzTarget {
    /// Every target, in the order in which `make fuzz` runs them.
    static let all: [FuzzTarget] = [
        .dnsMessage, .dnsName, .corefile, .watchJSON, .watchProtobuf, .listJSON, .listProtobuf, .envelope, .tableFile,
        .exposition, .kubeletSummary, .historyFile, .jsonView, .zoneFile, .dnstap, .textTemplate, .viewExpression, .cachedAnswer,
        .customResources, .stateFile, .quantity, .labelName, .scrapeHeaders, .exporterConfiguration,
        .metricsRequest, .selectors, .acceptHeader, .authenticationMap, .certificates, .nodeTrust, .servingCertificate,
    ]

    static func named(_ name: String) -> FuzzTarget? { all.first { $0.name == name } }
}
