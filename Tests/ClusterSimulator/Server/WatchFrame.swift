import NIOCore

/// Frames of watch answers: a line of JSON, or a length and a `meta.v1.WatchEvent`.
enum WatchFrame {
    struct Form: Sendable, Hashable {
        var kind: StoreEvent.Kind
        var representation: Representation
    }

    static func encode(_ object: StoredObject, _ form: Form) throws(StatusError) -> ByteBuffer {
        switch form.representation.encoding {
        case .json:
            return json(form.kind.rawValue, try ObjectEncoder.json(object, form.representation.view))
        case .protobuf:
            return protobuf(form.kind.rawValue, try ObjectEncoder.protobuf(object, form.representation.view))
        }
    }

    static func error(_ error: StatusError, _ representation: Representation) -> ByteBuffer {
        switch representation.encoding {
        case .json: json("ERROR", error.json.encoded)
        case .protobuf:
            protobuf("ERROR", ProtobufEnvelope.wrap(error.protobuf, apiVersion: "v1", kind: "Status"))
        }
    }

    /// An object of the watched type that says nothing but a version.
    /// - Parameter endsInitialEvents: whether it closes the first part of a WatchList.
    static func bookmark(
        _ type: ResourceType, version: UInt64, endsInitialEvents: Bool, _ representation: Representation
    ) throws(StatusError) -> ByteBuffer {
        var tree: JSONValue = ["metadata": ["resourceVersion": .string(String(version))]]
        if endsInitialEvents {
            tree.set("true", at: "metadata", "annotations", "k8s.io/initial-events-end")
        }
        for (key, value) in emptyFields[type.kind]?.object?.members ?? [] { tree[key] = value }
        let object = StoredObject(type: type, tree: tree, resourceVersion: version)
        switch representation.encoding {
        case .json: return json("BOOKMARK", try ObjectEncoder.json(object, representation.view))
        case .protobuf: return protobuf("BOOKMARK", try ObjectEncoder.protobuf(object, representation.view))
        }
    }

    private static func json(_ kind: String, _ object: [UInt8]) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(object.count + 40)
        buffer.writeString("{\"type\":\"\(kind)\",\"object\":")
        buffer.writeBytes(object)
        buffer.writeString("}\n")
        return buffer
    }

    private static func protobuf(_ kind: String, _ object: [UInt8]) -> ByteBuffer {
        var event = ProtobufWriter()
        event.string(1, kind)
        event.header(2, length: 1 + ProtobufWriter.varintLength(object.count) + object.count)
        event.data(1, object)
        var buffer = ByteBuffer()
        buffer.reserveCapacity(event.bytes.count + 4)
        buffer.writeInteger(UInt32(event.bytes.count))
        buffer.writeBytes(event.bytes)
        return buffer
    }

    /// Fields that Go writes for an otherwise empty object, since they are not optional there.
    private static let emptyFields: [String: JSONValue] = [
        "EndpointSlice": ["addressType": "", "endpoints": .null, "ports": .null],
        "Service": ["spec": [:], "status": ["loadBalancer": [:]]],
        "Namespace": ["spec": [:], "status": [:]],
        "Pod": ["spec": ["containers": .null], "status": [:]],
        "Node": ["spec": [:], "status": ["daemonEndpoints": ["kubeletEndpoint": ["Port": 0]]]],
        "Deployment": [
            "spec": [
                "selector": .null, "template": ["metadata": [:], "spec": ["containers": .null]], "strategy": [:],
            ],
            "status": [:],
        ],
    ]
}
