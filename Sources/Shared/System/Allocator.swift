internal import CMizzenSystem

/// The process's malloc: how much of what is freed it keeps.
///
/// A list of a large cluster passes through the heap once, in pieces of many sizes and from several threads. Left alone, each thread
/// has a heap of its own, and what the list has freed in them stays the process's for good.
public enum Allocator {
    /// For a process that holds much and allocates little at a time. To be called first: heaps that threads have got by then stay.
    /// - Returns: false where the C library knows no such limits (musl needs none).
    @discardableResult
    public static func staysSmall() -> Bool { mz_allocator_limit(2, 256 << 10) }

    /// Gives free pages back to the system: some milliseconds, in which other threads may wait for memory.
    /// - Returns: false where the C library cannot.
    @discardableResult
    public static func trim() -> Bool { mz_allocator_trim() }
}
