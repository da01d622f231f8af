import CProtobufC
import Glibc

extension ZeroMQFrame {
    /// Makes this the packed form of a protobuf-c message.
    mutating func pack(_ message: UnsafePointer<ProtobufCMessage>) {
        // Safe: protobuf-c writes exactly as many bytes as it said it would.
        unsafe fill(protobuf_c_message_get_packed_size(message)) { target in
            guard let start = target.baseAddress else { return }
            _ = unsafe protobuf_c_message_pack(message, start.assumingMemoryBound(to: UInt8.self))
        }
    }
}

/// Memory for the parts of one protobuf-c message, given back together.
///
/// Taken from the system in blocks of a size and given out piece by piece: a sample of a node has a thousand parts.
@safe struct EnvelopeArena: ~Copyable {
    private var blocks: [UnsafeMutableRawPointer] = unsafe []
    /// What is left of the last block: where, and how many bytes.
    private var rest: UnsafeMutableRawPointer?
    private var restSize = 0

    private static let blockSize = 32 << 10
    /// What calloc aligns to, and more than any C structure asks for.
    private static let alignment = 16

    init() {}

    deinit {
        // Safe: each block came from calloc and is only here.
        for index in unsafe blocks.indices { unsafe free(blocks[index]) }
    }

    /// Zeroed, aligned for anything, alive as long as the arena.
    private mutating func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
        let size = (max(bytes, 1) + Self.alignment - 1) & ~(Self.alignment - 1)
        // A large one has a block of its own, so that what is left of the last one is not lost.
        if size > Self.blockSize / 4 { return unsafe block(size) }
        // Safe: `size` of the block's bytes, which are given to nobody else.
        let isThere = restSize >= size
        let piece = unsafe (isThere ? rest : nil) ?? block(Self.blockSize)
        restSize = (isThere ? restSize : Self.blockSize) - size
        unsafe rest = piece + size
        return unsafe piece
    }

    private mutating func block(_ size: Int) -> UnsafeMutableRawPointer {
        guard let block = unsafe calloc(1, size) else { fatalError("out of memory") }
        unsafe blocks.append(block)
        return unsafe block
    }

    mutating func text(_ text: String) -> UnsafeMutablePointer<CChar> {
        var text = text
        return text.withUTF8 { utf8 in
            // Safe: one byte more than is copied, and zeroed: the NUL.
            let block = unsafe allocate(utf8.count + 1)
            if let source = utf8.baseAddress { unsafe block.copyMemory(from: source, byteCount: utf8.count) }
            return unsafe block.assumingMemoryBound(to: CChar.self)
        }
    }

    mutating func array<Element: BitwiseCopyable>(_ elements: [Element]) -> UnsafeMutablePointer<Element> {
        // Safe: as large as what is put there.
        let block = unsafe allocate(elements.count * MemoryLayout<Element>.stride)
        let typed = unsafe block.bindMemory(to: Element.self, capacity: elements.count)
        for (index, element) in elements.enumerated() { unsafe (typed + index).initialize(to: element) }
        return unsafe typed
    }

    /// One zeroed struct, set up by its `…__init` function.
    mutating func message<Message: BitwiseCopyable>(
        _ setUp: (UnsafeMutablePointer<Message>?) -> Void
    ) -> UnsafeMutablePointer<Message> {
        // Safe: a C struct for which all-zero is a value.
        let pointer = unsafe allocate(MemoryLayout<Message>.size).bindMemory(to: Message.self, capacity: 1)
        unsafe setUp(pointer)
        return unsafe pointer
    }

    /// For `repeated` message fields: an array of pointers.
    mutating func pointers<Message>(_ pointers: [UnsafeMutablePointer<Message>])
        -> UnsafeMutablePointer<UnsafeMutablePointer<Message>?>
    {
        // Safe: as large as what is put there.
        let size = unsafe pointers.count * MemoryLayout<UnsafeMutablePointer<Message>?>.stride
        let typed = unsafe allocate(size)
            .bindMemory(to: UnsafeMutablePointer<Message>?.self, capacity: pointers.count)
        for index in unsafe pointers.indices { unsafe (typed + index).initialize(to: pointers[index]) }
        return unsafe typed
    }
}
