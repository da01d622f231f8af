import Glibc
import Logging
import MizzenSystem
import ProcessRuntime
import ServiceLifecycle
import Synchronization

/// Keeps what is served in a file (`--keep`): writes it from time to time and at a stop, and reads it at the start.
///
/// The file is a cache: whatever is wrong with it, the exporter says so and goes on as without it. It is written beside the path and put in
/// its place in one step, so that the death of this process leaves the one before it or the new one; it is not forced to a disk, which would
/// make a slow disk's wait a part of each stop, because what a power loss leaves of it shows in its checksums and costs no more than
/// a start without it.
///
/// Neither scrapes nor changes wait for a write: it takes the groups of samples as a scrape does, which never change, and works on a
/// thread of its own that gives way to all others. What is replaced meanwhile stays in memory until it is done.
final class ExpositionKeeper: Service {
    /// What there is to keep.
    struct Keepable: Sendable {
        var head: KeptFile.Head
        var sections: [(section: ExpositionSection, asOf: Int64)]
    }

    /// More is not kept. 150,000 pods with all resources take some 0.4 GB.
    static let sizeLimit = 4 << 30

    private struct State: Sendable {
        /// nil: nothing yet.
        var source: (@Sendable () -> Keepable?)?
        var hasWritten = false
        /// What was complained about last, so that it is not said once a minute.
        var complaint = ""
    }

    private let path: String
    private let interval: Duration
    private let ageLimit: Int64
    private let logger: Logger
    private let now: @Sendable () -> Int64
    private let systemWrite: FileReplacement.Write
    private let state = Mutex(State())
    private let successes: Counter
    private let failures: Counter
    private let refusals: [KeptRefusal: Counter]
    private let size: Gauge

    /// - Parameter now: nanoseconds since 1970-01-01 UTC.
    /// - Returns: nil where nothing is to be kept.
    init?(
        _ options: KeepOptions, registry: MetricsRegistry, logger: Logger, now: @escaping @Sendable () -> Int64 = WallClock.nanoseconds,
        write: @escaping FileReplacement.Write = FileReplacement.systemWrite
    ) {
        guard !options.keep.isEmpty else { return nil }
        path = options.keep
        interval = options.keepInterval
        ageLimit = options.keepAgeLimit.nanoseconds
        self.logger = logger
        (self.now, systemWrite) = (now, write)
        let writes = "mizzen_exporter_kept_writes_total"
        let help = "How often the file of --keep was written, by result."
        successes = registry.counter(writes, help: help, labels: [("result", "success")])
        failures = registry.counter(writes, help: help, labels: [("result", "error")])
        let reasons = KeptRefusal.allCases.map { refusal in
            let counter = registry.counter(
                "mizzen_exporter_kept_refused_total", help: "How often the file of --keep could not be served, by reason.",
                labels: [("reason", refusal.rawValue)])
            return (refusal, counter)
        }
        refusals = Dictionary(reasons, uniquingKeysWith: { first, _ in first })
        size = registry.gauge("mizzen_exporter_kept_bytes", help: "Size of the file of --keep as it was last written.")
    }

    // MARK: Reading

    /// What the file holds; nil where there is none, or none that is to be served under `head`: the log then says why.
    func load(_ head: KeptFile.Head) -> KeptExposition? {
        do throws(Refusal) {
            guard let kept = try read(head) else { return nil }
            logger.notice(
                "what was kept is served until everything is here",
                metadata: ["file": "\(path)", "age": "\(kept.age(at: now()) / 1_000_000_000)s"])
            return kept
        } catch {
            refusals[error.kind]?.add()
            logger.warning(
                "what was kept cannot be served, and is written anew when everything is here",
                metadata: ["file": "\(path)", "reason": "\(error.reason)"])
            return nil
        }
    }

    private struct Refusal: Error {
        var kind: KeptRefusal
        var reason: String
    }

    private func read(_ head: KeptFile.Head) throws(Refusal) -> KeptExposition? {
        let sections: [KeptFile.Section]
        do {
            var file = try RegularFileReader(path)
            guard file.identity.size <= Int64(Self.sizeLimit) else { throw RegularFile.Fault.tooLarge(limit: Self.sizeLimit) }
            var reader = try KeptFile.Reader(magic: try file.read(KeptFile.magic.count))
            while !reader.isWhole {
                let prefix = try file.read(8)
                try reader.take(prefix, try file.read(Int(clamping: min(Int64(try reader.size(prefix)), file.identity.size))))
                if let difference = reader.head.flatMap({ head.difference(from: $0) }) {
                    throw Refusal(kind: difference.kind, reason: difference.reason)
                }
            }
            sections = reader.sections
        } catch let fault as RegularFile.Fault {
            // The first start.
            if fault.isMissing { return nil }
            throw Refusal(kind: .unreadable, reason: "it cannot be read: \(fault)")
        } catch let damage as KeptFile.Damage {
            throw Refusal(kind: .damaged, reason: "it is damaged: at byte \(damage.offset), \(damage.reason)")
        } catch let refusal as Refusal {
            throw refusal
        } catch {
            throw Refusal(kind: .unreadable, reason: "\(error)")
        }
        let kept = KeptExposition(sections)
        let age = (now() - kept.asOf) / 1_000_000_000
        // Clocks of two hosts differ by a little.
        if age < -60 { throw Refusal(kind: .age, reason: "by this clock it is from the future, by \(-age) s") }
        if !isServable(kept) { throw Refusal(kind: .age, reason: "it is \(age) s old, older than --keep-age-limit") }
        return kept
    }

    /// Whether it is young enough.
    func isServable(_ kept: KeptExposition) -> Bool { kept.age(at: now()) <= ageLimit }

    // MARK: Writing

    /// Says where what is to be kept comes from, before which nothing is written, and reports on what is served of it.
    func follow(_ generations: GenerationKeeper, _ telemetry: ExporterTelemetry) {
        state.withLock { $0.source = { [weak generations] in generations?.keepable } }
        let served: @Sendable () -> KeptExposition? = { [weak generations] in
            generations.flatMap { $0.awaited.isEmpty ? nil : $0.kept }
        }
        telemetry.registry.gauge(
            "mizzen_exporter_kept_age_seconds",
            help: "How old what is served is, where it was kept by an earlier exporter; 0 where it is current."
        ) { [now] in Double(served()?.age(at: now()) ?? 0) / 1e9 }
        telemetry.mayServe { [now] in
            served().map { "what was kept \($0.age(at: now()) / 1_000_000_000) s ago is served until everything is here" }
        }
    }

    /// Writes until graceful shutdown, and once more then.
    func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            // The first soon after everything is here.
            while (try? await Task.sleep(for: state.withLock { $0.hasWritten } ? interval : min(interval, .seconds(1)))) != nil {
                await write(givesWay: true)
            }
        }
        await write(givesWay: false)
    }

    /// Writes the file, if there is something to keep.
    private func write(givesWay: Bool) async {
        guard let keepable = state.withLock({ $0.source })?() else { return }
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            do throws(SystemError) {
                try SystemThread.start(name: "mizzen-keep") { [self] in
                    // Only this thread, as Linux has it.
                    if givesWay { _ = setpriority(Int32(PRIO_PROCESS.rawValue), 0, 10) }
                    write(keepable)
                    continuation.resume()
                }
            } catch {
                failed(error)
                continuation.resume()
            }
        }
    }

    /// Writes the file, and says how that went.
    func write(_ keepable: Keepable) {
        let sections = keepable.sections.map { kept in
            KeptFile.Section(
                resource: kept.section.resource, asOf: kept.asOf, families: kept.section.families, lists: kept.section.store.lists,
                groups: kept.section.store.snapshot())
        }
        do throws(SystemError) {
            var file = try FileReplacement(of: path, write: systemWrite)
            try KeptFile.write(keepable.head, sections) { (bytes) throws(SystemError) in
                guard file.size + bytes.count <= Self.sizeLimit else { throw SystemError(call: "write", code: EFBIG) }
                try file.append(bytes)
            }
            size.set(Double(file.size))
            try file.commit()
            successes.add()
            state.withLock { ($0.hasWritten, $0.complaint) = (true, "") }
        } catch {
            failed(error)
        }
    }

    private func failed(_ error: SystemError) {
        failures.add()
        let reason = "\(error.call): \(Self.words(error))"
        let isNew = state.withLock { state in
            // The next attempt is due after an interval, as after a success.
            state.hasWritten = true
            defer { state.complaint = reason }
            return state.complaint != reason
        }
        guard isNew else { return }
        logger.warning(
            "what is served cannot be kept; scrapes go on",
            metadata: ["file": "\(path)", "reason": "\(reason)", "remedy": "\(Self.remedy(error))"])
    }

    private static func words(_ error: SystemError) -> String {
        switch error.code {
        case EWOULDBLOCK: "another process writes it"
        case EFBIG: "it is larger than \(sizeLimit) bytes"
        default: error.words
        }
    }

    private static func remedy(_ error: SystemError) -> String {
        switch error.code {
        case EWOULDBLOCK: "give each exporter a file of its own with --keep"
        case EACCES, EPERM, EROFS: "let the exporter write into its directory, or name another file with --keep"
        case ENOENT, ENOTDIR: "make its directory, or name another file with --keep"
        case EISDIR, ELOOP: "name a file with --keep, not a directory or a link"
        case ENOSPC, EDQUOT: "make room on its file system: the file takes a third of a scrape's text, twice while it is written"
        case EFBIG: "leave out families or resources, or divide the objects among shards"
        default: "name another file with --keep, or leave the option out"
        }
    }
}
