import Logging
import MizzenSystem
import Names
import Synchronization

/// A `loadbalance` directive as all threads share it: the weights.
final class LoadbalanceSource: DirectiveSource {
    private struct State {
        var identity: RegularFile.Identity?
        var due = DueTime()
        /// What was last said of the file, so that it is said once.
        var fault: String?
    }

    let settings: LoadbalanceSettings
    private let path: String?
    private let logger: Logger
    private let followed: FollowedValue<AddressWeights>
    private let state: Mutex<State>

    /// Weights that are not there yet are waited for, all being equal until then, unless nobody ever looks for them.
    /// - Parameter root: what a file that is not absolute is relative to.
    init(settings: LoadbalanceSettings, root: String, logger: Logger) throws(AddressWeights.Fault) {
        self.settings = settings
        self.logger = logger
        if case .weighted(let file) = settings.policy {
            let path = file.below(root: root)
            self.path = path
            do throws(AddressWeights.Fault) {
                let (weights, identity) = try AddressWeights.read(path)
                followed = FollowedValue(weights)
                state = Mutex(State(identity: identity))
            } catch {
                guard error.isMissing, settings.reload > .zero else { throw error }
                logger.warning(
                    "the file of weights does not exist, it is looked for again",
                    metadata: ["path": "\(path)", "every": "\(settings.reload.goNotation)"])
                followed = FollowedValue(AddressWeights())
                state = Mutex(State())
            }
        } else {
            path = nil
            followed = FollowedValue(AddressWeights())
            state = Mutex(State())
        }
    }

    func makeHandler(_ setup: HandlerSetup) -> DirectiveHandler? { LoadbalanceHandler(self) }

    /// Weights that cannot be read leave those of before in use.
    func follow(_ now: ContinuousClock.Instant) {
        guard let path, settings.reload > .zero else { return }
        guard state.withLock({ $0.due.isDue(now, every: settings.reload) }),
            (try? RegularFile.identity(path)) != state.withLock({ $0.identity })
        else { return }
        do throws(AddressWeights.Fault) {
            let (weights, identity) = try AddressWeights.read(path)
            state.withLock { ($0.identity, $0.fault) = (identity, nil) }
            followed.replace(by: weights)
            logger.info("weights read", metadata: ["path": "\(path)"])
        } catch {
            let isNew = state.withLock { state in
                defer { state.fault = error.message }
                return state.fault != error.message
            }
            if isNew { logger.error("loadbalance goes on with the weights of before", metadata: ["error": "\(error.message)"]) }
        }
    }

    var currentVersion: Int { followed.version }
    var weights: AddressWeights { followed.value }
}

/// `loadbalance` in the chain. Only data changes places, never among records of different owners or types, so that no name has to be
/// written anew and nothing is allocated.
final class LoadbalanceHandler: DirectiveHandler {
    private let source: LoadbalanceSource
    private var weights: AddressWeights
    private var version: Int
    /// Of records whose data may change places, where that stands.
    private var places: [Int] = []
    /// No secret, and a system call for each would cost more than the answer.
    private var order: SeededRandom

    /// - Parameter seed: of the order.
    init(_ source: LoadbalanceSource, seed: UInt64 = .random(in: 1 ... .max)) {
        self.source = source
        version = source.currentVersion
        weights = source.weights
        order = SeededRandom(seed: seed)
        places.reserveCapacity(256)
    }

    override func take(_ exchange: Exchange, _ bench: Workbench) -> Step {
        // Alone with other types nothing is to be done, but CoreDNS says in its metrics that it wrote them.
        .nextAndReview
    }

    override func review(_ exchange: Exchange, _ bench: Workbench) {
        guard bench.flags & 0xf == 0 else { return }
        var set = (section: PacketReader.Section.answer, owner: -1, size: 0)
        places.removeAll(keepingCapacity: true)
        bench.forEachRecord { record, message in
            guard record.section != .authority else { return }
            let isAddress = record.type == .a && record.data.count == 4 || record.type == .aaaa && record.data.count == 16
            let owner = isAddress ? Self.owner(record.owner, message) : -1
            if owner != set.owner || record.data.count != set.size || record.section != set.section {
                if !places.isEmpty { arrange(set.size, ownedAt: set.owner, bench) }
                set = (record.section, owner, record.data.count)
            }
            if isAddress { places.append(record.data.lowerBound) }
        }
        if !places.isEmpty { arrange(set.size, ownedAt: set.owner, bench) }
    }

    /// Where an owner's letters stand: the same place for the same pointer.
    private static func owner(_ offset: Int, _ message: Span<UInt8>) -> Int {
        guard offset + 1 < message.count, message[offset] >= 192 else { return offset }
        return Int(message[offset] & 0x3f) << 8 | Int(message[offset + 1])
    }

    /// Orders the set of records that `places` has, and forgets it.
    ///
    /// - Parameter owner: where their name stands in the message.
    private func arrange(_ size: Int, ownedAt owner: Int, _ bench: Workbench) {
        defer { places.removeAll(keepingCapacity: true) }
        guard places.count > 1 else { return }
        switch source.settings.policy {
        case .roundRobin:
            // Fisher and Yates.
            var last = places.count - 1
            while last > 0 {
                bench.swap(places[last], places[Int(order.next() % UInt64(last + 1))], count: size)
                last -= 1
            }
        case .weighted: putFirst(size, ownedAt: owner, bench)
        }
        if !source.settings.preferred.isEmpty { prefer(size, bench) }
    }

    /// One address by its weight, which allocates. The weights are those of the name that has the addresses, where an alias leads to it too.
    private func putFirst(_ size: Int, ownedAt owner: Int, _ bench: Workbench) {
        if source.currentVersion != version {
            version = source.currentVersion
            weights = source.weights
        }
        var name = DNSName()
        guard bench.withMessage({ (try? name.read($0, at: owner)) != nil }) else { return }
        _ = name.lowercase()
        let known = weights.weights(of: name.description) ?? [:]
        let each = places.map { place in bench.address(at: place, count: size).flatMap { known[$0] } ?? AddressWeights.usual }
        var draw = order.next() % UInt64(each.reduce(0) { $0 + UInt64($1) })
        for (index, weight) in each.enumerated() {
            if draw < UInt64(weight) { return bench.swap(places[0], places[index], count: size) }
            draw -= UInt64(weight)
        }
    }

    /// Those of preferred networks to the front.
    private func prefer(_ size: Int, _ bench: Workbench) {
        var front = 0
        for place in places {
            guard let address = bench.address(at: place, count: size), source.settings.preferred.contains(where: { $0.contains(address) })
            else { continue }
            bench.swap(places[front], place, count: size)
            front += 1
        }
    }
}
