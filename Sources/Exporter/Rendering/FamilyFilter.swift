import ProcessRuntime
import RegularExpressions

/// Which families are served: `--metric-allowlist`, `--metric-denylist` and `--metric-opt-in-list`.
///
/// Entries are regular expressions that match anywhere in a name, as in kube-state-metrics: `kube_pod_info` also
/// stands for every name that contains it.
struct FamilyFilter {
    private var allowed: [RegularExpression]
    private var denied: [RegularExpression]
    private var optedIn: [RegularExpression]

    /// - Throws: 64 for both lists at once and for an entry that is no regular expression.
    init(allowList: [String] = [], denyList: [String] = [], optInList: [String] = []) throws(ProcessError) {
        guard allowList.isEmpty || denyList.isEmpty else {
            throw ProcessError(
                code: ExitStatus.usage, message: "give an allow list or a deny list of metrics, not both",
                place: "--metric-allowlist, --metric-denylist")
        }
        allowed = try Self.compile(allowList, flag: "--metric-allowlist")
        denied = try Self.compile(denyList, flag: "--metric-denylist")
        optedIn = try Self.compile(optInList, flag: "--metric-opt-in-list")
    }

    private static func compile(_ list: [String], flag: String) throws(ProcessError) -> [RegularExpression] {
        var compiled: [RegularExpression] = []
        for text in list {
            do {
                compiled.append(try RegularExpression(text))
            } catch {
                throw ProcessError(
                    code: ExitStatus.usage,
                    message: "'\(text)' is neither a metric name nor a regular expression for some", place: flag,
                    cause: "\(error)")
            }
        }
        return compiled
    }

    func admits(_ family: FamilyDescription) -> Bool {
        let isListed = { (list: [RegularExpression]) in list.contains { $0.matches(family.name) } }
        if family.isOptIn, !isListed(optedIn) { return false }
        return allowed.isEmpty ? !isListed(denied) : isListed(allowed)
    }
}
