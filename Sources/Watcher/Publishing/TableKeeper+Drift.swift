import RecordTableWriter
import KubernetesObjects
import RecordTable

extension TableKeeper {
    /// Whether the table's record of the object is what the object calls for. Objects that cannot be decoded agree: the table
    /// keeps their last good record on purpose; so do objects that it does not hold.
    func agrees(with object: WatchedObject) -> Bool {
        guard let resource = TabledResource(object.resource) else { return true }
        let (namespace, name) = (object.identity.namespace, object.identity.name)
        do {
            switch resource {
            case .namespaces: return writer.namespace(name) == (try NamespaceRecord(decoding: object.object))
            case .services: return writer.service(namespace, name) == (try ServiceRecord(decoding: object.object))
            case .endpointSlices:
                let held = held[TableWriter.ObjectName(namespace: namespace, name: name)]
                let own = held.map { $0.isGone ? nil : $0.record } ?? writer.slice(namespace, name)
                return own == (try EndpointSliceRecord(decoding: object.object))
            case .pods: return writer.pod(namespace, name) == PodRecord(try PodAddressing(object.object))
            }
        } catch {
            return true
        }
    }
}
