import Logging
import ProcessRuntime
import Synchronization

/// Takes families out of scrapes that have more series than ``SeriesLimits`` allow: all series of such a family, and of no other.
///
/// It is decided at each scrape, by what that scrape would send, so none gets a part of a family. A family comes back when it has a tenth
/// less than its limit, so that one which moves about the limit does not come and go.
final class SeriesLimiter: Sendable {
    private struct State: Sendable {
        var limit: Int
        var isCut = false
        /// The limit has changed: what counts at first is the limit itself.
        var isNew = true

        /// From how many series on a family that is cut is served again.
        var returnsAt: Int { limit - max(1, limit / 10) }
    }

    private let registry: MetricsRegistry
    private let logger: Logger
    private let states = Mutex<[String: State]>([:])
    private let sections = Mutex<@Sendable () -> [ExpositionSection]>({ [] })

    init(registry: MetricsRegistry, logger: Logger) {
        self.registry = registry
        self.logger = logger
    }

    /// These limits are in force from now on. Of a family whose limit stays, what was decided stays too.
    /// - Parameter served: what is served, of which the metrics tell.
    func adopt(_ limits: SeriesLimits, served: @escaping @Sendable () -> [ExpositionSection]) {
        sections.withLock { $0 = served }
        let gone = states.withLock { states in
            let gone = states.keys.filter { limits.limits[$0] == nil }
            for family in gone { states[family] = nil }
            for (family, limit) in limits.limits where states[family]?.limit != limit {
                states[family] = State(limit: limit, isCut: states[family]?.isCut ?? false)
            }
            return gone
        }
        for family in gone {
            for name in Self.readings { registry.remove(name, labels: [("family", family)]) }
        }
        for (family, limit) in limits.limits { showReadings(of: family, limit: limit) }
    }

    /// Takes the families out that have too many series.
    func cut(_ groups: inout [TextGroup], of families: [FamilyDescription]) {
        let limited = states.withLock { $0 }
        guard !limited.isEmpty else { return }
        for (index, family) in families.enumerated() where limited[family.name] != nil {
            guard isCut(family.name, series: Self.series(of: index, in: groups)) else { continue }
            for group in groups.indices { groups[group].drop(family: index) }
        }
    }

    private static func series(of family: Int, in groups: [TextGroup]) -> Int {
        groups.reduce(0) { $0 + ($1.pieces[family]?.series ?? 0) }
    }

    /// Decides, and says so where that is another decision than before.
    private func isCut(_ family: String, series: Int) -> Bool {
        let (state, before) = states.withLock { states -> (State?, Bool) in
            guard var state = states[family] else { return (nil, false) }
            let before = state.isCut
            state.isCut = series > (before && !state.isNew ? state.returnsAt : state.limit)
            state.isNew = false
            states[family] = state
            return (state, before)
        }
        guard let state else { return false }
        var metadata: Logger.Metadata = ["family": "\(family)", "series": "\(series)", "limit": "\(state.limit)"]
        if state.isCut, !before {
            metadata["back_at"] = "\(state.returnsAt)"
            logger.warning(
                """
                a family has more series than its limit and is left out of scrapes whole; raise it in --series-limit, or see with \
                `mizzen-exporter cost` which labels make them and take those away
                """, metadata: metadata)
        } else if !state.isCut, before {
            logger.notice("a family that had more series than its limit is served again", metadata: metadata)
        }
        return state.isCut
    }

    // MARK: Metrics

    private static let readings = ["mizzen_exporter_series_limit", "mizzen_exporter_series", "mizzen_exporter_series_cut"]

    private func showReadings(of family: String, limit: Int) {
        let labels = [("family", family)]
        registry.gauge(Self.readings[0], help: "How many series the family may have; for families with a limit.", labels: labels)
            .set(Double(limit))
        registry.gauge(
            Self.readings[1], help: "How many series the family has, or would have if it were not cut; for families with a limit.",
            labels: labels
        ) { [weak self] in Double(self?.series(of: family) ?? 0) }
        registry.gauge(
            Self.readings[2], help: "Whether the family has more series than its limit, and all of them are left out of scrapes.",
            labels: labels
        ) { [weak self] in
            guard let self else { return 0 }
            // What is not served at the moment has no series to judge by.
            guard let series = series(of: family) else { return 0 }
            return isCut(family, series: series) ? 1 : 0
        }
    }

    /// nil where nobody serves the family.
    private func series(of family: String) -> Int? {
        let sections = sections.withLock { $0 }()
        for section in sections {
            guard let index = section.families.firstIndex(where: { $0.name == family }) else { continue }
            return Self.series(of: index, in: section.store.snapshot())
        }
        return nil
    }
}
