import Glibc

/// Stands in for `Synchronization.Mutex` in builds for the thread sanitizer (scripts/sanitize).
///
/// Where two threads contend for Swift's Mutex, Linux hands it over in the kernel (FUTEX_LOCK_PI): no store is made that the
/// sanitizer could see, so it takes whatever the lock protects for a race. It knows pthread's mutex.
public struct SanitizedMutex<Value: ~Copyable>: ~Copyable, @unchecked Sendable {
    // Sendable: `value` is touched only by whoever holds `lock`.
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let value: UnsafeMutablePointer<Value>

    public init(_ value: consuming sending Value) {
        // Safe: both are freed in `deinit`, when nobody can hold the lock.
        unsafe lock = .allocate(capacity: 1)
        unsafe pthread_mutex_init(lock, nil)
        unsafe self.value = .allocate(capacity: 1)
        unsafe self.value.initialize(to: value)
    }

    deinit {
        unsafe value.deinitialize(count: 1)
        unsafe value.deallocate()
        unsafe pthread_mutex_destroy(lock)
        unsafe lock.deallocate()
    }

    public borrowing func withLock<Result: ~Copyable, Failure>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        unsafe pthread_mutex_lock(lock)
        // Safe: the lock is held.
        defer { unsafe pthread_mutex_unlock(lock) }
        return try unsafe body(&value.pointee)
    }

    public borrowing func withLockIfAvailable<Result: ~Copyable, Failure>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result? {
        guard unsafe pthread_mutex_trylock(lock) == 0 else { return nil }
        // Safe: the lock is held.
        defer { unsafe pthread_mutex_unlock(lock) }
        return try unsafe body(&value.pointee)
    }
}
