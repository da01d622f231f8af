/// What clients read to find out which resources there are.
enum Discovery {
    private static let version = JSONValue.members([
        "groupVersion": .string("metrics.k8s.io/v1beta1"), "version": .string("v1beta1"),
    ])

    /// `/apis`.
    /// - Parameter port: where this server listens, for `serverAddressByClientCIDRs`.
    static func groups(port: Int) -> JSONValue {
        .members([
            "kind": .string("APIGroupList"),
            "groups": .array([
                .members([
                    "name": .string("metrics.k8s.io"), "versions": .array([version]), "preferredVersion": version,
                    "serverAddressByClientCIDRs": .array([
                        .members(["clientCIDR": .string("0.0.0.0/0"), "serverAddress": .string(":\(port)")])
                    ]),
                ])
            ]),
        ])
    }

    /// `/apis/metrics.k8s.io`.
    static let group = JSONValue.members([
        "kind": .string("APIGroup"), "apiVersion": .string("v1"), "name": .string("metrics.k8s.io"),
        "versions": .array([version]), "preferredVersion": version,
    ])

    /// `/apis/metrics.k8s.io/v1beta1`.
    static let resources = JSONValue.members([
        "kind": .string("APIResourceList"), "apiVersion": .string("v1"),
        "groupVersion": .string("metrics.k8s.io/v1beta1"),
        "resources": .array([
            resource("nodes", kind: "NodeMetrics", namespaced: false),
            resource("pods", kind: "PodMetrics", namespaced: true),
        ]),
    ])

    private static func resource(_ name: String, kind: String, namespaced: Bool) -> JSONValue {
        .members([
            "name": .string(name), "singularName": .string(""), "namespaced": .bool(namespaced), "kind": .string(kind),
            "verbs": .array([.string("get"), .string("list")]),
        ])
    }

    /// `/version`: of Mizzen, in the form of Kubernetes' `version.Info`.
    static func version(_ current: String) -> JSONValue {
        let parts = current.split(separator: ".")
        return .members([
            "major": .string(parts.first.map(String.init) ?? ""),
            "minor": .string(parts.dropFirst().first.map(String.init) ?? ""),
            "gitVersion": .string("v\(current)+mizzen"), "gitCommit": .string(""), "gitTreeState": .string(""),
            "buildDate": .string("1970-01-01T00:00:00Z"), "goVersion": .string(""), "compiler": .string("swiftc"),
            "platform": .string(platform),
        ])
    }

    private static var platform: String {
        #if arch(arm64)
            "linux/arm64"
        #else
            "linux/amd64"
        #endif
    }

    /// `/`.
    static let paths = JSONValue.members([
        "paths": .array(
            [
                "/apis", "/apis/metrics.k8s.io", "/apis/metrics.k8s.io/v1beta1", "/healthz", "/livez", "/metrics",
                "/readyz", "/version",
            ].map(JSONValue.string))
    ])
}
