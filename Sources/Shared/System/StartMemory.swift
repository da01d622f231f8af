/// What only the start of a process took: memory that it has freed, and pages of code that nothing runs any more.
public enum StartMemory {
    /// Gives it back to the system, once (``Allocator/trim()``, ``ProgramPages/release()``).
    /// - Parameter delay: until nothing is done for the first time any more.
    public static func giveBack(after delay: Duration) {
        Task {
            try await Task.sleep(for: delay)
            Allocator.trim()
            ProgramPages.release()
        }
    }
}
