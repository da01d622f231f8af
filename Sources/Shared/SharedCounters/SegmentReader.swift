import CMizzenSystem
import Glibc
import MizzenSystem
import ProcessRuntime
import RecordTable

/// A segment of any process, looked into. Nothing of what it says is believed unchecked; the contract is at the head of `CounterLayout.swift`.
@safe
final class SegmentReader {
    let id: String
    let path: String
    let card: MemberCard
    let process: Int
    /// Nanoseconds since 1970.
    let started: UInt64
    let boot: BootIdentity
    private let file: FileDescriptor
    private let mapping: MappedFile
    private let size: Int
    private let base: UnsafeMutableRawPointer

    /// - Throws: `damaged` and `untrusted` for what is no segment of this user's; `system` with ENOENT for one that has gone meanwhile.
    init(_ id: String, in folder: String) throws(CounterError) {
        self.id = id
        path = "\(folder)/\(CounterLayout.names)\(id)"
        do throws(TableError) {
            // O_NONBLOCK: a FIFO of this name does not keep anybody waiting.
            file = try FileDescriptor(opening: path, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        } catch {
            throw CounterError(error, path)
        }
        size = try OwnFile.check(file, path).size
        guard size >= CounterLayout.Header.size, size <= CounterLayout.capacity else { throw .damaged(path: path) }
        do throws(TableError) {
            mapping = try MappedFile(file, path: path, size: size, writable: false)
        } catch {
            throw CounterError(error, path)
        }
        // Safe: the mapping lives as long as this object; the header lies inside its size, by the guard above.
        unsafe base = mapping.base
        guard unsafe mz_load_u64_relaxed(base + CounterLayout.Header.magic) == CounterLayout.magic,
            unsafe mz_load_u32_relaxed(base + CounterLayout.Header.byteOrder) == CounterLayout.byteOrderMark,
            unsafe mz_load_u32_relaxed(base + CounterLayout.Header.version) == CounterLayout.version
        else { throw .damaged(path: path) }
        process = Int(clamping: unsafe mz_load_u64_relaxed(base + CounterLayout.Header.process))
        started = unsafe mz_load_u64_relaxed(base + CounterLayout.Header.started)
        boot = BootIdentity(
            high: unsafe mz_load_u64_relaxed(base + CounterLayout.Header.boot),
            low: unsafe mz_load_u64_relaxed(base + CounterLayout.Header.boot + 8))
        do throws(FieldReader.Malformed) {
            card = try MemberCard(unsafe Self.cardBytes(mapping.base))
        } catch {
            throw .damaged(path: path)
        }
    }

    /// - Parameter base: of a mapping that has a header.
    private static func cardBytes(_ base: UnsafeMutableRawPointer) throws(FieldReader.Malformed) -> [UInt8] {
        // A writer changes its card a few times a second; this copies it in a microsecond.
        for _ in 0..<100 {
            // Safe (in this loop): both places lie inside the header, and the length is kept inside a place.
            let count = unsafe mz_load_u64_acquire(base + CounterLayout.Header.cardCount)
            let place = unsafe base + CounterLayout.Header.cards + Int(count & 1) * CounterLayout.Header.cardSize
            let length = Int(clamping: unsafe mz_load_u64_relaxed(place))
            guard count > 0, length <= CounterLayout.Header.cardSize - 8 else { break }
            var bytes: [UInt8] = []
            bytes.reserveCapacity(length + 8)
            for index in 0..<(length + 7) / 8 {
                let word = unsafe mz_load_u64_relaxed(place + 8 + index * 8)
                for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(8 * shift))) }
            }
            mz_fence_acquire()
            if unsafe mz_load_u64_relaxed(base + CounterLayout.Header.cardCount) == count { return Array(bytes.prefix(length)) }
        }
        throw .init()
    }

    /// Nanoseconds of the monotonic clock.
    var heartbeat: UInt64 {
        // Safe: inside the header.
        unsafe mz_load_u64_relaxed(base + CounterLayout.Header.heartbeat)
    }

    /// Whether its process lives: nobody else ever holds the lock exclusively.
    var isAlive: Bool {
        // The lock goes with the descriptor, if it was there to be had.
        defer { _ = flock(file.number, LOCK_UN) }
        return flock(file.number, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
    }

    /// Adds what it has counted, with gauges or without them.
    ///
    /// - Throws: `damaged`; then `sum` has what stood before the damage.
    func read(into sum: inout MetricsReading, gauges: Bool) throws(CounterError) {
        try forEachRecord { record throws(CounterError) in try read(record, into: &sum, gauges) }
    }

    /// The cells of each record that has the series of this name alone.
    func cells(_ name: String) throws(CounterError) -> [[UInt64]] {
        var found: [[UInt64]] = []
        try forEachRecord { record throws(CounterError) in
            let list = try list(record)
            if list.count == 1, list[0].name == name { found.append(record.cells) }
        }
        return found
    }

    private func forEachRecord(_ body: (Record) throws(CounterError) -> Void) throws(CounterError) {
        // Safe: inside the header.
        let end = Int(clamping: unsafe mz_load_u64_acquire(base + CounterLayout.Header.end))
        guard end <= size else { throw .damaged(path: path) }
        var start = CounterLayout.Header.size
        while start < end {
            // Safe: a record header lies before `end`, which lies inside the mapping.
            guard end - start >= CounterLayout.Record.headerSize, let record = unsafe Record(base, start, end) else {
                throw .damaged(path: path)
            }
            if !record.isWithdrawn { try body(record) }
            start += record.length
        }
    }

    private func list(_ record: Record) throws(CounterError) -> [MetricSeries] {
        let list: [MetricSeries]
        do throws(FieldReader.Malformed) { list = try MetricSeries.list(record.description) } catch { throw .damaged(path: path) }
        guard list.reduce(0, { $0 + $1.cellCount }) == record.cells.count else { throw .damaged(path: path) }
        return list
    }

    private func read(_ record: Record, into sum: inout MetricsReading, _ gauges: Bool) throws(CounterError) {
        let list = try list(record)
        var first = 0
        for series in list {
            if gauges || series.kind != .gauge { sum.add(series, floating: MetricsReading.exact) { record.cells[first + $0] } }
            first += series.cellCount
        }
    }

    /// A record whose parts lie inside it, and it inside the segment.
    private struct Record {
        let length: Int
        let isWithdrawn: Bool
        let description: [UInt8]
        let cells: [UInt64]

        /// - Parameter start: at least a record's header before `end`, which lies inside the mapping.
        init?(_ base: UnsafeMutableRawPointer, _ start: Int, _ end: Int) {
            // Safe: the header lies before `end`; all that follows from it is compared with that first.
            let place = unsafe base + start
            length = Int(unsafe mz_load_u32_relaxed(place + CounterLayout.Record.length))
            let descriptionLength = Int(unsafe mz_load_u32_relaxed(place + CounterLayout.Record.descriptionLength))
            let cellsOffset = Int(unsafe mz_load_u32_relaxed(place + CounterLayout.Record.cellsOffset))
            let cellCount = Int(unsafe mz_load_u32_relaxed(place + CounterLayout.Record.cellCount))
            guard length >= CounterLayout.cacheLine, length % CounterLayout.cacheLine == 0, length <= end - start,
                cellsOffset % 8 == 0, cellsOffset + cellCount * 8 <= length,
                CounterLayout.Record.headerSize + descriptionLength <= cellsOffset
            else { return nil }
            isWithdrawn = unsafe mz_load_u64_acquire(place + CounterLayout.Record.mark) != 0
            let text = unsafe Array(
                UnsafeRawBufferPointer(start: place + CounterLayout.Record.headerSize, count: descriptionLength))
            guard
                unsafe mz_load_u64_relaxed(place + CounterLayout.Record.checksum)
                    == StableHash.of(text.span, seed: CounterLayout.magic)
            else { return nil }
            var cells: [UInt64] = []
            cells.reserveCapacity(cellCount)
            for index in 0..<cellCount { cells.append(unsafe mz_load_u64_relaxed(place + cellsOffset + index * 8)) }
            (description, self.cells) = (text, cells)
        }
    }
}
