import Names

/// Label queries as the API server meets them besides their text form.
extension LabelQuery {
    static let everything = LabelQuery()

    /// A selector object as workloads hold it: `matchLabels` and `matchExpressions`.
    init(object: JSONValue?) {
        var requirements = (object?["matchLabels"]?.stringMembers ?? []).map {
            Requirement(key: $0.key, .isOne(of: [Array($0.value.utf8)]))
        }
        for expression in object?["matchExpressions"]?.array ?? [] {
            let key = expression["key"]?.string ?? ""
            let values = (expression["values"]?.array ?? []).compactMap(\.string).map { Array($0.utf8) }
            switch expression["operator"]?.string {
            case "In": requirements.append(Requirement(key: key, .isOne(of: values)))
            case "NotIn": requirements.append(Requirement(key: key, .isNone(of: values)))
            case "DoesNotExist": requirements.append(Requirement(key: key, .absent))
            case "Exists", nil, .some: requirements.append(Requirement(key: key, .exists))
            }
        }
        self.init(requirements)
    }

    func matches(_ object: StoredObject) -> Bool { matches { object.label($0) } }
}
