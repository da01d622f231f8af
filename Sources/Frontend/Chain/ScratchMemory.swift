/// A block of memory for messages in the making, of one owner.
///
/// Memory contract: the buffer is valid as long as this object, and the owner leaves it before it lets go of the object.
@safe
final class ScratchMemory {
    /// Valid as long as this object.
    let buffer: UnsafeMutableRawBufferPointer

    init(count: Int) { unsafe buffer = .allocate(byteCount: count, alignment: 16) }

    deinit { unsafe buffer.deallocate() }

    /// A copy of the first octets.
    func bytes(_ count: Int) -> [UInt8] {
        // Safe: rebasing a prefix clamps to the buffer.
        unsafe [UInt8](buffer.prefix(count))
    }
}
