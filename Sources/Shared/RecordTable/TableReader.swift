import CMizzenSystem
import Glibc
import MizzenSystem
public import Names

/// A reader of the record table: no locks, no waiting, no writing, no registration, and after warm-up no allocation.
///
/// One for each thread: it keeps the copies that its look-ups made. Look-ups may be nested (from inside a closure).
/// All names are expected in lower case, as Kubernetes has them.
@safe
public final class TableReader {
    public let path: String
    private(set) var control: ControlFile
    private(set) var data: DataFile
    private var scratches: [Scratch]
    private var depth = 0
    /// The reference at which the last walk that started over had found its block changed.
    private var staleReference = BlockReference.none
    /// Why this reader answers from an older table than the one at `path`; nil while it has the current one, as far as it has looked.
    public private(set) var fault: TableError?
    /// When a generation that could not be opened may be tried again, on the monotonic clock.
    private var nextAttempt: Int64 = 0
    /// How often a look-up started over because the writer changed what it was reading.
    public private(set) var retries = 0
    /// How often a look-up met bytes that no writer wrote (a damaged file) and gave up.
    public private(set) var damaged = 0

    /// Opens the table that a watcher wrote at `path`.
    ///
    /// - Throws: `TableError.absent` while there is none yet (try again later), else why the file cannot be used.
    public init(path: String) throws(TableError) {
        self.path = path
        control = try ControlFile(path: path, writable: false)
        data = try TableReader.attach(control, path)
        scratches = (0..<4).map { _ in Scratch() }
    }

    private static func attach(_ control: ControlFile, _ path: String) throws(TableError) -> DataFile {
        while true {
            let generation = control.generation
            guard generation > 0 else { throw .absent(path: path) }
            do {
                return try DataFile(
                    table: path, generation: generation, hashSeed: control.hashSeed, writable: false)
            } catch {
                // The writer may have moved on, and removed that generation, between the two steps.
                if control.generation == generation { throw error }
            }
        }
    }

    /// Which data file this reader answers from.
    public var generation: UInt64 { data.generation }

    /// Moves to the writer's current generation, if that is another than this reader's. Look-ups do it themselves; a reader that
    /// nobody asks needs it now and then to notice. Where the file cannot be opened `fault` says why, the old one stays in use, and
    /// a second passes before the next attempt.
    @inline(__always)
    public func followGeneration() {
        if control.generation != data.generation, depth == 0 { switchGeneration() }
    }

    @inline(never)
    private func switchGeneration() {
        // Look-ups come by the thousand: each would pay for an attempt that fails like the one before it.
        let now = MonotonicClock.nanoseconds()
        guard now >= nextAttempt else { return }
        do throws(TableError) {
            data = try TableReader.attach(control, path)
            fault = nil
            nextAttempt = 0
        } catch {
            fault = error
            nextAttempt = now + 1_000_000_000
        }
    }

    /// Opens the table anew if the control file at `path` is another file now (someone removed it and a watcher made a new
    /// one). Costs one system call: for once a second, not for each query. On failure the old table stays in use and `fault` says why.
    ///
    /// - Returns: whether another table is in use now.
    public func reopenIfReplaced() -> Bool {
        guard depth == 0, let found = FileIdentity.of(path: path) else { return false }
        guard found != control.identity else {
            if control.generation == data.generation { fault = nil }
            return false
        }
        do throws(TableError) {
            let nextControl = try ControlFile(path: path, writable: false)
            data = try TableReader.attach(nextControl, path)
            control = nextControl
            fault = nil
            return true
        } catch {
            fault = error
            return false
        }
    }

    /// The writer's statements about the table: who, how fresh, how much.
    public var status: TableStatus { control.status(generation: data.generation) }

    /// The wall time of the writer's last sign of life, in nanoseconds since 1970; 0 before the first.
    public var heartbeat: UInt64 { control.heartbeat }

    // MARK: Look-ups

    /// Calls `body` with the namespace of that name. Returns nil where there is none.
    public func withNamespace<R>(_ name: Span<UInt8>, _ body: (borrowing NamespaceView) -> R) -> R? {
        withOne(.namespace, name, Span()) { body(NamespaceView($0)) }
    }

    /// Calls `body` with the service. Returns nil where there is none.
    public func withService<R>(
        namespace: Span<UInt8>, name: Span<UInt8>, _ body: (borrowing ServiceView) -> R
    ) -> R? {
        withOne(.service, namespace, name) { body(ServiceView($0)) }
    }

    /// Calls `body` with the pod. Returns nil where there is none (or it has no addresses of its own).
    public func withPod<R>(namespace: Span<UInt8>, name: Span<UInt8>, _ body: (borrowing PodView) -> R) -> R? {
        withOne(.pod, namespace, name) { body(PodView($0)) }
    }

    /// Calls `body` with each slice of a service, all from one pass over the service's chain: a slice that exists throughout is
    /// met exactly once, in its old or its new state. Pass an empty `service` for the slices that name none.
    ///
    /// - Returns: how many there were.
    @discardableResult
    public func forEachSlice(
        namespace: Span<UInt8>, service: Span<UInt8>, _ body: (borrowing SliceView) -> Void
    ) -> Int {
        forEach(.slice, namespace, service) { body(SliceView($0)) }
    }

    /// Calls `body` with each service that has the address among its cluster IPs.
    public func forEachService(address: IPAddress, _ body: (borrowing ServiceView) -> Void) {
        forEachOwner(of: address) { service in
            for index in 0..<service.clusterIPCount where service.clusterIP(index) == address { return body(service) }
        }
    }

    /// Calls `body` with each service that the world reaches by the address: an external IP, or one of its load balancer.
    public func forEachService(externalAddress address: IPAddress, _ body: (borrowing ServiceView) -> Void) {
        forEachOwner(of: address) { service in
            for index in 0..<service.externalIPCount where service.externalIP(index) == address { return body(service) }
        }
    }

    /// The address record may be newer or older than the service: the service decides.
    private func forEachOwner(of address: IPAddress, _ body: (borrowing ServiceView) -> Void) {
        withKey(of: address) { key in
            _ = forEach(.serviceAddress, key, Span()) { found in
                let owner = AddressOwnerView(found)
                _ = withService(namespace: owner.namespace, name: owner.name) { body($0) }
            }
        }
    }

    /// Calls `body` with each endpoint that has the address: the slice and the endpoint's index in it.
    public func forEachEndpoint(address: IPAddress, _ body: (borrowing SliceView, _ endpoint: Int) -> Void) {
        withKey(of: address) { key in
            _ = forEach(.endpointAddress, key, Span()) { found in
                let sliceHash = found.suffix.integer(at: 0, as: UInt64.self)
                let chainHash = found.payload.integer(at: 0, as: UInt64.self)
                forEachSlice(chain: chainHash, slice: sliceHash) { slice in
                    for endpoint in 0..<slice.endpointCount {
                        for index in 0..<slice.addressCount(endpoint) where slice.address(endpoint, index) == address {
                            body(slice, endpoint)
                        }
                    }
                }
            }
        }
    }

    /// Calls `body` with each pod that has the address (two for a moment, when an address passes from one pod to the next).
    public func forEachPod(address: IPAddress, _ body: (borrowing AddressOwnerView) -> Void) {
        withKey(of: address) { key in
            _ = forEach(.podAddress, key, Span()) { body(AddressOwnerView($0)) }
        }
    }

    // MARK: Walking everything (for tools and transfers, not for queries)

    public func forEachNamespace(_ body: (borrowing NamespaceView) -> Void) {
        scan(.namespace) { body(NamespaceView($0)) }
    }

    public func forEachService(_ body: (borrowing ServiceView) -> Void) { scan(.service) { body(ServiceView($0)) } }

    public func forEachSlice(_ body: (borrowing SliceView) -> Void) { scan(.slice) { body(SliceView($0)) } }

    public func forEachPod(_ body: (borrowing PodView) -> Void) { scan(.pod) { body(PodView($0)) } }

    // MARK: The walk

    @inline(__always)
    private func withOne<R>(
        _ kind: RecordKind, _ first: Span<UInt8>, _ second: Span<UInt8>, _ body: (borrowing RecordCopy) -> R
    ) -> R? {
        followGeneration()
        let scratch = enter()
        defer { depth -= 1 }
        let hash = TableHash(seed: control.hashSeed).key(kind, first, second)
        collect(kind, hash, into: scratch, single: true) { $0.first.isEqual(to: first) && $0.second.isEqual(to: second) }
        guard let entry = scratch.entries.first else { return nil }
        return scratch.withEntry(entry, body)
    }

    @inline(__always)
    private func forEach(
        _ kind: RecordKind, _ first: Span<UInt8>, _ second: Span<UInt8>, _ body: (borrowing RecordCopy) -> Void
    ) -> Int {
        followGeneration()
        let scratch = enter()
        defer { depth -= 1 }
        let hash = TableHash(seed: control.hashSeed).key(kind, first, second)
        collect(kind, hash, into: scratch, single: false) { $0.first.isEqual(to: first) && $0.second.isEqual(to: second) }
        for entry in scratch.entries { scratch.withEntry(entry, body) }
        return scratch.entries.count
    }

    private func forEachSlice(chain: UInt64, slice: UInt64, _ body: (borrowing SliceView) -> Void) {
        let scratch = enter()
        defer { depth -= 1 }
        let hash = TableHash(seed: control.hashSeed)
        collect(.slice, chain, into: scratch, single: true) { hash.slice(namespace: $0.first, name: $0.suffix) == slice }
        for entry in scratch.entries { scratch.withEntry(entry) { body(SliceView($0)) } }
    }

    private func scan(_ kind: RecordKind, _ body: (borrowing RecordCopy) -> Void) {
        followGeneration()
        let scratch = enter()
        defer { depth -= 1 }
        for index in 0..<data.bucketCount {
            // Safe: the index is below the bucket count.
            unsafe collect(kind, hash: nil, bucket: data.bucket(at: index), into: scratch, single: false) { _ in true }
            for entry in scratch.entries { scratch.withEntry(entry, body) }
        }
    }

    /// Takes the next scratch, so that a look-up inside a closure leaves the outer one's copies alone.
    private func enter() -> Scratch {
        if depth == scratches.count { scratches.append(Scratch()) }
        depth += 1
        return scratches[depth - 1]
    }

    @inline(__always)
    private func withKey(of address: IPAddress, _ body: (Span<UInt8>) -> Void) {
        let (high, low) = address.mappedWords
        var words: InlineArray<2, UInt64> = [high.bigEndian, low.bigEndian]
        // Safe: 16 initialised bytes on the stack, read while they live.
        unsafe withUnsafeBytes(of: &words) { buffer in
            let bytes = unsafe Span<UInt8>(_unsafeBytes: buffer)
            body(bytes)
        }
    }

    @inline(__always)
    private func collect(
        _ kind: RecordKind, _ hash: UInt64, into scratch: Scratch, single: Bool,
        _ matches: (borrowing RecordCopy) -> Bool
    ) {
        // Safe: the bucket of any hash lies inside the mapping.
        unsafe collect(kind, hash: hash, bucket: data.bucket(of: hash), into: scratch, single: single, matches)
    }

    /// Copies the matching records of one chain, starting over whenever the writer changed something under it.
    private func collect(
        _ kind: RecordKind, hash: UInt64?, bucket: UnsafeMutableRawPointer, into scratch: Scratch, single: Bool,
        _ matches: (borrowing RecordCopy) -> Bool
    ) {
        var stale = BlockReference.none
        var repetitions = 0
        for _ in 0..<TableReader.mostRetries {
            scratch.reset()
            switch unsafe walk(kind, hash: hash, bucket: bucket, into: scratch, single: single, matches) {
            case .whole: return
            case .changed:
                retries &+= 1
                repetitions = staleReference == stale ? repetitions + 1 : 0
                stale = staleReference
                if repetitions >= TableReader.mostRepetitions {
                    giveUp(scratch)
                    return
                }
            case .damaged:
                giveUp(scratch)
                return
            }
        }
        giveUp(scratch)
    }

    private func giveUp(_ scratch: Scratch) {
        damaged &+= 1
        scratch.reset()
    }

    /// A writer at full speed makes a walk start over now and then; never this often in a row.
    private static let mostRetries = 1 << 16
    /// In a live table a reference found stale is gone at the next walk (see Layout.swift): one that stays was left by a power
    /// loss, and the next writer cuts it.
    private static let mostRepetitions = 8

    private enum Walk { case whole, changed, damaged }

    /// No chain is longer: a walk that goes on is in a circle, which only a damaged file can have.
    private static let longestChain = 1 << 22

    private func walk(
        _ kind: RecordKind, hash: UInt64?, bucket: UnsafeMutableRawPointer, into scratch: Scratch, single: Bool,
        _ matches: (borrowing RecordCopy) -> Bool
    ) -> Walk {
        // Safe: all addresses come from `bucket(of:)` and `block(_:)`, which keep them inside the mapping; all words that
        // the writer may change are loaded atomically.
        var reference = unsafe BlockReference(word: mz_load_u64_acquire(bucket))
        var steps = 0
        while !reference.isNone {
            guard let block = unsafe data.block(reference) else { return .damaged }
            guard unsafe mz_load_u32_acquire(block) == reference.sequence else {
                staleReference = reference
                return .changed
            }
            let next = unsafe BlockReference(word: mz_load_u64_acquire(block + Layout.Block.next))
            let sizes = unsafe mz_load_u64_relaxed(block + Layout.Block.hash)
            let key = unsafe mz_load_u64_relaxed(block + Layout.Block.kind)
            let isCandidate =
                UInt8(truncatingIfNeeded: key) == kind.rawValue
                // The comparison before it has seen that there is a hash.
                && (hash == nil || UInt32(truncatingIfNeeded: sizes) == UInt32(truncatingIfNeeded: hash! >> 32))
            let length = Int(sizes >> 32)
            if isCandidate {
                guard reference.offset + Layout.Block.headerSize + length <= data.size else {
                    // The lengths may be another record's by now: only an unchanged block is damaged.
                    return unsafe isUnchanged(block, reference) ? .damaged : .changed
                }
                let copy = unsafe scratch.reserve((length + 7) & ~7)
                unsafe mz_copy_words_from_shared(copy, block + Layout.Block.headerSize, (length + 7) / 8)
                guard unsafe isUnchanged(block, reference) else { return .changed }
                let entry = Scratch.Entry(
                    offset: 0, length: length, firstLength: Int(key >> 8 & 0xFF), secondLength: Int(key >> 16 & 0xFF),
                    suffixLength: Int(key >> 32 & 0xFFFF))
                if scratch.keep(entry, if: matches), single { return .whole }
            } else {
                guard unsafe isUnchanged(block, reference) else { return .changed }
            }
            reference = next
            steps += 1
            if steps > TableReader.longestChain { return .damaged }
        }
        return .whole
    }

    @inline(__always)
    private func isUnchanged(_ block: UnsafeMutableRawPointer, _ reference: BlockReference) -> Bool {
        mz_fence_acquire()
        // Safe: the caller got the address from `block(_:)`.
        if unsafe mz_load_u32_relaxed(block) == reference.sequence { return true }
        staleReference = reference
        return false
    }
}
