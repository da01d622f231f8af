/// A UID, or a namespace with a name, in 128 bits: two keyed hashes. Two of one cluster that share both would need 10¹⁹ objects.
///
/// Means nothing in another process, or after a restart.
@frozen
public struct ObjectKey: Hashable, Sendable {
    @usableFromInline let first: Int
    @usableFromInline let second: Int

    public init(uid: String) {
        self.init { $0.combine(uid) }
    }

    /// - Parameter namespace: empty for objects without one.
    public init(namespace: String, name: String) {
        self.init {
            $0.combine(namespace)
            $0.combine(name)
        }
    }

    private init(_ combine: (inout Hasher) -> Void) {
        var hasher = Hasher()
        combine(&hasher)
        first = hasher.finalize()
        var other = Hasher()
        other.combine(UInt8(1))
        combine(&other)
        second = other.finalize()
    }
}
