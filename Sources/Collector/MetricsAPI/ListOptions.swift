import Names

/// What a list is asked for with (`ListOptions` of `meta.k8s.io`). Metrics are measured now and come whole, so of `limit`, `continue`,
/// `resourceVersion` and their like only what is wrong with them matters.
struct ListOptions: Sendable {
    var labels: LabelQuery
    var fields: FieldQuery
    var isWatch: Bool

    init(_ request: MetricsRequest) throws(Refusal) {
        do {
            labels = try LabelQuery(request.parameter("labelSelector") ?? "")
        } catch {
            throw .badRequest(error.message)
        }
        fields = try FieldQuery(request.parameter("fieldSelector") ?? "")
        isWatch = request.flag("watch")
        for name in ["timeoutSeconds", "limit"] { try Self.checkNumber(request.parameter(name)) }
        let faults = isWatch ? Self.watchFaults(request) : Self.listFaults(request)
        if !faults.isEmpty { throw .invalid(kind: "ListOptions", group: "meta.k8s.io", faults) }
    }

    /// In the words of Go's `strconv`.
    private static func checkNumber(_ text: String?) throws(Refusal) {
        guard let text, Int64(text) == nil else { return }
        let digits = text.first == "-" || text.first == "+" ? text.dropFirst() : text[...]
        let isNumber = !digits.isEmpty && digits.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        throw .badRequest(
            "strconv.ParseInt: parsing \(Refusal.quoted(text)): \(isNumber ? "value out of range" : "invalid syntax")")
    }

    private static let match = "resourceVersionMatch"

    private static func listFaults(_ request: MetricsRequest) -> [Refusal.Cause] {
        var faults: [Refusal.Cause] = []
        let wanted = request.parameter(match) ?? ""
        let version = request.parameter("resourceVersion") ?? ""
        if !wanted.isEmpty {
            if version.isEmpty { faults.append(.forbidden(match, "resourceVersionMatch is forbidden unless resourceVersion is provided")) }
            if request.parameter("continue") ?? "" != "" { faults.append(continued) }
            if wanted != "Exact", wanted != "NotOlderThan" { faults.append(.unsupported(match, wanted, ["Exact", "NotOlderThan", ""])) }
            if wanted == "Exact", version == "0" {
                faults.append(.forbidden(match, "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""))
            }
        }
        if request.parameter("sendInitialEvents") != nil {
            faults.append(.forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
        }
        return faults
    }

    private static func watchFaults(_ request: MetricsRequest) -> [Refusal.Cause] {
        var faults: [Refusal.Cause] = []
        let wanted = request.parameter(match) ?? ""
        let hasInitial = request.parameter("sendInitialEvents") != nil
        if hasInitial, wanted != "NotOlderThan" {
            faults.append(.forbidden(match, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"))
        }
        if !wanted.isEmpty {
            if !hasInitial {
                faults.append(.forbidden(match, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"))
            }
            if wanted != "NotOlderThan" { faults.append(.unsupported(match, wanted, ["NotOlderThan"])) }
            if request.parameter("continue") ?? "" != "" { faults.append(continued) }
        }
        return faults
    }

    private static let continued = Refusal.Cause.forbidden(match, "resourceVersionMatch is forbidden when continue is provided")
}
