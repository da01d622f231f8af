import Foundation
public import KubernetesObjects
public import Logging
import NIOPosix
import ServiceLifecycle
import Synchronization

/// A Kubernetes cluster in this process: an API server with objects, controllers and kubelets, for tests and the demo.
///
/// ```swift
/// let cluster = ClusterSimulator(.init(generated: .init(services: 10, pods: 50, nodes: 3)))
/// try await cluster.start()
/// try cluster.apply(yaml: "…")        // settled when it returns: pods run, endpoint slices are in step
/// await cluster.stop()
/// ```
public final class ClusterSimulator: Sendable {
    public let configuration: Configuration
    /// Tokens; tests may issue and revoke them.
    public let authenticator = Authenticator()

    /// Misbehaviour, to be switched on at any time.
    public let switchboard = FaultSwitchboard()

    private let token: Mutex<String>
    private let logger: Logger
    private let running = Mutex<Running?>(nil)

    var farm: KubeletFarm? { running.withLock { $0?.kubelets } }

    private struct Running: Sendable {
        var store: ObjectStore
        var pages: ListPages
        var plain: Listener?
        var secure: Listener?
        var kubelets: KubeletFarm?
        var kubeletTask: Task<Void, any Error>?
        var proxy: MetricsProxy?
        var kubeconfigPath: String
        var authority: String
        var issuer: Authority
    }

    public init(_ configuration: Configuration = Configuration(), logger: Logger? = nil) {
        self.configuration = configuration
        token = Mutex(configuration.token)
        var quiet = Logger(label: "cluster-simulator")
        quiet.logLevel = .error
        self.logger = logger ?? quiet
    }

    /// Loads the cluster, then listens. When it returns, everything answers.
    /// - Throws: `ManifestError` or `StatusError` for sources that cannot be loaded, NIO's errors for addresses that cannot
    ///   be bound.
    public func start() async throws {
        var (database, discovery, captures) = try load()
        let authority = try Authority()
        let proxy = try configuration.metricsAPI.map { try MetricsProxy(address: $0) }
        if let proxy {
            database.load(ResourceCatalog.type(.configMaps), try proxy.configMap(clients: authority.pem), keepingVersion: false)
        }
        let store = ObjectStore(database, controllers: ControllerLoop.settle)
        let administrator = Authenticator.User(name: "kubernetes-admin", groups: ["system:masters"])
        authenticator.issue(configuration.token, to: administrator)
        let server = APIServer(
            store: store, discovery: Discovery(captured: discovery, hasMetricsAPI: proxy != nil),
            authenticator: authenticator,
            conduct: configuration.conduct is HonestConduct ? switchboard : configuration.conduct, metricsProxy: proxy,
            bookmarks: configuration.bookmarks, watchTime: configuration.watchTime, logger: logger, switchboard: switchboard,
            perform: { [self] in try perform($0) })
        let kubelets = try await startKubelets(store, authority, captures)
        var plain: Listener?
        var secure: Listener?
        if let address = configuration.http {
            plain = try await Listener.start(
                server, host: address.host, port: address.port, tls: nil, logger: logger)
        }
        if let address = configuration.https {
            let hosts = Set(["127.0.0.1", "::1", "localhost", "kubernetes", "kubernetes.default.svc", address.host])
            let identity = try authority.serverIdentity(commonName: "kube-apiserver", hosts: hosts.sorted())
            secure = try await Listener.start(
                server, host: address.host, port: address.port, tls: try authority.serverConfiguration(identity),
                logger: logger)
        }
        let kubeconfigPath = try writeKubeconfig(authority, administrator, plain: plain, secure: secure)
        let authorityText = try authority.pem
        let kubeletTask = kubelets.map { farm in Task { try await farm.run() } }
        running.withLock {
            $0 = Running(
                store: store, pages: server.pages, plain: plain, secure: secure, kubelets: kubelets,
                kubeletTask: kubeletTask, proxy: proxy, kubeconfigPath: kubeconfigPath, authority: authorityText, issuer: authority)
        }
        for action in configuration.faults.actions { try perform(action) }
        switchboard.switchOn(configuration.faults.faults)
    }

    /// Ends watches, closes listeners, removes a kubeconfig of its own choosing.
    public func stop() async {
        guard let current = running.withLock({ $0 }) else { return }
        running.withLock { $0 = nil }
        current.kubeletTask?.cancel()
        current.store.close()
        await current.plain?.stop()
        await current.secure?.stop()
        await current.kubelets?.stop()
        try? await current.proxy?.shutdown()
        if configuration.kubeconfig == nil { try? FileManager.default.removeItem(atPath: current.kubeconfigPath) }
    }

    // MARK: Addresses

    /// Where HTTP is served, or HTTPS where there is no HTTP; empty before `start`.
    public var url: String { plainURL ?? secureURL ?? "" }

    public var plainURL: String? {
        running.withLock { $0?.plain?.port }.map { Self.url("http", configuration.http, $0) }
    }

    public var secureURL: String? {
        running.withLock { $0?.secure?.port }.map { Self.url("https", configuration.https, $0) }
    }

    /// A kubeconfig with contexts `simulator`, `simulator-certificate` and `simulator-http`; empty before `start`.
    public var kubeconfigPath: String { running.withLock { $0?.kubeconfigPath } ?? "" }

    /// The certificate authority in PEM.
    public var certificateAuthority: String { running.withLock { $0?.authority } ?? "" }

    private static func url(_ scheme: String, _ address: Configuration.Address?, _ port: Int) -> String {
        let host = address.map { $0.host == "0.0.0.0" || $0.host == "::" ? "127.0.0.1" : $0.host } ?? "127.0.0.1"
        return "\(scheme)://\(host.contains(":") ? "[\(host)]" : host):\(port)"
    }

    // MARK: Objects

    /// Creates what is new and merges what exists, as manifests say; creates missing namespaces. Statuses count too.
    /// - Returns: the objects as stored.
    @discardableResult
    public func apply(yaml: String) throws -> [JSONValue] {
        let documents = try ClusterSource.documents(Array(yaml.utf8), place: "manifest")
        let store = try store()
        let stored = try store.write { database throws(StatusError) in
            try ManifestLoader.apply(documents, place: "manifest", &database)
        }
        return try stored.map { try newest($0, store) }
    }

    /// - Parameter object: with `metadata.name`; its namespace is `default` unless it names one.
    @discardableResult
    public func create(_ resource: Resource, _ object: JSONValue) throws(StatusError) -> JSONValue {
        let type = ResourceCatalog.type(resource)
        let store = try store()
        let stored = try store.write { database throws(StatusError) in
            try database.create(type, namespace: Self.namespace(of: object, type), object)
        }
        return try newest(stored, store)
    }

    /// Replaces an object, its status included.
    /// - Parameter object: where it names a resourceVersion, that must be the current one.
    @discardableResult
    public func update(_ resource: Resource, _ object: JSONValue) throws(StatusError) -> JSONValue {
        let reference = ObjectReference(
            type: ResourceCatalog.type(resource), namespace: Self.namespace(of: object, ResourceCatalog.type(resource)),
            name: object.at("metadata", "name")?.string ?? "")
        let store = try store()
        let stored = try store.write { database throws(StatusError) in
            try database.update(reference, object, keepsStatus: true)
        }
        return try newest(stored, store)
    }

    /// Changes one object in place, for example its status.
    @discardableResult
    public func change(
        _ resource: Resource, namespace: String = "", name: String, _ change: (inout JSONValue) -> Void
    ) throws(StatusError) -> JSONValue {
        while true {
            guard var tree = try get(resource, namespace: namespace, name: name) else {
                throw .notFound(ResourceCatalog.type(resource), name)
            }
            change(&tree)
            do throws(StatusError) {
                return try update(resource, tree)
            } catch {
                // Somebody else was faster: once more on what is there now.
                guard error.code == 409 else { throw error }
            }
        }
    }

    public func delete(_ resource: Resource, namespace: String = "", name: String) throws(StatusError) {
        let reference = ObjectReference(type: ResourceCatalog.type(resource), namespace: namespace, name: name)
        _ = try store().write { database throws(StatusError) in try database.delete(reference) }
    }

    /// The object as it is now, with `kind` and `apiVersion`.
    public func get(
        _ resource: Resource, namespace: String = "", name: String
    ) throws(StatusError) -> JSONValue? {
        try store().read { database throws(StatusError) in
            database.object(resource, namespace: namespace, name: name)
        }?.typedTree
    }

    /// All objects in the order of lists, with `kind` and `apiVersion`.
    public func list(_ resource: Resource, namespace: String? = nil) throws(StatusError) -> [JSONValue] {
        try store().read { database throws(StatusError) in
            Array(database.objects(resource, namespace: namespace))
        }.map(\.typedTree)
    }

    /// The newest version of the whole cluster.
    public var resourceVersion: UInt64 {
        (try? store().read { database throws(StatusError) in database.lastVersion }) ?? 0
    }

    /// As when etcd compacts: watches that resume from before now, and started lists, get 410.
    public func forgetHistory() {
        running.withLock { $0?.pages.forget() }
        _ = try? store().write { database throws(StatusError) in database.forgetHistory() }
    }

    /// A new client certificate of the administrator and its key, in PEM.
    public func issueClientIdentity() throws -> (certificate: String, key: String) {
        guard let issuer = running.withLock({ $0?.issuer }) else { _ = try store(); return ("", "") }
        let identity = try issuer.clientIdentity(.init(name: "kubernetes-admin", groups: ["system:masters"]))
        return (identity.certificate, identity.key)
    }

    /// Does once what an action of a fault plan says.
    public func perform(_ action: FaultAction) throws {
        switch action {
        case .forgetHistory: forgetHistory()
        case .restartVersions:
            running.withLock { $0?.pages.forget() }
            try store().write { database throws(StatusError) in database.restartVersions() }
        case .rotateToken(let new):
            authenticator.issue(new, to: .init(name: "kubernetes-admin", groups: ["system:masters"]))
            let old = token.withLock { token in
                defer { token = new }
                return token
            }
            if old != new { authenticator.revoke(old) }
        case .expireCertificates: authenticator.expireCertificates()
        case .enlarge(let plural, let namespace, let name, let bytes):
            guard let resource = Resource.named(plural) else { return }
            // Made once: whoever else changes the object makes this be tried again, and must not be faster every time.
            let text = String(decoding: [UInt8](repeating: UInt8(ascii: "x"), count: bytes), as: UTF8.self)
            try change(resource, namespace: namespace, name: name) { object in
                let padding = bytes == 0 ? nil : JSONValue.string(text)
                object.set(padding, at: "metadata", "annotations", "simulator/padding")
            }
        }
    }

    private static func namespace(of object: JSONValue, _ type: ResourceType) -> String {
        type.resource.isNamespaced ? object.at("metadata", "namespace")?.string ?? "default" : ""
    }

    private func newest(_ object: StoredObject, _ store: ObjectStore) throws(StatusError) -> JSONValue {
        try store.read { database throws(StatusError) in
            database.collections[object.type.resource]?[object.key] ?? object
        }.typedTree
    }

    private func store() throws(StatusError) -> ObjectStore {
        guard let store = running.withLock({ $0?.store }) else {
            throw StatusError(code: 503, reason: "ServiceUnavailable", message: "the simulator does not run")
        }
        return store
    }
}

// MARK: Starting

extension ClusterSimulator {
    private func load() throws -> (ObjectDatabase, [String: [UInt8]], [CapturedFolder]) {
        let source = try ClusterSource(paths: configuration.load)
        var database = ObjectDatabase(
            seed: configuration.seed, historyLimit: configuration.historyLimit, clock: configuration.clock)
        var discovery: [String: [UInt8]] = [:]
        for capture in source.captures {
            try capture.load(into: &database)
            discovery.merge(capture.discovery) { $1 }
        }
        // A capture is complete as it is: its watchers must see what the real ones saw.
        if source.captures.isEmpty { try ManifestLoader.addSystemObjects(&database) }
        if let generated = configuration.generated {
            GeneratedCluster(
                services: generated.services, pods: generated.pods, nodes: generated.nodes, containers: generated.containers
            ).load(into: &database)
        }
        try ManifestLoader.apply(source.documents, place: configuration.load.joined(separator: ", "), &database)
        ControllerLoop.settle(&database)
        database.finishLoading()
        database.changedTypes.removeAll()
        return (database, discovery, source.captures)
    }

    private func startKubelets(
        _ store: ObjectStore, _ authority: Authority, _ captures: [CapturedFolder]
    ) async throws -> KubeletFarm? {
        let folder: String?
        switch configuration.kubelets {
        case .none: return nil
        case .simulated: folder = nil
        case .replayed: folder = captures.first.map { $0.path + "/kubelet" }
        }
        let farm = try KubeletFarm(
            store: store, authority: authority, authenticator: authenticator, replayFolder: folder,
            switchboard: switchboard, clock: configuration.clock)
        try await farm.start()
        return farm
    }

    private func writeKubeconfig(
        _ authority: Authority, _ user: Authenticator.User, plain: Listener?, secure: Listener?
    ) throws -> String {
        let path =
            configuration.kubeconfig
            ?? FileManager.default.temporaryDirectory.path + "/cluster-simulator-\(UUID().uuidString).kubeconfig"
        let text = Kubeconfig(
            secureURL: secure.map { Self.url("https", configuration.https, $0.port) },
            plainURL: plain.map { Self.url("http", configuration.http, $0.port) }, authority: try authority.pem,
            token: configuration.token, client: try authority.clientIdentity(user)
        ).text
        let isWritten = FileManager.default.createFile(
            atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
        guard isWritten else { throw ManifestError(place: path, reason: "the kubeconfig cannot be written there") }
        return path
    }
}
