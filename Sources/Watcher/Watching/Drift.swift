import KubernetesObjects

/// What one comparison of what is held with what the server has brought to light.
///
/// A difference alone proves nothing: the server's first answer comes from a cache and may be older than what is held, and
/// a change may be under way. So a difference counts as drift only when a second comparison, made after the watch has
/// had time to bring whatever was under way and against the server's newest state, finds the very same one: the same object,
/// the same two versions. Which of them is the higher number is not asked: after a restore of etcd it is ours.
struct Drift: Hashable {
    enum Kind: String, CaseIterable {
        /// The server has the object and we do not.
        case missing
        /// We have the object and the server does not.
        case extra
        /// Both have it, the server in another version; or the record table says something else than the object.
        case different
    }

    /// One object's difference, with the versions that it was seen in.
    struct Finding: Hashable {
        var kind: Kind
        /// `namespace/name`, or the UID where only that is known.
        var object: String
        var held: String
        var listed: String
    }

    private(set) var findings: Set<Finding> = []

    mutating func add(_ finding: Finding) { findings.insert(finding) }

    /// What both comparisons saw.
    func confirmed(by later: Drift) -> Set<Finding> { findings.intersection(later.findings) }

    /// - Parameters:
    ///   - held: resourceVersions by UID.
    ///   - listed: the same of the server.
    mutating func compare(held: [String: String], listed: [String: ListedObject]) {
        for (uid, object) in listed {
            guard let version = held[uid] else {
                add(Finding(kind: .missing, object: object.name, held: "", listed: object.version))
                continue
            }
            guard version != object.version else { continue }
            add(Finding(kind: .different, object: object.name, held: version, listed: object.version))
        }
        for (uid, version) in held where listed[uid] == nil {
            add(Finding(kind: .extra, object: uid, held: version, listed: ""))
        }
    }

    struct ListedObject {
        var name: String
        var version: String
    }
}
