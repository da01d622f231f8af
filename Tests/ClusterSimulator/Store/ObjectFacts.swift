/// The parts of a pod that decide its endpoints and its metrics.
struct PodFacts: Sendable, Equatable {
    struct Port: Sendable, Equatable {
        var name: String
        var number: Int64
        var transport: String
    }

    var addresses: [String]
    var isReady: Bool
    var isTerminating: Bool
    var phase: String
    var hostname: String
    var subdomain: String
    var ports: [Port]
    var containers: [String]
    var startedAt: String?

    init(_ pod: JSONValue) {
        let status = pod["status"]
        let listed = (status?["podIPs"]?.array ?? []).compactMap { $0["ip"]?.string }
        addresses = listed.isEmpty ? status?["podIP"]?.string.map { [$0] } ?? [] : listed
        isReady = (status?["conditions"]?.array ?? []).contains {
            $0["type"]?.string == "Ready" && $0["status"]?.string == "True"
        }
        isTerminating = pod.at("metadata", "deletionTimestamp")?.string != nil
        phase = status?["phase"]?.string ?? ""
        hostname = pod.at("spec", "hostname")?.string ?? ""
        subdomain = pod.at("spec", "subdomain")?.string ?? ""
        let specified = pod.at("spec", "containers")?.array ?? []
        ports = specified.flatMap { $0["ports"]?.array ?? [] }.map {
            Port(
                name: $0["name"]?.string ?? "", number: $0["containerPort"]?.integer ?? 0,
                transport: $0["protocol"]?.string ?? "TCP")
        }
        containers = specified.compactMap { $0["name"]?.string }
        startedAt = status?["startTime"]?.string
    }

    /// Finished pods have no endpoints, and neither have pods without an address.
    var mayBeEndpoint: Bool { phase != "Succeeded" && phase != "Failed" && !addresses.isEmpty }
}

/// The parts of a service that decide its endpoint slices.
struct ServiceFacts: Sendable, Equatable {
    struct Port: Sendable, Equatable {
        var name: String
        var number: Int64
        var transport: String
        var target: JSONValue?
        var applicationProtocol: String?
    }

    /// Empty: somebody else takes care of the service's endpoints.
    var selector: [String: String]
    var isExternalName: Bool
    var isHeadless: Bool
    var publishesNotReadyAddresses: Bool
    var families: [String]
    var ports: [Port]

    init(_ service: JSONValue) {
        let spec = service["spec"]
        selector = Dictionary(
            spec?["selector"]?.stringMembers.map { ($0.key, $0.value) } ?? [], uniquingKeysWith: { $1 })
        isExternalName = spec?["type"]?.string == "ExternalName"
        isHeadless = spec?["clusterIP"]?.string == "None"
        publishesNotReadyAddresses = spec?["publishNotReadyAddresses"]?.bool ?? false
        families = (spec?["ipFamilies"]?.array ?? []).compactMap(\.string)
        if families.isEmpty { families = ["IPv4"] }
        ports = (spec?["ports"]?.array ?? []).map {
            Port(
                name: $0["name"]?.string ?? "", number: $0["port"]?.integer ?? 0,
                transport: $0["protocol"]?.string ?? "TCP", target: $0["targetPort"],
                applicationProtocol: $0["appProtocol"]?.string)
        }
    }

    var hasEndpoints: Bool { !selector.isEmpty && !isExternalName }

    func selects(_ pod: StoredObject) -> Bool { selector.allSatisfy { pod.label($0.key) == $0.value } }
}
