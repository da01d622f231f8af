import Names
import KubernetesObjects

/// Defaults and checks that an API server applies before it stores an object, as far as watchers can see them.
enum Admission {
    static func prepare(
        _ tree: inout JSONValue, _ type: ResourceType, before: JSONValue?, _ database: inout ObjectDatabase
    ) throws(StatusError) {
        switch type.kind {
        case "Namespace": prepareNamespace(&tree)
        case "Service": try prepareService(&tree, type, before: before, &database)
        case "Pod": preparePodSpec(&tree, at: ["spec"])
        case "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet": try prepareWorkload(&tree, type)
        case "Secret":
            foldPlainText(&tree)
            if tree["type"] == nil { tree["type"] = "Opaque" }
        default: break
        }
    }

    /// RFC 1123 subdomain, or RFC 1035 label for services.
    static func checkName(_ name: String, _ type: ResourceType) throws(StatusError) {
        if ["Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"].contains(type.kind) { return }
        let limit = ["Service", "Namespace"].contains(type.kind) ? 63 : 253
        let letters = Array(name.utf8)
        let areAllowed = letters.allSatisfy {
            (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-")
                || ($0 == UInt8(ascii: ".") && limit == 253)
        }
        let edges = [letters.first, letters.last].allSatisfy { (edge: UInt8?) in
            edge != UInt8(ascii: "-") && edge != UInt8(ascii: ".")
        }
        guard areAllowed, edges, letters.count <= limit else {
            throw .invalid(
                type, name, field: "metadata.name",
                "Invalid value: \"\(name)\": a lowercase RFC 1123 \(limit == 63 ? "label" : "subdomain") must consist of "
                    + "lower case alphanumeric characters\(limit == 63 ? " or" : ",") '-'\(limit == 63 ? "" : " or '.'"), "
                    + "and must start and end with an alphanumeric character")
        }
    }

    private static func prepareNamespace(_ tree: inout JSONValue) {
        let name = tree.at("metadata", "name") ?? ""
        var labels = tree.at("metadata", "labels") ?? [:]
        labels["kubernetes.io/metadata.name"] = name
        tree.set(labels, at: "metadata", "labels")
        setMissing(&tree, ["finalizers": ["kubernetes"]], at: "spec")
        setMissing(&tree, ["phase": "Active"], at: "status")
    }

    private static func prepareService(
        _ tree: inout JSONValue, _ type: ResourceType, before: JSONValue?, _ database: inout ObjectDatabase
    ) throws(StatusError) {
        guard tree["spec"]?.object != nil else {
            throw .invalid(
                type, tree.at("metadata", "name")?.string ?? "", field: "spec.ports", "Required value")
        }
        setMissing(&tree, ["type": "ClusterIP", "sessionAffinity": "None"], at: "spec")
        setMissing(&tree, ["loadBalancer": [:]], at: "status")
        preparePorts(&tree)
        if tree.at("spec", "type")?.string == "ExternalName" {
            for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"] {
                tree.set(nil, at: "spec", field)
            }
            return
        }
        setMissing(&tree, ["internalTrafficPolicy": "Cluster", "ipFamilyPolicy": "SingleStack"], at: "spec")
        try prepareFamilies(&tree, type, before: before, &database)
    }

    private static func preparePorts(_ tree: inout JSONValue) {
        guard let ports = tree.at("spec", "ports")?.array else { return }
        tree.set(
            .array(
                ports.map { port in
                    var port = port
                    if port["protocol"] == nil { port["protocol"] = "TCP" }
                    if port["targetPort"] == nil { port["targetPort"] = port["port"] }
                    return port
                }), at: "spec", "ports")
    }

    private static func prepareFamilies(
        _ tree: inout JSONValue, _ type: ResourceType, before: JSONValue?, _ database: inout ObjectDatabase
    ) throws(StatusError) {
        let policy = tree.at("spec", "ipFamilyPolicy")?.string ?? "SingleStack"
        var families = (tree.at("spec", "ipFamilies")?.array ?? []).compactMap(\.string)
        if families.isEmpty { families = ["IPv4"] }
        if policy != "SingleStack", families.count == 1 { families.append(families[0] == "IPv4" ? "IPv6" : "IPv4") }
        if policy == "SingleStack" { families = [families[0]] }
        tree.set(.array(families.map(JSONValue.string)), at: "spec", "ipFamilies")
        if tree.at("spec", "clusterIP")?.string == "None" {
            tree.set(["None"], at: "spec", "clusterIPs")
            return
        }
        let old = before?.at("spec", "clusterIP")?.string
        if let given = tree.at("spec", "clusterIP")?.string, let old, !old.isEmpty, given != old, !given.isEmpty {
            throw .invalid(
                type, tree.at("metadata", "name")?.string ?? "", field: "spec.clusterIPs[0]",
                "Invalid value: [\"\(given)\"]: may not change once set")
        }
        var addresses = (tree.at("spec", "clusterIPs")?.array ?? []).compactMap(\.string)
        if addresses.isEmpty { addresses = (before?.at("spec", "clusterIPs")?.array ?? []).compactMap(\.string) }
        if let given = tree.at("spec", "clusterIP")?.string, !given.isEmpty, addresses.first != given {
            addresses = [given]
        }
        addresses = Array(addresses.prefix(families.count))
        for family in families.dropFirst(addresses.count) {
            addresses.append(
                family == "IPv6" ? database.addresses.serviceAddress6() : database.addresses.serviceAddress())
        }
        tree.set(.string(addresses[0]), at: "spec", "clusterIP")
        tree.set(.array(addresses.map(JSONValue.string)), at: "spec", "clusterIPs")
    }

    private static func prepareWorkload(_ tree: inout JSONValue, _ type: ResourceType) throws(StatusError) {
        let name = tree.at("metadata", "name")?.string ?? ""
        let selector = LabelQuery(object: tree.at("spec", "selector"))
        let labels = tree.at("spec", "template", "metadata", "labels")
        guard !selector.requirements.isEmpty else {
            throw .invalid(type, name, field: "spec.selector", "Required value")
        }
        guard selector.matches({ labels?[$0]?.string }) else {
            throw .invalid(
                type, name, field: "spec.template.metadata.labels",
                "Invalid value: \(String(decoding: (labels ?? .null).encoded, as: UTF8.self)): "
                    + "`selector` does not match template `labels`")
        }
        if type.kind != "DaemonSet" { setMissing(&tree, ["replicas": 1], at: "spec") }
        if type.kind == "Deployment" {
            setMissing(
                &tree,
                [
                    "strategy": [
                        "type": "RollingUpdate",
                        "rollingUpdate": ["maxUnavailable": "25%", "maxSurge": "25%"],
                    ],
                    "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
                ], at: "spec")
        }
        preparePodSpec(&tree, at: ["spec", "template", "spec"])
        if tree["status"] == nil { tree["status"] = [:] }
    }

    private static func preparePodSpec(_ tree: inout JSONValue, at path: [String]) {
        guard var spec = tree.at(path[...]) else { return }
        for (key, value) in [
            ("restartPolicy", "Always"), ("terminationGracePeriodSeconds", 30), ("dnsPolicy", "ClusterFirst"),
            ("securityContext", [:]), ("schedulerName", "default-scheduler"),
        ] as [(String, JSONValue)] where spec[key] == nil {
            spec[key] = value
        }
        spec["containers"] = .array((spec["containers"]?.array ?? []).map(container))
        if path.count == 1 {
            tree["spec"] = spec
        } else {
            tree.set(spec, at: "spec", "template", "spec")
        }
    }

    private static func container(_ given: JSONValue) -> JSONValue {
        var container = given
        let image = container["image"]?.string ?? ""
        let defaults: [(String, JSONValue)] = [
            ("resources", [:]), ("terminationMessagePath", "/dev/termination-log"),
            ("terminationMessagePolicy", "File"),
            ("imagePullPolicy", image.hasSuffix(":latest") || !image.contains(":") ? "Always" : "IfNotPresent"),
        ]
        for (key, value) in defaults where container[key] == nil { container[key] = value }
        if let ports = container["ports"]?.array {
            container["ports"] = .array(
                ports.map { port in
                    var port = port
                    if port["protocol"] == nil { port["protocol"] = "TCP" }
                    return port
                })
        }
        return container
    }

    /// `stringData` of secrets is write-only and ends up in `data`.
    private static func foldPlainText(_ tree: inout JSONValue) {
        guard let plain = tree["stringData"]?.stringMembers else { return }
        var data = tree["data"] ?? [:]
        for (key, value) in plain { data[key] = .string(Base64.encode(Array(value.utf8))) }
        tree["data"] = data
        tree["stringData"] = nil
    }

    private static func setMissing(_ tree: inout JSONValue, _ defaults: JSONValue, at field: String) {
        var part = tree[field] ?? [:]
        for (key, value) in defaults.object?.members ?? [] where part[key] == nil { part[key] = value }
        tree[field] = part
    }
}
