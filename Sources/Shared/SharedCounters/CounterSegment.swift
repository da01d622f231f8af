import CMizzenSystem
import Glibc
import MizzenSystem
public import ProcessRuntime
import RecordTable
import Synchronization

/// This process's own counters, where others see them. The only writer of its file; the contract is at the head of `CounterLayout.swift`.
///
/// Lives as long as anybody holds cells of it, and the lock that says so with it.
@safe
public final class CounterSegment: MetricMemory, @unchecked Sendable {
    // @unchecked: what is mutable is behind `state`, or a word of the mapping, which is only touched atomically; file and mapping are there to be held.

    private struct State {
        /// Where the next record begins.
        var end = CounterLayout.Header.size
        /// Up to where the file system has set room aside.
        var allocated: Int
        /// Records by the place of their cells, and those that are not told by their descriptions, to be used again.
        var records: [Int: (record: Int, description: [UInt8])] = [:]
        var withdrawn: [[UInt8]: Int] = [:]
        var shortage: CounterError?
    }

    public let id: String
    /// Nanoseconds since 1970.
    public let started: UInt64
    let path: String
    private let file: FileDescriptor
    private let mapping: MappedFile
    private let base: UnsafeMutableRawPointer
    private let state: Mutex<State>

    /// Makes a segment in a folder, with a name that nobody has.
    init(in folder: String, _ card: MemberCard, clock: TableClock) throws(CounterError) {
        id = Self.newID()
        started = clock.wall
        path = "\(folder)/\(CounterLayout.names)\(id)"
        let unfinished = path + CounterLayout.unfinished
        do throws(TableError) {
            file = try FileDescriptor(opening: unfinished, flags: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
            _ = try systemCall("flock", unfinished) { [file] in flock(file.number, LOCK_EX | LOCK_NB) }
            _ = try systemCall("ftruncate", unfinished) { [file] in ftruncate(file.number, off_t(CounterLayout.capacity)) }
            try DataFile.allocate(file, path: unfinished, offset: 0, length: CounterLayout.growth)
            mapping = try MappedFile(file, path: unfinished, size: CounterLayout.capacity, writable: true)
        } catch {
            // Safe: a NUL-terminated copy. Ours, by O_EXCL, or not there.
            _ = unsafe unlink(unfinished)
            throw CounterError(error, folder)
        }
        // Safe: the mapping lives as long as this object.
        unsafe base = mapping.base
        state = Mutex(State(allocated: CounterLayout.growth))
        fillHeader(clock)
        beat()
        // Before it has a name, so that nobody finds one without.
        let isShown = show(card)
        let (from, to) = (unfinished, path)
        do throws(SystemError) {
            // Somebody may have taken the file for what a killed process has left, between its making and its locking: then it has no name any more.
            // Safe: NUL-terminated copies.
            guard isShown else { throw SystemError(call: "open", code: ENAMETOOLONG) }
            try MizzenSystem.systemCall("rename") { unsafe rename(from, to) }
        } catch {
            _ = unsafe unlink(from)
            throw .system(path: folder, call: error.call, code: error.code, reason: error.reason)
        }
    }

    private static func newID() -> String {
        let digits = String(UInt64.random(in: 1...UInt64.max), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private func fillHeader(_ clock: TableClock) {
        // Safe: offsets of `Header` lie inside its size, which is mapped and set aside.
        unsafe mz_store_u64_relaxed(base + CounterLayout.Header.magic, CounterLayout.magic)
        unsafe mz_store_u32_relaxed(base + CounterLayout.Header.version, CounterLayout.version)
        unsafe mz_store_u32_relaxed(base + CounterLayout.Header.byteOrder, CounterLayout.byteOrderMark)
        unsafe mz_store_u64_relaxed(base + CounterLayout.Header.process, UInt64(getpid()))
        unsafe mz_store_u64_relaxed(base + CounterLayout.Header.started, clock.wall)
        unsafe mz_store_u64_relaxed(base + CounterLayout.Header.boot, clock.boot.high)
        unsafe mz_store_u64_relaxed(base + CounterLayout.Header.boot + 8, clock.boot.low)
        unsafe mz_store_u64_release(base + CounterLayout.Header.end, UInt64(CounterLayout.Header.size))
    }

    /// Why a series found no room; nil if each did.
    public var shortage: CounterError? { state.withLock { $0.shortage } }

    /// Whether its name is still there: who removes the folder hides it from all others.
    public var isListed: Bool { (try? file.identity(path)).map { $0 == FileIdentity.of(path: path) } ?? false }

    // MARK: Series

    public func cells(for series: [MetricSeries]) -> MetricCells? {
        let description = MetricSeries.bytes(series)
        let count = series.reduce(0) { $0 + $1.cellCount }
        return state.withLock { state in
            if let record = state.withdrawn.removeValue(forKey: description) { return again(record, description, count, &state) }
            return append(description, count, &state)
        }
    }

    /// Cells of their own cache lines, so that threads that count beside one another do not take them from one another.
    private func append(_ description: [UInt8], _ count: Int, _ state: inout State) -> MetricCells? {
        let cells = Self.aligned(CounterLayout.Record.headerSize + description.count)
        let length = Self.aligned(cells + count * 8)
        let start = state.end
        guard makeRoom(upTo: start + length, &state) else { return nil }
        // Safe (to the end of the function): the record lies between `end` and what is set aside, where nobody else writes and nobody reads yet.
        let record = unsafe base + start
        unsafe mz_store_u32_relaxed(record + CounterLayout.Record.length, UInt32(length))
        unsafe mz_store_u32_relaxed(record + CounterLayout.Record.descriptionLength, UInt32(description.count))
        unsafe mz_store_u32_relaxed(record + CounterLayout.Record.cellsOffset, UInt32(cells))
        unsafe mz_store_u32_relaxed(record + CounterLayout.Record.cellCount, UInt32(count))
        unsafe mz_store_u64_relaxed(record + CounterLayout.Record.checksum, StableHash.of(description.span, seed: CounterLayout.magic))
        unsafe description.withUnsafeBytes {
            unsafe (record + CounterLayout.Record.headerSize).copyMemory(
                from: $0.baseAddress ?? UnsafeRawPointer(record), byteCount: $0.count)
        }
        unsafe mz_store_u64_release(base + CounterLayout.Header.end, UInt64(start + length))
        state.end = start + length
        state.records[start + cells] = (start, description)
        return unsafe MetricCells(count, at: record + cells, of: self)
    }

    /// A record that was withdrawn, from 0 on.
    private func again(_ start: Int, _ description: [UInt8], _ count: Int, _ state: inout State) -> MetricCells {
        let cells = Self.aligned(CounterLayout.Record.headerSize + description.count)
        // Safe: a record of this segment, whose shape follows from its description.
        let result = unsafe MetricCells(count, at: base + start + cells, of: self)
        for index in 0..<count { result[index] = 0 }
        unsafe mz_store_u64_release(base + start + CounterLayout.Record.mark, 0)
        state.records[start + cells] = (start, description)
        return result
    }

    public func withdraw(_ cells: MetricCells) {
        state.withLock { state in
            // Safe: only compared; cells of somebody else are not known.
            let place = unsafe cells.base - base
            guard let (record, description) = state.records.removeValue(forKey: place) else { return }
            // Safe: a record of this segment.
            unsafe mz_store_u64_release(base + record + CounterLayout.Record.mark, 1)
            state.withdrawn[description] = record
        }
    }

    /// Pages have to be there before they are written: a full file system must be an answer here, and not SIGBUS later.
    private func makeRoom(upTo end: Int, _ state: inout State) -> Bool {
        if end <= state.allocated { return true }
        let wanted = (end + CounterLayout.growth - 1) / CounterLayout.growth * CounterLayout.growth
        guard wanted <= CounterLayout.capacity else {
            state.shortage = state.shortage ?? .full(path: path)
            return false
        }
        do throws(TableError) {
            try DataFile.allocate(file, path: path, offset: state.allocated, length: wanted - state.allocated)
        } catch {
            state.shortage = state.shortage ?? CounterError(error, path)
            return false
        }
        state.allocated = wanted
        return true
    }

    private static func aligned(_ size: Int) -> Int {
        (size + CounterLayout.cacheLine - 1) / CounterLayout.cacheLine * CounterLayout.cacheLine
    }

    // MARK: What it says of itself

    /// A sign of life.
    public func beat() {
        // Safe: inside the header.
        unsafe mz_store_u64_relaxed(base + CounterLayout.Header.heartbeat, mz_now())
    }

    /// - Returns: whether a card has room for it.
    @discardableResult
    public func show(_ card: MemberCard) -> Bool {
        guard let bytes = card.bytes else { return false }
        // One writer at a time; a query never waits for this lock.
        return state.withLock { _ in
            // Safe (to the end): both places lie inside the header; the bytes fit, which `MemberCard.bytes` has checked.
            let count = unsafe mz_load_u64_relaxed(base + CounterLayout.Header.cardCount)
            let place = unsafe base + CounterLayout.Header.cards + Int((count + 1) & 1) * CounterLayout.Header.cardSize
            var words = [UInt64](repeating: 0, count: (bytes.count + 7) / 8)
            for (index, byte) in bytes.enumerated() { words[index / 8] |= UInt64(byte) << UInt64(8 * (index % 8)) }
            // Whoever copies this place at the moment sees by the count that it is not meant any more; so the count of before has to be out first.
            mz_fence_release()
            unsafe mz_store_u64_relaxed(place, UInt64(bytes.count))
            for (index, word) in words.enumerated() { unsafe mz_store_u64_relaxed(place + 8 + index * 8, word) }
            unsafe mz_store_u64_release(base + CounterLayout.Header.cardCount, count + 1)
            return true
        }
    }
}
