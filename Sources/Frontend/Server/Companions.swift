import CMizzenSystem
import FoundationEssentials
import Glibc
import Logging
import MizzenSystem
import ProcessRuntime
import SharedCounters
import Synchronization

// Any number of frontends on one Corefile.
//
// Every frontend listens at the addresses of `health`, `ready` and `prometheus`, with SO_REUSEPORT, and the kernel chooses one of them for each
// connection. Each can answer for all, because counters, gauges and states of all are in shared memory. So there is no holder of an address
// whose end somebody has to notice: when a process is gone, its sockets are, and the next connection comes to another. What is lost is
// connections that it had, and those that waited for it to accept them.
//
// The other way, one that holds the address and others that wait for a lock to be free, was weighed. It needs a take-over, in which nobody listens;
// and a holder that is stopped (SIGSTOP, a debugger, a frozen control group) keeps the whole address, since nobody can take a port from a
// process that lives. Here a stopped one keeps its share of the connections: a probe fails now and then instead of always, every other one
// says on /health and /ready who is silent, and whoever is asked tells the counters of the stopped one too.
//
// WHO BELONGS TOGETHER is told by the address: frontends that serve the same path at the same address, in one network namespace (containers
// that share memory may each have their own `:9153`), from one record table, of one user (whose folder it is). So two Corefiles never mix, as they
// could not share an address before; one path of a Corefile may be two files in two containers, and one Corefile two paths. A frontend that finds
// its address taken by somebody who is none of its companions refuses to start, as before.

/// The frontends that answer for this one, and for which it answers.
final class Companions: Sendable {
    /// Another frontend, as it was seen last.
    typealias Member = CounterFolder.Member

    /// As for a worker's thread: who gives no sign of life for longer is stuck or stopped. The sign is given four times a second.
    static let silenceLimit = WorkerGroup.silenceLimit

    let segment: CounterSegment
    private let folder: CounterFolder
    private let place: MemberCard.Place
    private let logger: Logger
    private let card: Mutex<MemberCard>
    private let wasShort = Mutex(false)
    private let wasRemoved = Mutex(false)

    /// - Throws: `CounterError` where the folder or its file system does not admit it.
    init(folder path: String, table: String, logger: Logger) throws(CounterError) {
        self.logger = logger
        place = MemberCard.Place(networkNamespace: mz_network_namespace(), table: Self.absolute(table))
        folder = try CounterFolder(path: path) { logger.warning("a file of counters is not used", metadata: ["error": "\($0)"]) }
        let card = MemberCard(place: place, release: MizzenVersion.current)
        self.card = Mutex(card)
        segment = try folder.makeSegment(card)
    }

    /// What is left undone is told once; then this process counts for itself, and its HTTP addresses are its alone.
    static func open(folder: String, table: String, logger: Logger) -> Companions? {
        do throws(CounterError) {
            return try Companions(folder: folder, table: table, logger: logger)
        } catch {
            logger.warning(
                "counters cannot be shared: this frontend counts for itself, and no other can serve its HTTP addresses beside it",
                metadata: ["error": "\(error)"])
            return nil
        }
    }

    /// Two frontends mean the same table though they were started in different folders.
    private static func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : "\(FileManager.default.currentDirectoryPath)/\(path)"
    }

    // MARK: What this one says of itself

    /// What others find it serving; to be said before it listens there, so that all of them count it in from the first connection on.
    func announce(_ endpoints: [String: Set<String>]) {
        let endpoints = endpoints.flatMap { address, paths in
            HTTPAddress(argument: address).map { address in address.port == 0 ? [] : paths.map { "\(address)\($0)" } } ?? []
        }
        change { $0.endpoints = endpoints.sorted() }
    }

    func show(stage: MemberCard.Stage, fault: String, waiting: [String]) {
        change { ($0.stage, $0.fault, $0.waiting) = (stage, fault, waiting) }
    }

    private func change(_ change: (inout MemberCard) -> Void) {
        let isShown = card.withLock { card in
            let before = card
            change(&card)
            return card == before || segment.show(card)
        }
        if !isShown {
            logger.warning("this frontend serves too many HTTP addresses to tell others of them all; it is not counted in by them")
        }
    }

    /// Four times a second.
    func beat() {
        segment.beat()
        guard let shortage = segment.shortage, wasShort.withLock({ $0.turnsTrue() }) else { return }
        logger.warning(
            "some counters have no room where other frontends see them; they are told only while no other frontend lives",
            metadata: ["error": "\(shortage)"])
    }

    // MARK: What it knows of others

    /// Those that have ended are added up, by whoever comes first.
    func lookAfterEnded() {
        if !segment.isListed, wasRemoved.withLock({ $0.turnsTrue() }) {
            logger.error(
                "the counters of this frontend were removed from their folder; no other one tells them until this one is started again",
                metadata: ["folder": "\(folder.path)"])
        }
        for member in folder.foldEnded() where member.id != segment.id {
            logger.info("a frontend has ended; what it counted is kept", metadata: ["process": "\(member.process)"])
        }
    }

    /// The living others that serve a path at an address.
    func others(at address: String, _ path: String) -> [Member] {
        let endpoint = Self.endpoint(address, path)
        return living.filter { $0.card.endpoints.contains(endpoint) }
    }

    /// Whether others serve anything at an address, so that it is right to listen there beside them.
    func hasOthers(at address: String) -> Bool {
        let prefix = Self.endpoint(address, "/")
        return living.contains { $0.card.endpoints.contains { $0.hasPrefix(prefix) } }
    }

    private var living: [Member] { folder.members(of: place).filter { $0.isAlive && $0.id != segment.id } }

    private static func endpoint(_ address: String, _ path: String) -> String {
        "\(HTTPAddress(argument: address)?.description ?? address)\(path)"
    }

    // MARK: Metrics

    /// The cells of an opaque series of the living others that serve metrics at an address.
    func othersCells(_ name: String, at address: String, isWhole: ([UInt64]) -> Bool) -> [[UInt64]] {
        folder.opaqueCells(name, of: Self.endpoint(address, "/metrics"), in: place, but: segment.id, isWhole: isWhole)
    }

    /// The metrics of all that serve them at an address. Those of this process have been published just before.
    func reading(at address: String, own: MetricsRegistry) -> MetricsReading {
        let others = others(at: address, "/metrics")
        var sum = folder.sum(of: Self.endpoint(address, "/metrics"), in: place)
        if !segment.isListed {
            sum.reading.add(own.reading())
        } else if others.isEmpty {
            // What has no room where others see it would come and go with who answers.
            sum.reading.add(own.unsharedReading())
        }
        addStates(others, ended: sum.ended, to: &sum.reading)
        return sum.reading
    }

    private func addStates(_ others: [Member], ended: UInt64, to reading: inout MetricsReading) {
        func family(_ help: String, _ kind: MetricSeries.Kind = .gauge) -> MetricsReading.Family { .init(help: help, kind: kind) }
        let own = Member(
            id: segment.id, process: Int(getpid()), started: segment.started, card: card.withLock { $0 }, isAlive: true, silence: 0)
        let all = others + [own]
        for state in FrontendState.allCases {
            let count = all.count { FrontendState($0) == state }
            reading.add(
                .value(Double(count)), "mizzen_frontends", labels: "state=\"\(state.rawValue)\"",
                of: family("Frontends that live and answer at this address, by their state."))
        }
        for member in all {
            let label = "process=\"\(member.process)\",id=\"\(member.id)\""
            reading.add(
                .value(Double(member.started) / 1e9), "mizzen_frontend_start_time_seconds", labels: label,
                of: family("When a frontend was started, in seconds since 1970."))
            reading.add(
                .value(Double(member.silence) / 1e9), "mizzen_frontend_silence_seconds", labels: label,
                of: family("Time since a frontend's last sign of life; more than 5 fails /health."))
        }
        reading.add(
            .count(ended), "mizzen_frontends_ended_total", labels: "",
            of: family("Frontends that have ended and whose counts are part of all sums.", .counter))
    }
}

/// How a frontend is, as others see it.
enum FrontendState: String, CaseIterable {
    case starting
    case ready
    /// It takes queries and is not ready.
    case waiting
    case draining
    /// It gives no sign of life: stuck, or stopped.
    case silent

    init(_ member: CounterFolder.Member) {
        if member.silence > Companions.silenceLimit {
            self = .silent
        } else {
            switch member.card.stage {
            case .starting: self = .starting
            case .draining: self = .draining
            case .serving: self = member.card.waiting.isEmpty ? .ready : .waiting
            }
        }
    }
}

/// What `/health` and `/ready` say of several frontends.
///
/// An address speaks for all that serve it. Liveness: a supervisor that watches the address restarts what is behind it, so it fails as soon as one
/// of them needs that. Readiness: who sends queries to the host's port cannot choose which frontend gets them, so it is ready when all that
/// take queries are, and one at least does. Who is only coming takes none yet, who is going gets none that others would not get: neither counts,
/// or each that is started or stopped would take all the others out of service.
enum JointAnswer {
    /// - Parameter own: what is wrong with this process; empty while it is well.
    static func health(own: String, others: [CounterFolder.Member]) -> HTTPAnswer {
        let faults = (own.isEmpty ? [] : [own]) + others.compactMap(fault)
        return faults.isEmpty ? HTTPAnswer(body: Array("OK".utf8)) : .text(faults.joined(separator: "\n"), status: 503)
    }

    private static func fault(_ member: CounterFolder.Member) -> String? {
        if FrontendState(member) == .silent { return silence(member) }
        return member.card.fault.isEmpty ? nil : "frontend \(member.process): \(member.card.fault)"
    }

    private static func silence(_ member: CounterFolder.Member) -> String {
        "frontend \(member.process): no sign of life for \(member.silence / 1_000_000_000)s"
    }

    /// - Parameters:
    ///   - stage: of this process.
    ///   - waiting: what this process waits for; empty once it is ready.
    static func ready(_ stage: MemberCard.Stage, waiting: [String], others: [CounterFolder.Member]) -> HTTPAnswer {
        var faults = stage == .serving && !waiting.isEmpty ? [waiting.joined(separator: ",")] : []
        for other in others {
            switch FrontendState(other) {
            case .silent: faults.append(silence(other))
            case .waiting: faults.append("frontend \(other.process): \(other.card.waiting.joined(separator: ","))")
            case .starting, .ready, .draining: break
            }
        }
        if !faults.isEmpty { return HTTPAnswer(status: 503, body: Array(faults.joined(separator: "\n").utf8)) }
        if stage == .serving || others.contains(where: { FrontendState($0) == .ready }) { return HTTPAnswer(body: Array("OK".utf8)) }
        return HTTPAnswer(status: 503, body: Array((stage == .draining ? "Shutting down" : "Starting").utf8))
    }
}

extension Bool {
    /// Makes it true, and says whether it was not.
    fileprivate mutating func turnsTrue() -> Bool {
        defer { self = true }
        return !self
    }
}
