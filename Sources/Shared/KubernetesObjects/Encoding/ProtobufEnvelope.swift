/// The envelope of protobuf bodies: the magic `k8s\0`, then `runtime.Unknown` with the kind and the message.
public enum ProtobufEnvelope {
    public static let magic: [UInt8] = [0x6b, 0x38, 0x73, 0x00]

    /// A message of any kind as an API server sends it.
    public static func wrap(_ message: [UInt8], kind: String, apiVersion: String) -> [UInt8] {
        var type: [UInt8] = []
        type.appendField(1, Array(apiVersion.utf8))
        type.appendField(2, Array(kind.utf8))
        var envelope = magic
        envelope.reserveCapacity(message.count + type.count + 24)
        envelope.appendField(1, type)
        envelope.appendField(2, message)
        envelope.appendField(3, [])
        envelope.appendField(4, [])
        return envelope
    }

    /// What an envelope holds.
    public struct Contents: Hashable, Sendable {
        /// `metav1.TypeMeta` on the wire.
        fileprivate var type: ArraySlice<UInt8>
        /// The bare message, a range of the envelope.
        public var message: ArraySlice<UInt8>

        /// Empty where the envelope does not say.
        public var kind: String { text(2) }
        public var apiVersion: String { text(1) }

        private func text(_ number: UInt32) -> String {
            var text = ""
            var cursor = WireCursor(type)
            // The type was walked whole when the envelope was unwrapped.
            while let member = try? cursor.next() {
                guard member.number == number, member.type == .lengthDelimited else { continue }
                text = String(decoding: type[member.payload], as: UTF8.self)
            }
            return text
        }
    }

    /// Nothing is copied: what comes back are ranges of `envelope`.
    public static func unwrap(_ envelope: ArraySlice<UInt8>) throws(ObjectDecodingError) -> Contents {
        guard envelope.starts(with: magic) else {
            throw ObjectDecodingError(.malformed("the bytes k8s\\0 were expected"), at: 0)
        }
        var contents = Contents(type: [], message: envelope[envelope.endIndex...])
        var cursor = WireCursor(envelope, (envelope.startIndex + magic.count)..<envelope.endIndex)
        while let field = try cursor.next() {
            guard field.type == .lengthDelimited else { continue }
            switch field.number {
            case 1:
                var type = WireCursor(envelope, field.payload)
                while try type.next() != nil {}
                contents.type = envelope[field.payload]
            case 2:
                contents.message = envelope[field.payload]
            default: break
            }
        }
        return contents
    }

    /// A list as an API server sends it, from bare messages.
    public static func list(_ items: [[UInt8]], metadata: ListMetadata, resource: Resource) -> [UInt8] {
        var head: [UInt8] = []
        head.appendField(1, [])
        head.appendField(2, Array(metadata.resourceVersion.utf8))
        head.appendField(3, Array(metadata.continueToken.utf8))
        if let remaining = metadata.remainingItemCount {
            head.appendField(4, varint: UInt64(bitPattern: remaining))
        }
        var list: [UInt8] = []
        list.reserveCapacity(items.reduce(64) { $0 + $1.count + 8 })
        list.appendField(1, head)
        for item in items { list.appendField(2, item) }
        return wrap(list, kind: resource.kind + "List", apiVersion: resource.apiVersion)
    }
}
