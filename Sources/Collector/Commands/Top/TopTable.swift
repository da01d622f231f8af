import FoundationEssentials
import KubernetesObjects

/// What `top` prints.
struct TopTable {
    /// A node, a pod or a container.
    struct Row: Codable {
        var namespace: String?
        /// Of a container.
        var pod: String?
        var name: String
        /// Nil where no collector has two samples yet.
        var usage: ResourceAmounts?
        var requests: ResourceAmounts
        var limits: ResourceAmounts
        /// Of a node.
        var allocatable: ResourceAmounts?
        /// Of a node: those that are not over.
        var pods: Int?
    }

    private enum Kind {
        case nodes
        case pods
        case containers
    }

    private var kind: Kind
    private(set) var rows: [Row]
    private var showsNamespaces = false

    static func nodes(
        _ nodes: [TopObjects.Node], pods: [TopObjects.Pod], usage: [MetricsItem], sortedBy order: TopOptions.Order?
    ) -> TopTable {
        let used = Dictionary(usage.map { ($0.name, $0.total) }) { $1 }
        let podsOfNode = Dictionary(grouping: pods.filter { !$0.isOver }, by: \.node)
        let rows = nodes.map { node in
            let pods = podsOfNode[node.catalog.name] ?? []
            return Row(
                name: node.catalog.name, usage: used[node.catalog.name].map { ResourceAmounts($0) },
                requests: pods.reduce(ResourceAmounts()) { $0 + $1.resources.requests },
                limits: pods.reduce(ResourceAmounts()) { $0 + $1.resources.limits }, allocatable: node.allocatable, pods: pods.count)
        }
        return TopTable(kind: .nodes, rows: sorted(rows, order))
    }

    static func pods(
        _ pods: [TopObjects.Pod], usage: [MetricsItem], byContainer: Bool, showsNamespaces: Bool, sortedBy order: TopOptions.Order?
    ) -> TopTable {
        let used = Dictionary(usage.map { (PlacedName($0.namespace, $0.name), $0) }) { $1 }
        var rows: [Row] = []
        for pod in pods {
            let item = used[PlacedName(pod.catalog.namespace, pod.catalog.name)]
            guard byContainer else {
                rows.append(
                    Row(
                        namespace: pod.catalog.namespace, name: pod.catalog.name, usage: item.map { ResourceAmounts($0.total) },
                        requests: pod.resources.requests, limits: pod.resources.limits))
                continue
            }
            var byName: [String: ResourceUsage] = [:]
            if case .pod(let containers)? = item?.usage { byName = Dictionary(containers.map { ($0.name, $0.usage) }) { $1 } }
            rows += pod.resources.containers.map { container in
                Row(
                    namespace: pod.catalog.namespace, pod: pod.catalog.name, name: container.name,
                    usage: byName[container.name].map { ResourceAmounts($0) }, requests: container.requests, limits: container.limits)
            }
        }
        return TopTable(kind: byContainer ? .containers : .pods, rows: sorted(rows, order), showsNamespaces: showsNamespaces)
    }

    private struct PlacedName: Hashable {
        var namespace: String
        var name: String
        init(_ namespace: String, _ name: String) { (self.namespace, self.name) = (namespace, name) }
    }

    /// The largest first, those without usage last; by name where they are equal.
    private static func sorted(_ rows: [Row], _ order: TopOptions.Order?) -> [Row] {
        guard let order else { return rows }
        let amount = { (row: Row) in (order == .cpu ? row.usage?.cpuNanos : row.usage?.memoryBytes) ?? -1 }
        return rows.enumerated().sorted { left, right in
            let (one, other) = (amount(left.element), amount(right.element))
            return one == other ? left.offset < right.offset : one > other
        }.map(\.element)
    }

    /// What the reader has to know to understand what is missing.
    var note: String? {
        let missing = rows.count { $0.usage == nil }
        guard missing > 0 else { return nil }
        return "\(missing) of \(rows.count) have no usage: no collector has had two samples of them within the last two scrapes. "
            + "New ones have it after their second; 'mizzen-collector diagnose' says what is wrong with a node."
    }

    // MARK: Forms

    private static let unknown = "<unknown>"

    /// kubectl's units: thousandths of a core, rounded up, and whole mebibytes, rounded down.
    private static func cpu(_ nanos: Int64?, else absent: String = "-") -> String {
        nanos.map { "\(($0 + 999_999) / 1_000_000)m" } ?? absent
    }
    private static func memory(_ bytes: Int64?, else absent: String = "-") -> String { bytes.map { "\($0 >> 20)Mi" } ?? absent }

    private static func share(_ part: Int64?, of whole: Int64?) -> String {
        guard let part, let whole, whole > 0 else { return "-" }
        return "\(Int64(Double(part) / Double(whole) * 100))%"
    }

    private struct Column {
        var title: String
        var cell: (Row) -> String
    }

    private static func columns(
        _ resource: String, _ unit: String, _ amount: @escaping (ResourceAmounts) -> Int64?, _ text: @escaping (Int64?, String) -> String,
        isNodes: Bool
    ) -> [Column] {
        let used = Column(title: "\(resource)(\(unit))") { text($0.usage.flatMap(amount), unknown) }
        let requests = Column(title: "\(resource) REQUESTS") { text(amount($0.requests), "-") }
        let limits = Column(title: "\(resource) LIMITS") { text(amount($0.limits), "-") }
        if isNodes {
            return [
                used, Column(title: "\(resource)(%)") { share($0.usage.flatMap(amount), of: $0.allocatable.flatMap(amount)) }, requests,
                Column(title: "REQUESTS(%)") { share(amount($0.requests), of: $0.allocatable.flatMap(amount)) }, limits,
                Column(title: "\(resource) ALLOCATABLE") { text($0.allocatable.flatMap(amount), "-") },
            ]
        }
        return [
            used, requests, Column(title: "OF REQUESTS(%)") { share($0.usage.flatMap(amount), of: amount($0.requests)) }, limits,
            Column(title: "OF LIMITS(%)") { share($0.usage.flatMap(amount), of: amount($0.limits)) },
        ]
    }

    func text(headers: Bool) -> String {
        var columns: [Column] = []
        if showsNamespaces { columns.append(Column(title: "NAMESPACE") { $0.namespace ?? "" }) }
        if kind == .containers { columns.append(Column(title: "POD") { $0.pod ?? "" }) }
        columns.append(Column(title: "NAME", cell: \.name))
        columns += Self.columns("CPU", "cores", \.cpuNanos, { Self.cpu($0, else: $1) }, isNodes: kind == .nodes)
        columns += Self.columns("MEMORY", "bytes", \.memoryBytes, { Self.memory($0, else: $1) }, isNodes: kind == .nodes)
        if kind == .nodes { columns.append(Column(title: "PODS") { "\($0.pods ?? 0)" }) }
        let titles = headers ? [columns.map(\.title)] : []
        return TextTable(rows: titles + rows.map { row in columns.map { $0.cell(row) } }).text
    }

    private struct Report: Codable {
        var items: [Row]
    }

    var json: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        // Nothing in it can fail to be encoded: texts and whole numbers.
        return (try? encoder.encode(Report(items: rows))).map { Array($0) + [UInt8(ascii: "\n")] } ?? []
    }
}

extension ResourceAmounts {
    init(_ usage: ResourceUsage) {
        self.init(cpuNanos: Int64(clamping: usage.cpuNanos), memoryBytes: Int64(clamping: usage.memoryBytes))
    }
}
