internal import CMizzenSystem

/// 64 bits of bytes, the same in every process of this release and the next: for what is kept in files. The seed is no secret, so who chooses
/// the bytes may choose two that share a hash.
public enum StableHash {
    public static func of(_ bytes: Span<UInt8>, seed: UInt64) -> UInt64 {
        // Safe: the function reads `count` bytes from a buffer that is valid for the call.
        unsafe bytes.withUnsafeBufferPointer { unsafe mz_keyed_hash(seed, $0.baseAddress, $0.count) }
    }
}
