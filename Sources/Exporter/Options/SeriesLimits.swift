import ProcessRuntime

/// `--series-limit`: how many series families may have.
struct SeriesLimits: Hashable, Sendable {
    /// By the family's name.
    private(set) var limits: [String: Int] = [:]

    /// - Parameters:
    ///   - lists: comma lists of `FAMILY=N`; of several for one family the last counts.
    ///   - known: the families that there are; nil where others may come, of custom resources.
    /// - Throws: 64, naming the entry that cannot be read or whose family does not exist.
    init(_ lists: [String], known: Set<String>? = nil) throws(ProcessError) {
        for entry in ExporterConfiguration.items(lists) {
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map { String($0).trimmed }
            guard parts.count == 2, !parts[0].isEmpty else {
                throw Self.error("cannot read '\(entry)'; expected a family and a number of series, as in kube_pod_info=100000")
            }
            guard let limit = Int32(parts[1]), limit > 0 else {
                throw Self.error(
                    "'\(parts[1])' is no number of series for \(parts[0]); expected one from 1 on (--metric-denylist leaves a family out)")
            }
            if let known, !known.contains(parts[0]) {
                throw Self.error("there is no family '\(parts[0])'; `mizzen-exporter families` lists them")
            }
            limits[parts[0]] = Int(limit)
        }
    }

    init() {}

    private static func error(_ message: String) -> ProcessError {
        ProcessError(code: ExitStatus.usage, message: message, place: "--series-limit")
    }
}
