import RecordTable

/// The record table as one thread reads it; there may be none yet.
final class TableSlot {
    let path: String
    private(set) var reader: TableReader?
    /// Why there is none, or not the current one, in words for the operator.
    private(set) var fault: TableError?
    /// Whether what the table lacks does not exist; false without one. As of the last `refresh`.
    private(set) var isTrusted = false
    let soundness: TableSoundness

    init(path: String, soundness: TableSoundness = TableSoundness()) {
        self.path = path
        self.soundness = soundness
        refresh()
    }

    /// Opens the table if that was not possible yet, or again if it was replaced. For about once a second.
    ///
    /// - Returns: whether another table is in use now.
    @discardableResult
    func refresh() -> Bool {
        defer { isTrusted = reader.map(soundness.isTrusted) ?? false }
        if let reader {
            let isAnother = reader.reopenIfReplaced()
            reader.followGeneration()
            fault = reader.fault
            return isAnother
        }
        do throws(TableError) {
            reader = try TableReader(path: path)
            fault = nil
            return true
        } catch {
            fault = error
            return false
        }
    }
}
