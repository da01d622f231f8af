internal import CProtobufC
internal import Synchronization

/// Memory for one decoded message: protobuf-c takes all its pieces from here, and they go away together.
///
/// A few arenas are kept for the next decodes, one for each thread that decodes at a time, so that a stream of deltas asks the allocator
/// for nothing.
@safe
final class MessageArena: @unchecked Sendable {
    // @unchecked Sendable: whoever took an arena has it alone until it is given back.

    private static let spares = Mutex<[MessageArena]>([])
    private static let mostSpares = 8

    /// Larger arenas are not kept: a decode of 26 kB of protobuf fits, and pods take a fifth of that.
    private static let spareLimit = 128 << 10

    private static let alignment = 16

    // Safe: see `deinit` and `allocate`.
    private var chunks: [UnsafeMutableRawBufferPointer] = unsafe []
    /// The last chunk.
    private var room = unsafe UnsafeMutableRawBufferPointer(start: nil, count: 0)
    /// Bytes of it that are handed out.
    private var used = 0
    private var total = 0
    private var limit: Int

    private init(messageSize: Int) {
        limit = Self.limit(messageSize)
        addChunk(Self.firstChunk(messageSize))
    }

    /// Memory is limited to 256 times the message's size on the wire and 1 MiB more, so that bytes made to waste memory (two bytes
    /// can announce a whole structure) end in an error.
    private static func limit(_ messageSize: Int) -> Int { messageSize * 256 + (1 << 20) }
    private static func firstChunk(_ messageSize: Int) -> Int { max(4096, messageSize * 5) }

    /// An empty arena for a message of so many bytes; a kept one, unless other decodes have them or it is too small.
    /// Whoever takes it gives it back when nothing reads the message any more.
    static func take(messageSize: Int) -> MessageArena {
        let kept = spares.withLockIfAvailable { $0.popLast() }
        guard let arena = kept ?? nil, arena.total >= firstChunk(messageSize) else { return MessageArena(messageSize: messageSize) }
        arena.used = 0
        arena.limit = limit(messageSize)
        return arena
    }

    func giveBack() {
        guard unsafe chunks.count == 1, total <= Self.spareLimit else { return }
        _ = Self.spares.withLockIfAvailable { if $0.count < Self.mostSpares { $0.append(self) } }
    }

    deinit {
        // Safe: each chunk was allocated here and is freed once; no message outlives its arena (see `withMessage`).
        unsafe chunks.forEach { unsafe $0.deallocate() }
    }

    private func addChunk(_ size: Int) {
        // Safe: memory is handed out only within these bounds.
        unsafe room = .allocate(byteCount: size, alignment: Self.alignment)
        unsafe chunks.append(room)
        used = 0
        total += size
    }

    /// NULL beyond the limit, which protobuf-c reports as a failed decode.
    private func allocate(_ size: Int) -> UnsafeMutableRawPointer? {
        guard size <= limit else { return nil }
        let rounded = (max(size, 1) + Self.alignment - 1) & ~(Self.alignment - 1)
        if unsafe used + rounded > room.count {
            let next = unsafe max(rounded, room.count)
            guard total + next <= limit else { return nil }
            addChunk(next)
        }
        defer { used += rounded }
        // Safe: used + rounded is within the last chunk.
        return unsafe room.baseAddress.map { unsafe $0 + used }
    }

    /// Runs `body` with an allocator that takes from this arena and frees nothing.
    fileprivate func withAllocator<Result>(
        _ body: (UnsafeMutablePointer<ProtobufCAllocator>) -> Result
    ) -> Result {
        // Safe: the arena lives until the end of this call, and protobuf-c keeps no allocator beyond its own call.
        let arena = unsafe Unmanaged.passUnretained(self).toOpaque()
        var allocator = unsafe ProtobufCAllocator(
            alloc: { arena, size in
                guard let arena = unsafe arena else { return nil }
                return unsafe Unmanaged<MessageArena>.fromOpaque(arena).takeUnretainedValue().allocate(size)
            },
            free: { _, _ in },
            allocator_data: arena)
        return withExtendedLifetime(self) { unsafe body(&allocator) }
    }
}

/// Decodes `bytes` and calls `body` with the message; the message is gone when the call returns, whatever happened.
///
/// - Throws: ``ObjectDecodingError`` with the offset and the field where the bytes stop being this message,
///   or what `body` throws.
func withMessage<Result>(
    _ bytes: [UInt8], _ schema: MessageSchema,
    _ body: (MessagePointer) throws(ObjectDecodingError) -> Result
) throws(ObjectDecodingError) -> Result {
    let arena = MessageArena.take(messageSize: bytes.count)
    defer { arena.giveBack() }
    // Safe: `unpack` reads exactly `count` bytes during the call and copies what it keeps into the arena.
    let message = unsafe arena.withAllocator { allocator in
        unsafe bytes.withUnsafeBufferPointer { buffer in
            unsafe protobuf_c_message_unpack(schema.descriptor, allocator, buffer.count, buffer.baseAddress)
        }
    }
    guard let message = unsafe message else { throw MessageFault.find(in: bytes, schema) }
    // Safe: the message was made by `unpack` and lives in the arena, which is given back after `body`.
    return try body(unsafe MessagePointer(message, in: arena))
}

/// The same, for code that walks a schema.
func withMessage<Result>(
    _ bytes: [UInt8], _ schema: MessageSchema, _ body: (MessageReader) throws(ObjectDecodingError) -> Result
) throws(ObjectDecodingError) -> Result {
    try withMessage(bytes, schema) { (message: MessagePointer) throws(ObjectDecodingError) in
        // Safe: the message was decoded by this schema.
        try body(unsafe MessageReader(message.fields(), schema))
    }
}

extension EncodedObject {
    /// The bytes as protobuf; JSON becomes that first, so that both give the same.
    func protobuf(_ schema: MessageSchema) throws(ObjectDecodingError) -> [UInt8] {
        switch encoding {
        case .protobuf: bytes
        case .json: try JSONToProtobuf.convert(bytes, schema)
        }
    }

    /// Calls `body` with the object as a message of `schema`.
    func withMessage<Result>(
        _ schema: MessageSchema, _ body: (MessagePointer) throws(ObjectDecodingError) -> Result
    ) throws(ObjectDecodingError) -> Result {
        try KubernetesObjects.withMessage(protobuf(schema), schema, body)
    }

    func withMessage<Result>(
        _ schema: MessageSchema, _ body: (MessageReader) throws(ObjectDecodingError) -> Result
    ) throws(ObjectDecodingError) -> Result {
        try KubernetesObjects.withMessage(protobuf(schema), schema, body)
    }
}
