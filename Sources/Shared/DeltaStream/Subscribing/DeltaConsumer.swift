public import KubernetesObjects

/// Receives what a ``Subscriber`` learns. All calls come from one thread, in order, and should return soon: while one
/// runs nothing is received, and what overflows meanwhile is lost, noticed and fetched again.
public protocol DeltaConsumer: Sendable {
    /// Comes just before `replaceBucket`, and says where in the stream the bucket then stands.
    /// - Parameter past: the deltas that led there, without a hole, as far as the publisher has them; empty unless they are asked for
    ///   (``Subscriber/Options/wantsPast``).
    func willReplaceBucket(_ resource: Resource, bucket: UInt8, position: StreamPosition, past: [Delta])

    /// These are now all objects of the bucket (of the wanted namespaces); what else was held of it is gone.
    func replaceBucket(_ resource: Resource, bucket: UInt8, objects: [Delta])

    /// One change on top of what is held. Its stream and sequence are where the bucket then stands.
    func apply(_ delta: Delta)

    /// Everything wanted of the resource is held and current. Called again when `synced` changes.
    /// - Parameter synced: the watcher itself has seen a whole list of the resource.
    func joined(_ resource: Resource, synced: Bool)

    /// What is held of the resource may be behind; it stays valid as of `since`, and `joined` follows when it is
    /// current again. Data need not be dropped.
    /// - Parameter since: nanoseconds since 1970-01-01 UTC, the publisher's clock at the last heartbeat.
    func stale(_ resource: Resource, since: Int64)

    /// The publisher is alive and holds this resource as of `resourceVersion`.
    func heartbeat(_ heartbeat: Heartbeat)
}

extension DeltaConsumer {
    public func heartbeat(_ heartbeat: Heartbeat) {}
    public func willReplaceBucket(_ resource: Resource, bucket: UInt8, position: StreamPosition, past: [Delta]) {}
}
