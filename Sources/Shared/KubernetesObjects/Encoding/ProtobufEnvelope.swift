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
        public var kind: String
        public var apiVersion: String
        /// The bare message.
        public var message: [UInt8]
        /// Where the message begins in the envelope.
        var messageOffset: Int
    }

    public static func unwrap(_ envelope: [UInt8]) throws(ObjectDecodingError) -> Contents {
        guard envelope.starts(with: magic) else {
            throw ObjectDecodingError(.malformed("the bytes k8s\\0 were expected"), at: 0)
        }
        var contents = Contents(kind: "", apiVersion: "", message: [], messageOffset: envelope.count)
        var cursor = WireCursor(envelope, magic.count..<envelope.count)
        while let field = try cursor.next() {
            guard field.type == .lengthDelimited else { continue }
            switch field.number {
            case 1:
                var type = WireCursor(envelope, field.payload)
                while let member = try type.next() {
                    guard member.type == .lengthDelimited else { continue }
                    let text = String(decoding: envelope[member.payload], as: UTF8.self)
                    if member.number == 1 { contents.apiVersion = text }
                    if member.number == 2 { contents.kind = text }
                }
            case 2:
                contents.message = Array(envelope[field.payload])
                contents.messageOffset = field.payload.lowerBound
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
