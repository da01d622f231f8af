public import KubernetesObjects

/// Asks an API server which custom resources it serves, by its discovery documents: `/apis`, then `/apis/GROUP/VERSION` of the groups
/// that matter. Every authenticated user may read them (ClusterRole `system:discovery`).
public struct ResourceDiscovery: Sendable {
    /// What the server serves.
    public struct Answer: Hashable, Sendable {
        /// In the server's order, which has the preferred version of a group first.
        public var resources: [Resource] = []
        /// `GROUP/VERSION` of which the server could not say anything, as when an extension server is down.
        public var unknown: Set<String> = []

        public init() {}

        /// Whether it is certain that the resource is not served.
        public func lacks(_ resource: Resource) -> Bool {
            !resources.contains(resource) && !unknown.contains(resource.apiVersion)
        }
    }

    private let client: APIClient

    public init(_ client: APIClient) { self.client = client }

    /// The resources that some selector matches, that can be listed and watched, and that are none of ``Resource/all``.
    /// - Throws: ``APIError``, ``ObjectDecodingError``, `CancellationError`.
    public func resources(_ selectors: [CustomResourceSelector]) async throws -> Answer {
        var answer = Answer()
        guard !selectors.isEmpty else { return answer }
        for (group, version) in try Self.groupVersions(await get("/apis")) where selectors.contains(where: { $0.concerns(group: group) }) {
            do {
                let found = try Self.resources(await get("/apis/\(group)/\(version)"), group: group, version: version)
                answer.resources += found.filter { resource in
                    !answer.resources.contains(resource) && selectors.contains { $0.matches(resource) }
                }
            } catch APIError.status(let status) where status.code == 404 {
                // It has gone since the list of groups was made.
                continue
            } catch let error as CancellationError {
                throw error
            } catch {
                answer.unknown.insert("\(group)/\(version)")
            }
        }
        return answer
    }

    private func get(_ path: String) async throws -> [UInt8] {
        try await client.send(APIRequest(path: path), timeout: .seconds(30), limit: 16 << 20).checked().body
    }

    /// Of an `APIGroupList`; names that could not stand in a path are passed over.
    static func groupVersions(_ document: [UInt8]) throws(ObjectDecodingError) -> [(group: String, version: String)] {
        try JSONView(document)["groups"].map(\.elements)?.flatMap { group -> [(group: String, version: String)] in
            guard let name = group["name"]?.string, isName(name) else { return [] }
            let versions = (group["versions"]?.elements ?? []).compactMap { $0["version"]?.string }.filter(isName)
            return versions.map { (name, $0) }
        } ?? []
    }

    /// Of an `APIResourceList`.
    static func resources(_ document: [UInt8], group: String, version: String) throws(ObjectDecodingError) -> [Resource] {
        try JSONView(document)["resources"].map(\.elements)?.compactMap { entry in
            let verbs = Set((entry["verbs"]?.elements ?? []).compactMap(\.string))
            guard let plural = entry["name"]?.string, isName(plural), let kind = entry["kind"]?.string, !kind.isEmpty,
                verbs.isSuperset(of: ["list", "watch"]),
                !Resource.all.contains(where: { $0.group == group && $0.plural == plural })
            else { return nil }
            return Resource(
                group: group, version: version, plural: plural, kind: kind, isNamespaced: entry["namespaced"]?.bool ?? false)
        } ?? []
    }

    /// Letters, digits, dashes and dots: subresources (`pods/status`) are none.
    private static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 253
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                    UInt8(ascii: "-"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
    }
}
