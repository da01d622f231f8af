public import KubernetesObjects

/// Where a ``Reflector`` puts what it sees.
///
/// For one resource the calls come in order and never concurrently:
/// `(listBegan (upsert | delete | undecodable)* listEnded (upsert | delete | bookmark | undecodable)*)*`,
/// where a list that broke off has no `listEnded`: the next call is then `listBegan` again, which starts the list over.
/// The same object may be upserted more than once, within a list too.
public protocol ReflectorSink: Sendable {
    /// A full list starts: what is not upserted until ``listEnded(_:resourceVersion:)`` does not exist any more.
    func listBegan(_ resource: Resource) async
    func upsert(_ object: WatchedObject) async
    /// Objects of a list that arrived together, in their order: as that many upserts.
    func upsert(_ objects: [WatchedObject]) async
    /// The object carries its last state, with the resourceVersion of the deletion.
    func delete(_ object: WatchedObject) async
    func listEnded(_ resource: Resource, resourceVersion: String) async
    func bookmark(_ resource: Resource, resourceVersion: String) async
    /// An object that cannot be decoded was skipped: to be counted, and logged once.
    func undecodable(_ resource: Resource, reason: String) async
}

extension ReflectorSink {
    public func upsert(_ objects: [WatchedObject]) async {
        for object in objects { await upsert(object) }
    }
}
