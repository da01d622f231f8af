import Crypto
import FoundationEssentials

/// What clients read to find out which resources there are.
enum Discovery {
    private static let group = "metrics.k8s.io"
    private static let version = "v1beta1"
    private static let verbs = ["get", "list"]

    private struct Resource {
        var name: String
        var kind: String
        var isNamespaced: Bool
    }

    private static let resources = [
        Resource(name: "nodes", kind: "NodeMetrics", isNamespaced: false), Resource(name: "pods", kind: "PodMetrics", isNamespaced: true),
    ]

    /// A document in each of its encodings.
    struct Document: Sendable {
        var json: JSONValue
        var protobuf: [UInt8]
    }

    // MARK: One document for each step

    /// `/apis`.
    /// - Parameter port: where this server listens, for `serverAddressByClientCIDRs`.
    static func groups(port: Int) -> Document {
        let address = (network: "0.0.0.0/0", server: ":\(port)")
        let json = JSONValue.members([
            "kind": .string("APIGroupList"),
            "groups": .array([
                .members([
                    "name": .string(group), "versions": .array([groupVersion]), "preferredVersion": groupVersion,
                    "serverAddressByClientCIDRs": .array([
                        .members(["clientCIDR": .string(address.network), "serverAddress": .string(address.server)])
                    ]),
                ])
            ]),
        ])
        // Without its version, as Kubernetes 1.1 had it.
        let protobuf = ProtobufWriter.envelope(apiVersion: "", kind: "APIGroupList") { list in
            list.message(1) { group in
                write(&group)
                group.message(4) {
                    $0.string(1, address.network)
                    $0.string(2, address.server)
                }
            }
        }
        return Document(json: json, protobuf: protobuf)
    }

    /// `/apis/metrics.k8s.io`.
    static let groupDocument = Document(
        json: .members([
            "kind": .string("APIGroup"), "apiVersion": .string("v1"), "name": .string(group), "versions": .array([groupVersion]),
            "preferredVersion": groupVersion,
        ]),
        protobuf: ProtobufWriter.envelope(apiVersion: "v1", kind: "APIGroup") { write(&$0) })

    /// `/apis/metrics.k8s.io/v1beta1`.
    static let resourcesDocument = Document(
        json: .members([
            "kind": .string("APIResourceList"), "apiVersion": .string("v1"), "groupVersion": .string("\(group)/\(version)"),
            "resources": .array(
                resources.map { resource in
                    .members([
                        "name": .string(resource.name), "singularName": .string(""), "namespaced": .bool(resource.isNamespaced),
                        "kind": .string(resource.kind), "verbs": .array(verbs.map(JSONValue.string)),
                    ])
                }),
        ]),
        protobuf: ProtobufWriter.envelope(apiVersion: "v1", kind: "APIResourceList") { list in
            list.string(1, "\(group)/\(version)")
            for resource in resources {
                list.message(2) { inner in
                    inner.string(1, resource.name)
                    inner.integer(2, resource.isNamespaced ? 1 : 0)
                    inner.string(3, resource.kind)
                    inner.message(4) { list in for verb in verbs { list.string(1, verb) } }
                    inner.string(6, "")
                    for field in UInt64(8)...10 { inner.string(field, "") }
                }
            }
        })

    private static let groupVersion = JSONValue.members(["groupVersion": .string("\(group)/\(version)"), "version": .string(version)])

    /// The fields of an `APIGroup` up to its preferred version.
    private static func write(_ writer: inout ProtobufWriter) {
        writer.string(1, group)
        for field in UInt64(2)...3 {
            writer.message(field) {
                $0.string(1, "\(group)/\(version)")
                $0.string(2, version)
            }
        }
    }

    // MARK: All in one

    /// `/apis` for clients that ask for all at once (KEP 3352).
    static func aggregated(_ version: AggregatedDiscoveryVersion) -> Document {
        let apiVersion = "apidiscovery.k8s.io/\(version.rawValue)"
        let json = JSONValue.members([
            "kind": .string("APIGroupDiscoveryList"), "apiVersion": .string(apiVersion), "metadata": .object([]),
            "items": aggregatedItems,
        ])
        let protobuf = ProtobufWriter.envelope(apiVersion: apiVersion, kind: "APIGroupDiscoveryList") { list in
            list.writeListMetadata()
            list.message(2) { item in
                item.message(1) { $0.writeObjectMetadata(name: group) }
                item.message(2) { version in
                    version.string(1, Self.version)
                    for resource in resources { version.message(2) { write(resource, to: &$0) } }
                    version.string(3, "Current")
                }
            }
        }
        return Document(json: json, protobuf: protobuf)
    }

    /// Changes when the documents do.
    static let aggregatedMark: String = SHA512.hash(data: aggregatedItems.json(pretty: false)).hexadecimal

    private static let aggregatedItems = JSONValue.array([
        .members([
            "metadata": .members(["name": .string(group)]),
            "versions": .array([
                .members([
                    "version": .string(version),
                    "resources": .array(
                        resources.map { resource in
                            .members([
                                "resource": .string(resource.name),
                                "responseKind": .members([
                                    "group": .string(group), "version": .string(version), "kind": .string(resource.kind),
                                ]),
                                "scope": .string(scope(resource)), "singularResource": .string(""),
                                "verbs": .array(verbs.map(JSONValue.string)),
                            ])
                        }),
                    "freshness": .string("Current"),
                ])
            ]),
        ])
    ])

    private static func scope(_ resource: Resource) -> String { resource.isNamespaced ? "Namespaced" : "Cluster" }

    /// An `APIResourceDiscovery`.
    private static func write(_ resource: Resource, to writer: inout ProtobufWriter) {
        writer.string(1, resource.name)
        writer.message(2) { kind in
            kind.string(1, group)
            kind.string(2, version)
            kind.string(3, resource.kind)
        }
        writer.string(3, scope(resource))
        writer.string(4, "")
        for verb in verbs { writer.string(5, verb) }
    }

    // MARK: Others

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

    /// `/`, and what stands in the place of a path that there is not.
    /// - Parameter checks: names of the health checks below each health path.
    static func paths(_ checks: [(path: String, names: [String])]) -> JSONValue {
        var paths = [
            "/apis", "/apis/metrics.k8s.io", "/apis/metrics.k8s.io/v1beta1", "/metrics", "/openapi/v2", "/openapi/v3", "/openapi/v3/",
            "/version",
        ]
        for (path, names) in checks {
            paths.append(path)
            paths += names.map { "\(path)/\($0)" }
        }
        return .members(["paths": .array(paths.sorted().map(JSONValue.string))])
    }
}

extension SHA512.Digest {
    /// In capitals, as API servers mark their documents.
    var hexadecimal: String {
        map { byte in
            let text = String(byte, radix: 16, uppercase: true)
            return text.count == 1 ? "0" + text : text
        }.joined()
    }
}
