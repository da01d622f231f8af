import RecordTable

/// The record table as one thread reads it; there may be none yet.
final class TableSlot {
    let path: String
    private(set) var reader: TableReader?
    /// Why there is none, in words for the operator.
    private(set) var fault: TableError?

    init(path: String) {
        self.path = path
        refresh()
    }

    /// Opens the table if that was not possible yet, or again if it was replaced. For about once a second.
    ///
    /// - Returns: whether another table is in use now.
    @discardableResult
    func refresh() -> Bool {
        if let reader { return reader.reopenIfReplaced() }
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
