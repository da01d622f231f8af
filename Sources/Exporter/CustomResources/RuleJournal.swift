import KubernetesObjects
import Logging
import ProcessRuntime
import Synchronization

/// What rules could not make of objects: each rule is reported once in the log, and every time in a counter.
final class RuleJournal: Sendable {
    private let registry: MetricsRegistry
    private let logger: Logger
    private let reported = Mutex<Set<String>>([])

    init(registry: MetricsRegistry, logger: Logger) {
        self.registry = registry
        self.logger = logger
    }

    func failed(_ rule: CustomResourceRule, _ resource: Resource, _ object: ObjectValue, _ reason: String) {
        registry.counter(
            "mizzen_exporter_custom_resource_rule_failures_total",
            help: "Values of custom resources that could not be made samples of the family.", labels: [("family", rule.name)]
        ).add()
        guard reported.withLock({ $0.insert(rule.name).inserted }) else { return }
        let metadata: Logger.Metadata = [
            "family": "\(rule.name)", "resource": "\(resource)", "namespace": "\(text(object, "namespace"))",
            "name": "\(text(object, "name"))", "reason": "\(reason)",
        ]
        logger.log(
            level: rule.isQuiet ? .debug : .warning,
            "a custom resource lacks what a metric is made of; further cases of this metric are only counted", metadata: metadata)
    }

    private func text(_ object: ObjectValue, _ key: String) -> String {
        if case .text(let text) = object["metadata"]?[key] { text } else { "" }
    }
}
