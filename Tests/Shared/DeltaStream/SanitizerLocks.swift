#if MIZZEN_SANITIZE
    import SanitizedMutex

    /// The thread sanitizer does not see how Swift's own passes from thread to thread (Tests/SanitizedMutex says why).
    typealias Mutex<Value: ~Copyable> = SanitizedMutex<Value>
#endif
