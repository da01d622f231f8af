import KubernetesObjects

extension SampleWriter {
    /// One sample for each of the states that are told apart; 1 for the one that holds.
    mutating func states(_ states: [String], now state: Text, label: String) {
        for candidate in states { flag(state == candidate, label, candidate) }
    }

    /// Each condition with one sample for each possible status.
    mutating func conditions(_ conditions: MessageList<some ConditionView & ~Escapable>) {
        conditions.forEach { condition in
            self.condition(condition.status, label: "status") { label in label("condition", condition.type) }
        }
    }
}
