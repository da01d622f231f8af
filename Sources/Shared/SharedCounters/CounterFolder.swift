import CMizzenSystem
import Glibc
import MizzenSystem
public import ProcessRuntime
import RecordTable
import Synchronization

/// A folder in which processes of one user have their counters: finds them, adds them up, and keeps what the ended ones have counted.
public final class CounterFolder: Sendable {
    /// A process that has a segment, living or ended.
    public struct Member: Sendable, Equatable {
        public var id: String
        /// As its own process numbers it: not ours, where it is in another container.
        public var process: Int
        /// Nanoseconds since 1970.
        public var started: UInt64
        public var card: MemberCard
        public var isAlive: Bool
        /// How long ago it gave its last sign of life, nanoseconds.
        public var silence: UInt64

        public init(id: String, process: Int, started: UInt64, card: MemberCard, isAlive: Bool, silence: UInt64) {
            (self.id, self.process, self.started, self.card, self.isAlive, self.silence) = (id, process, started, card, isAlive, silence)
        }
    }

    /// The sum of several processes.
    public struct Sum: Sendable {
        public var reading = MetricsReading()
        /// How many processes have ended.
        public var ended: UInt64 = 0
    }

    public let path: String
    private let clock: @Sendable () -> TableClock
    /// Files that are not believed, each told once.
    private let told = Mutex<Set<String>>([])
    private let complain: @Sendable (CounterError) -> Void

    /// Opens the folder, and makes it where there is none.
    ///
    /// - Parameter complain: called once for each file that is not believed.
    /// - Throws: `CounterError` where it is not this user's alone, or cannot be made.
    public convenience init(path: String, complain: @escaping @Sendable (CounterError) -> Void) throws(CounterError) {
        try self.init(path: path, clock: { .now() }, complain: complain)
    }

    init(path: String, clock: @escaping @Sendable () -> TableClock, complain: @escaping @Sendable (CounterError) -> Void)
        throws(CounterError)
    {
        (self.path, self.clock, self.complain) = (path, clock, complain)
        do throws(SystemError) {
            // Safe: mkdir reads a NUL-terminated copy.
            try MizzenSystem.systemCall("mkdir") { unsafe mkdir(path, 0o700) }
        } catch {
            guard error.code == EEXIST else { throw .system(path: path, call: error.call, code: error.code, reason: error.reason) }
        }
        try OwnFile.checkFolder(path)
    }

    /// A segment for this process.
    public func makeSegment(_ card: MemberCard) throws(CounterError) -> CounterSegment {
        guard listed().segments.count < CounterLayout.mostSegments else { throw .crowded(path: path, limit: CounterLayout.mostSegments) }
        for _ in 0..<10 {
            do throws(CounterError) {
                return try CounterSegment(in: path, card, clock: clock())
            } catch {
                // Somebody took the unfinished file for what a killed process has left.
                guard case .system(_, let call, let code, _) = error,
                    (call == "flock" && code == EWOULDBLOCK) || (call == "rename" && code == ENOENT)
                else { throw error }
            }
        }
        return try CounterSegment(in: path, card, clock: clock())
    }

    // MARK: What is there

    /// Names of segments, and of those that were not finished.
    private func listed() -> (segments: [String], unfinished: [String]) {
        var (segments, unfinished): ([String], [String]) = ([], [])
        // Safe: the stream is closed below; an entry is read before the next call may overwrite it.
        guard let stream = unsafe opendir(path) else { return ([], []) }
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { place in
                unsafe place.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if let id = Self.id(name[...]) {
                segments.append(id)
            } else if name.hasSuffix(CounterLayout.unfinished), let id = Self.id(name.dropLast(CounterLayout.unfinished.count)) {
                unfinished.append(id)
            }
        }
        unsafe closedir(stream)
        return (segments.sorted(), unfinished)
    }

    private static func id(_ name: Substring) -> String? {
        guard name.hasPrefix(CounterLayout.names) else { return nil }
        let digits = name.dropFirst(CounterLayout.names.count)
        return digits.utf8.count == 16 && digits.allSatisfy { $0.isHexDigit && !$0.isUppercase } ? String(digits) : nil
    }

    /// Nil for one that is gone, or not believed.
    private func segment(_ id: String) -> SegmentReader? {
        do throws(CounterError) {
            return try SegmentReader(id, in: path)
        } catch {
            if case .system(_, _, ENOENT, _) = error { return nil }
            tell(error)
            return nil
        }
    }

    private func tell(_ error: CounterError) {
        let isNew = told.withLock { $0.count < 1000 && $0.insert("\(error)").inserted }
        if isNew { complain(error) }
    }

    private func ended() -> (counters: EndedCounters, identity: RegularFile.Identity?) {
        let boot = clock().boot
        do throws(CounterError) {
            if let found = try EndedCounters.read(path) {
                return (found.counters.boot == boot ? found.counters : EndedCounters(boot: boot), found.identity)
            }
        } catch {
            tell(error)
            return (EndedCounters(boot: boot), endedIdentity)
        }
        return (EndedCounters(boot: boot), nil)
    }

    private var endedIdentity: RegularFile.Identity? { try? RegularFile.identity("\(path)/\(CounterLayout.ended)") }

    /// The processes of a place, the ended ones as long as their segments are there.
    public func members(of place: MemberCard.Place) -> [Member] {
        let boot = clock().boot
        return listed().segments.compactMap { id in
            guard let segment = segment(id), segment.boot == boot, segment.card.place == place else { return nil }
            let (heartbeat, now) = (segment.heartbeat, mz_now())
            return Member(
                id: id, process: segment.process, started: segment.started, card: segment.card, isAlive: segment.isAlive,
                silence: heartbeat < now ? now - heartbeat : 0)
        }
    }

    // MARK: Adding up

    /// How often a reader begins again because somebody has ended meanwhile, before it takes what it has.
    private static let patience = 50

    /// The sum over the processes of a place that serve or served an endpoint: counters and histograms of all, gauges of the living.
    public func sum(of endpoint: String, in place: MemberCard.Place) -> Sum {
        var sum = Sum()
        for _ in 0..<Self.patience {
            let (ended, identity) = ended()
            sum = Sum()
            for part in ended.sums where part.group.place == place && part.group.endpoints.contains(endpoint) {
                sum.reading.add(part.reading)
                sum.ended += part.count
            }
            for id in listed().segments where !ended.included.contains(id) { add(id, endpoint, place, ended.boot, to: &sum) }
            if endedIdentity == identity { break }
        }
        return sum
    }

    private func add(_ id: String, _ endpoint: String, _ place: MemberCard.Place, _ boot: BootIdentity, to sum: inout Sum) {
        guard let segment = segment(id), segment.boot == boot, segment.card.place == place, segment.card.endpoints.contains(endpoint)
        else { return }
        let isAlive = segment.isAlive
        if !isAlive { sum.ended += 1 }
        do throws(CounterError) { try segment.read(into: &sum.reading, gauges: isAlive) } catch { tell(error) }
    }

    /// How often cells are read again that are not whole.
    private static let rereadings = 100

    /// The cells of an opaque series (`MetricSeries.isOpaque`) of living processes that serve an endpoint: one array for each record that has
    /// the series alone. They are read word by word while their owner may be writing.
    ///
    /// - Parameters:
    ///   - own: the process that is left out.
    ///   - isWhole: whether words belong together; those that are not whole after some readings are left out.
    public func opaqueCells(
        _ name: String, of endpoint: String, in place: MemberCard.Place, but own: String, isWhole: ([UInt64]) -> Bool
    ) -> [[UInt64]] {
        let boot = clock().boot
        return listed().segments.flatMap { id -> [[UInt64]] in
            guard id != own, let segment = segment(id), segment.boot == boot, segment.card.place == place, segment.isAlive,
                segment.card.endpoints.contains(endpoint)
            else { return [] }
            for _ in 0..<Self.rereadings {
                do throws(CounterError) {
                    let found = try segment.cells(name)
                    if found.allSatisfy(isWhole) { return found }
                } catch {
                    tell(error)
                    return []
                }
            }
            return []
        }
    }

    // MARK: The ended

    /// Adds what ended processes have counted to `v1-ended`, and removes their segments. For once in a while, by everybody: one of those that
    /// try it at the same time does it.
    ///
    /// - Returns: the processes that it was done for.
    @discardableResult
    public func foldEnded() -> [Member] { foldEnded { _ in } }

    /// - Parameter step: called before each step, with its number as at the head of `CounterLayout.swift`; tests end the process there.
    package func foldEnded(step: (Int) -> Void) -> [Member] {
        let (ids, unfinished) = listed()
        for id in unfinished { removeUnfinished(id) }
        // Without anything to do nobody makes a file.
        guard ids.contains(where: { isOver($0) }) else { return [] }
        do throws(SystemError) {
            var replacement = try FileReplacement(of: "\(path)/\(CounterLayout.ended)")
            // What is there now stays until this process renames: everybody else needs the lock that it holds.
            var (sums, _) = ended()
            let segments = listed().segments.compactMap { segment($0) }
            let over = segments.filter { $0.boot != sums.boot || !$0.isAlive }
            // A segment that is in the sums already was left by who was killed between the second step and the third.
            let new = over.filter { $0.boot == sums.boot && !sums.included.contains($0.id) }
            sums.included.formIntersection(Set(segments.map(\.id)))
            sums.serial += 1
            for segment in new { add(segment, to: &sums) }
            if !new.isEmpty {
                step(1)
                try replacement.append(sums.bytes)
                step(2)
                try replacement.commit()
            }
            for segment in over {
                step(3)
                // Safe: unlink reads a NUL-terminated copy. One that is gone is what we want.
                _ = unsafe unlink(segment.path)
            }
            return new.map {
                Member(id: $0.id, process: $0.process, started: $0.started, card: $0.card, isAlive: false, silence: 0)
            }
        } catch {
            // Another process does it. Or there is no room: then the segments stay, and are counted as they are.
            if !error.wouldBlock { tell(.system(path: path, call: error.call, code: error.code, reason: error.reason)) }
            return []
        }
    }

    private func isOver(_ id: String) -> Bool {
        guard let segment = segment(id) else { return false }
        return segment.boot != clock().boot || !segment.isAlive
    }

    private func add(_ segment: SegmentReader, to sums: inout EndedCounters) {
        var reading = MetricsReading()
        // What stands before a damage was counted by those who asked meanwhile, and is kept.
        do throws(CounterError) { try segment.read(into: &reading, gauges: false) } catch { tell(error) }
        // Nobody can ask for what was served nowhere.
        if segment.card.endpoints.isEmpty { return _ = sums.included.insert(segment.id) }
        sums.add(reading, of: .init(place: segment.card.place, endpoints: segment.card.endpoints), id: segment.id)
    }

    /// One that nobody has locked was left by a killed process, or is being made this moment: its maker then finds it locked or without a name,
    /// and makes another.
    private func removeUnfinished(_ id: String) {
        let path = "\(path)/\(CounterLayout.names)\(id)\(CounterLayout.unfinished)"
        guard let file = try? FileDescriptor(opening: path, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK),
            (try? OwnFile.check(file, path)) != nil, flock(file.number, LOCK_EX | LOCK_NB) == 0
        else { return }
        // Safe: a NUL-terminated copy.
        _ = unsafe unlink(path)
    }
}
