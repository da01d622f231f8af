import EncryptedServing
import MizzenSystem
import NIOCore
import NIOHTTP1
import NIOPosix
import ProcessRuntime
import Synchronization

/// Connections to kubelets, kept between requests: a TLS handshake costs more than a scrape.
///
/// All connections of a node belong to one event loop. Whoever asks on that loop's thread (``executor(of:)``) waits, reads and goes on there:
/// crossing from thread to thread cost as much as a third of a scrape.
final class KubeletConnections: Sendable {
    private struct State {
        var idle: [KubeletConnection.Purpose: [KubeletConnection]] = [:]
        var open: [ObjectIdentifier: KubeletConnection] = [:]
        var isShut = false
    }

    /// More requests to one kubelet at a time are rare, and theirs end with them.
    private static let keptPerNode = 2

    /// For what a kubelet has to say about the certificate that it was shown: it knows as soon as the handshake is over.
    private static let patience = TimeAmount.milliseconds(500)

    private let loops: [(loop: any EventLoop, executor: EventLoopExecutor)]
    private let idle: TimeAmount
    private let state = Mutex(State())

    /// - Parameter idle: how long a connection is kept between two requests.
    init(idle: Duration, group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton) {
        self.idle = TimeAmount(idle)
        loops = group.makeIterator().map { ($0, EventLoopExecutor($0)) }
    }

    private func place(of node: String) -> Int { Int(StableHash.of(Array(node.utf8).span, seed: 0) % UInt64(loops.count)) }

    /// Runs tasks on the thread of the node's connections.
    func executor(of node: String) -> EventLoopExecutor { loops[place(of: node)].executor }

    /// How many are open.
    var count: Int { state.withLock { $0.open.count } }

    /// Asks for one resource.
    /// - Parameters:
    ///   - within: for everything, from the connection to the end of the answer.
    ///   - start: called before each attempt; there is a second one where a kept connection turns out to have been closed.
    ///   - limit, take: as of ``KubeletConnection/exchange(_:deadline:limit:take:)``.
    /// - Returns: what the kubelet showed, nil without encryption, and its answer's status.
    /// - Throws: `ScrapeFailure`; `CancellationError`.
    func get(
        _ url: KubeletURL, of node: CatalogNode, headers: HTTPHeaders, _ encryption: KubeletEncryption?, within timeout: Duration,
        limit: Int,
        take: @escaping @Sendable (ByteBuffer) throws -> Void
    ) async throws -> (status: HTTPResponseStatus, certificate: CertificateFacts?) {
        let deadline = NIODeadline.now() + TimeAmount(timeout)
        let purpose = KubeletConnection.Purpose(
            node: node.name, isEncrypted: url.isEncrypted, host: url.host, port: url.port,
            contextGeneration: encryption?.contextGeneration, trustGeneration: encryption?.trust.generation)
        var all = headers
        all.replaceOrAdd(name: "host", value: url.authority)
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: url.path, headers: all)
        if let kept = takeIdle(purpose) {
            do {
                return (try await exchange(kept, head, deadline, limit, take), kept.certificate)
            } catch let loss as KubeletConnection.Loss {
                // Both sides may close an idle connection, and neither knows at once: what was lost so was not asked at all (RFC 9112
                // section 9.3.1).
                guard loss.isUnanswered, loss.failure.fault == .closed else { throw loss.failure }
            }
        }
        let fresh = try await open(purpose, node, encryption, deadline)
        do {
            return (try await exchange(fresh, head, deadline, limit, take), fresh.certificate)
        } catch let loss as KubeletConnection.Loss {
            guard loss.isUnanswered, loss.failure.fault == .closed, encryption != nil else { throw loss.failure }
            let patience = min(deadline, .now() + Self.patience)
            let second = try? await open(purpose, node, encryption, patience)
            let complaint = await second?.complaint(deadline: patience)
            throw complaint?.fault == .clientCertificateRefused ? complaint ?? loss.failure : loss.failure
        }
    }

    private func open(
        _ purpose: KubeletConnection.Purpose, _ node: CatalogNode, _ encryption: KubeletEncryption?, _ deadline: NIODeadline
    ) async throws -> KubeletConnection {
        let connection = try await KubeletConnection.open(
            purpose, encryption, aliases: [node.name] + node.addresses.map(\.address), on: loops[place(of: node.name)].loop,
            deadline: deadline,
            idle: idle)
        note(connection)
        return connection
    }

    private func exchange(
        _ connection: KubeletConnection, _ head: HTTPRequestHead, _ deadline: NIODeadline, _ limit: Int,
        _ take: @escaping @Sendable (ByteBuffer) throws -> Void
    ) async throws -> HTTPResponseStatus {
        let answer = try await connection.exchange(head, deadline: deadline, limit: limit, take: take)
        if answer.isKept { giveBack(connection) }
        return answer.status
    }

    private func note(_ connection: KubeletConnection) {
        let isShut = state.withLock { state in
            state.open[ObjectIdentifier(connection)] = connection
            return state.isShut
        }
        // Called at once where it has closed already.
        connection.end.whenComplete { [weak self] _ in self?.forget(connection) }
        if isShut { connection.close() }
    }

    private func takeIdle(_ purpose: KubeletConnection.Purpose) -> KubeletConnection? {
        state.withLock { state in
            while let connection = state.idle[purpose]?.popLast() {
                if connection.isActive { return connection }
            }
            return nil
        }
    }

    private func giveBack(_ connection: KubeletConnection) {
        let isKept = state.withLock { state in
            guard !state.isShut, connection.isActive, connection.mayWait,
                state.idle[connection.purpose, default: []].count < Self.keptPerNode
            else {
                return false
            }
            state.idle[connection.purpose, default: []].append(connection)
            return true
        }
        // It may have closed between the look and the entry, and been forgotten before that; the next who takes it looks again.
        if !isKept { connection.close() }
    }

    private func forget(_ connection: KubeletConnection) {
        state.withLock { state in
            state.open[ObjectIdentifier(connection)] = nil
            state.idle[connection.purpose]?.removeAll { $0 === connection }
            if state.idle[connection.purpose]?.isEmpty == true { state.idle[connection.purpose] = nil }
        }
    }

    /// Closes those that are there and those that are being made.
    func shutdown() async {
        let open = state.withLock { state in
            state.isShut = true
            return Array(state.open.values)
        }
        for connection in open {
            connection.close()
            try? await connection.end.get()
        }
    }
}
