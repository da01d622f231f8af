import NIOCore

/// Single objects and lists in the forms that requests ask for.
enum ObjectEncoder {
    /// With `kind` and `apiVersion`.
    static func json(_ object: StoredObject, _ view: Representation.View) throws(StatusError) -> [UInt8] {
        switch view {
        case .whole: object.typedJSON
        case .metadata: partial(object).encoded
        case .table(let inclusion): TableRows.table([object], object.type, inclusion, metadata: [:]).encoded
        }
    }

    /// In Kubernetes' envelope.
    static func protobuf(_ object: StoredObject, _ view: Representation.View) throws(StatusError) -> [UInt8] {
        switch view {
        case .whole:
            return ProtobufEnvelope.wrap(
                try object.protobuf(), apiVersion: object.type.apiVersion, kind: object.type.kind)
        case .metadata:
            return ProtobufEnvelope.wrap(
                try metadataField(object), apiVersion: "meta.k8s.io/v1", kind: "PartialObjectMetadata")
        case .table: throw .notAcceptable
        }
    }

    static func partial(_ object: StoredObject) -> JSONValue {
        [
            "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object.tree["metadata"] ?? [:],
        ]
    }

    /// Field 1 of every object's message is its metadata, and so it is in `PartialObjectMetadata`.
    private static func metadataField(_ object: StoredObject) throws(StatusError) -> [UInt8] {
        let message = try object.protobuf()
        guard message.first == 0x0a else { return [] }
        var length = 0
        var shift = 0
        var position = 1
        while position < message.count {
            length |= Int(message[position] & 0x7f) << shift
            shift += 7
            position += 1
            if message[position - 1] & 0x80 == 0 { break }
        }
        return Array(message.prefix(position + length))
    }

    /// A whole list, in pieces of about a megabyte, so that a list of 150,000 pods is never in memory twice.
    struct ListPieces: Sendable {
        var remaining: ArraySlice<StoredObject>
        private var head: [UInt8]?
        private var tail: [UInt8]?
        private let piece: @Sendable (StoredObject) -> [UInt8]
        private var isFirst = true
        private let separator: [UInt8]
        private static let pieceSize = 1 << 20

        init(
            _ objects: ArraySlice<StoredObject>, _ type: ResourceType, metadata: JSONValue,
            _ representation: Representation
        ) throws(StatusError) {
            remaining = objects
            let view = representation.view
            let isWhole = view == .whole
            let kind = isWhole ? "\(type.kind)List" : "PartialObjectMetadataList"
            let version = isWhole ? type.apiVersion : "meta.k8s.io/v1"
            if case .table(let inclusion) = view {
                head = TableRows.table(Array(objects), type, inclusion, metadata: metadata).encoded
                remaining = []
                separator = []
                piece = { _ in [] }
            } else if representation.encoding == .json {
                var text = Array("{\"kind\":\"\(kind)\",\"apiVersion\":\"\(version)\",\"metadata\":".utf8)
                metadata.write(to: &text)
                text.append(contentsOf: ",\"items\":[".utf8)
                head = text
                tail = Array("]}\n".utf8)
                separator = [UInt8(ascii: ",")]
                piece = { isWhole ? $0.json : ObjectEncoder.partial($0).encoded }
            } else {
                var length = 0
                for object in objects { length += Self.fieldLength(try Self.message(object, view).count) }
                let listMetadata = Self.listMetadata(metadata)
                head =
                    ProtobufEnvelope.head(
                        apiVersion: version, kind: kind, messageLength: listMetadata.count + length) + listMetadata
                tail = ProtobufEnvelope.tail
                separator = []
                piece = { object in
                    // It encoded above, and what encodes once is kept.
                    var writer = ProtobufWriter()
                    writer.data(2, (try? Self.message(object, view)) ?? [])
                    return writer.bytes
                }
            }
        }

        private static func message(_ object: StoredObject, _ view: Representation.View) throws(StatusError) -> [UInt8] {
            view == .whole ? try object.protobuf() : try ObjectEncoder.metadataField(object)
        }

        private static func fieldLength(_ count: Int) -> Int { 1 + ProtobufWriter.varintLength(count) + count }

        private static func listMetadata(_ metadata: JSONValue) -> [UInt8] {
            var writer = ProtobufWriter()
            writer.message(1) { field in
                field.string(1, "")
                field.string(2, metadata["resourceVersion"]?.string ?? "")
                field.string(3, metadata["continue"]?.string ?? "")
                if let count = metadata["remainingItemCount"]?.integer { field.varint(4, UInt64(count)) }
            }
            return writer.bytes
        }

        mutating func next() -> ByteBuffer? {
            var buffer = ByteBuffer()
            if let head { buffer.writeBytes(head) }
            head = nil
            while buffer.readableBytes < Self.pieceSize, let object = remaining.popFirst() {
                if !isFirst { buffer.writeBytes(separator) }
                isFirst = false
                buffer.writeBytes(piece(object))
            }
            if remaining.isEmpty, let tail {
                buffer.writeBytes(tail)
                self.tail = nil
            }
            return buffer.readableBytes == 0 ? nil : buffer
        }
    }
}
