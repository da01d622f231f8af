import Foundation
import KubernetesObjects
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// Plays the kubelets of all nodes: a listener each, and nodes whose status says where it is.
final class KubeletFarm: Sendable {
    private let store: ObjectStore
    private let authenticator: Authenticator
    private let authority: Authority
    private let tls: NIOSSLContext
    /// Of kubelets that have others than most.
    private let ownTLS = Mutex<[String: NIOSSLContext]>([:])
    private let replayFolder: String?
    private let switchboard: FaultSwitchboard
    private let clock: @Sendable () -> Instant
    private let listeners = Mutex<[String: KubeletListener]>([:])

    /// - Parameter replayFolder: where `NODE.1.txt` and `NODE.2.txt` are; a node without them answers 500.
    init(
        store: ObjectStore, authority: Authority, authenticator: Authenticator, replayFolder: String?,
        switchboard: FaultSwitchboard, clock: @escaping @Sendable () -> Instant
    ) throws {
        self.store = store
        self.authenticator = authenticator
        self.replayFolder = replayFolder
        self.switchboard = switchboard
        self.clock = clock
        self.authority = authority
        let identity = try authority.serverIdentity(commonName: "system:node", hosts: Self.hosts)
        tls = try NIOSSLContext(configuration: try authority.serverConfiguration(identity))
    }

    private static let hosts = ["127.0.0.1", "localhost", "::1"]

    /// From now on the node's kubelet serves new connections so; those that stand go on.
    func serve(_ node: String, with certificate: KubeletCertificate) throws {
        var identity: Authority.Identity
        var clients: Authority? = nil
        switch certificate {
        case .usual: identity = try authority.serverIdentity(commonName: "system:node:\(node)", hosts: Self.hosts)
        case .named(let names): identity = try authority.serverIdentity(commonName: "system:node:\(node)", hosts: names)
        case .expired: identity = try authority.serverIdentity(commonName: node, hosts: Self.hosts, validity: -7200 ..< -3600)
        case .notYetValid: identity = try authority.serverIdentity(commonName: node, hosts: Self.hosts, validity: 3600..<7200)
        case .expiring(let days):
            identity = try authority.serverIdentity(commonName: node, hosts: Self.hosts, validity: -3600..<Double(days) * 86_400)
        case .foreign(let names):
            identity = try Authority(commonName: "\(node)-ca@1700000000").serverIdentity(commonName: "\(node)@1700000000", hosts: names)
        case .given(let certificate, let key): identity = Authority.Identity(certificate: certificate, key: key)
        case .strangersOnly:
            identity = try authority.serverIdentity(commonName: node, hosts: Self.hosts)
            clients = try Authority(commonName: "another-authority")
        }
        var configuration = try authority.serverConfiguration(identity)
        if let clients {
            configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(try clients.pem.utf8)))
            configuration.certificateVerification = .noHostnameVerification
        }
        let context = try NIOSSLContext(configuration: configuration)
        ownTLS.withLock { $0[node] = context }
    }

    /// The node's kubelet does not listen any more. What it has been asked for is answered yet.
    func stop(_ node: String) async {
        await listeners.withLock { $0[node] }?.stop()
    }

    /// Starts listeners of the nodes that are there; `run` looks after later ones.
    func start() async throws { try await adjust() }

    /// Follows nodes that come and go, until cancelled.
    func run() async throws {
        let bell = store.hangBell(.nodes)
        defer { store.takeDown(bell) }
        try await adjust()
        for await _ in bell.rings { try await adjust() }
    }

    func stop() async {
        for listener in listeners.withLock({ Array($0.values) }) { await listener.stop() }
        listeners.withLock { $0.removeAll() }
    }

    private func adjust() async throws {
        let nodes = try store.read { database throws(StatusError) in database.objects(.nodes).map(\.name) }
        let gone = listeners.withLock { listeners in
            let gone = listeners.filter { !nodes.contains($0.key) }
            for name in gone.keys { listeners[name] = nil }
            return gone
        }
        for listener in gone.values { await listener.stop() }
        let missing = Set(nodes).subtracting(listeners.withLock { $0.keys })
        var ports: [String: Int] = [:]
        for name in nodes where missing.contains(name) {
            let listener = try await KubeletListener.start(
                host: "127.0.0.1", port: 0, tls: { [self] in ownTLS.withLock { $0[name] } ?? tls }, authenticator: authenticator,
                group: MultiThreadedEventLoopGroup.singleton, connected: { [switchboard] in switchboard.connectedToKubelet(of: name) },
                disconnected: { [switchboard] in switchboard.disconnectedFromKubelet(of: name) }, answer: answer(ofNode: name))
            listeners.withLock { $0[name] = listener }
            ports[name] = listener.port
        }
        if !ports.isEmpty { try announce(ports) }
    }

    private func announce(_ ports: [String: Int]) throws {
        try store.write { database throws(StatusError) in
            for (name, port) in ports.sorted(by: { $0.key < $1.key }) {
                guard let node = database.object(.nodes, name: name) else { continue }
                var tree = node.tree
                let others = (tree.at("status", "addresses")?.array ?? []).filter { $0["type"]?.string != "InternalIP" }
                tree.set(
                    .array([["type": "InternalIP", "address": "127.0.0.1"]] + others), at: "status", "addresses")
                tree.set(.integer(Int64(port)), at: "status", "daemonEndpoints", "kubeletEndpoint", "Port")
                database.put(node.type, tree)
            }
        }
    }

    private func answer(ofNode name: String) -> @Sendable (Fault.KubeletPath) -> KubeletListener.Answer {
        let metrics = scrape(ofNode: name)
        return { [self] path in
            if path == .metrics { switchboard.scraped(name) }
            let honest: (KubeletLapse) -> KubeletListener.Answer = { lapse in
                switch path {
                case .metrics: metrics(lapse)
                case .summary: .json(String(decoding: self.load(ofNode: name, lapse).summary.encoded, as: UTF8.self))
                }
            }
            return switchboard.answer(ofKubelet: path, of: name, now: clock().millisecondsSinceEpoch, honest)
        }
    }

    private func load(ofNode name: String, _ lapse: KubeletLapse) -> NodeLoad {
        let pods =
            (try? store.read { database throws(StatusError) in
                database.collections[.pods]?.objects(onNode: name) ?? []
            }) ?? []
        let now = Instant(nanosecondsSinceEpoch: clock().nanosecondsSinceEpoch + Int64(lapse.offset - lapse.delay) * 1_000_000_000)
        return NodeLoad(node: name, pods: pods, now: now, counterStart: lapse.counterStart, clockOffset: Int64(lapse.offset))
    }

    private func scrape(ofNode name: String) -> @Sendable (KubeletLapse) -> KubeletListener.Answer {
        guard let replayFolder else { return { [self] in .text(load(ofNode: name, $0).resourceMetrics) } }
        let recordings = (1...2).compactMap { number in
            FileManager.default.contents(atPath: "\(replayFolder)/\(name).\(number).txt").map {
                String(decoding: $0, as: UTF8.self)
            }
        }
        let next = Turn()
        return { _ in
            guard !recordings.isEmpty else { return .failure(500) }
            // The first scrape gets the first recording, all others the last.
            return .text(recordings[min(next.take(), recordings.count - 1)])
        }
    }
}

/// Counts scrapes.
private final class Turn: Sendable {
    private let count = Mutex(0)

    func take() -> Int {
        count.withLock { count in
            defer { count += 1 }
            return count
        }
    }
}
