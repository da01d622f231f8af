import Glibc

/// What protects a stream's endpoints. Socket files are always their owner's alone.
public struct Transport: Hashable, Sendable {
    /// Lets `tcp://` reach beyond loopback without encryption or authentication: whoever can connect reads everything.
    public var allowPlainTCP: Bool
    /// With keys every `tcp://` endpoint is encrypted, and only who is known may connect (CURVE).
    public var keys: StreamKeys?

    public init(allowPlainTCP: Bool = false, keys: StreamKeys? = nil) {
        self.allowPlainTCP = allowPlainTCP
        self.keys = keys
    }

    /// - Parameter keys: the directory with this process's keys; nil: none.
    public init(allowPlainTCP: Bool, keys directory: String?) throws(DeltaStreamError) {
        self.allowPlainTCP = allowPlainTCP
        keys = if let directory { try StreamKeys(directory: directory) } else { nil }
    }

    /// Whether a text is an endpoint, without touching anything.
    /// - Parameter isProtected: there will be keys, or plain tcp is allowed.
    public static func check(_ endpoint: String, isProtected: Bool) throws(DeltaStreamError) {
        _ = try Endpoint(endpoint, transport: Transport(allowPlainTCP: isProtected))
    }

    /// Whether a subscriber can use the endpoint, without touching it.
    public func checkSubscribing(to endpoint: String) throws(DeltaStreamError) {
        _ = try Endpoint(endpoint, transport: self).keys?.requireClient()
    }
}

/// A ZeroMQ endpoint that this module serves: `ipc://PATH` or `tcp://HOST:PORT`.
struct Endpoint: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case ipc(path: String)
        case tcp(host: String, port: String)
    }

    let text: String
    let kind: Kind
    /// What secures it: nil for ipc, and for plain tcp.
    let keys: StreamKeys?

    var isTCP: Bool {
        switch kind {
        case .tcp: true
        case .ipc: false
        }
    }

    /// What `sockaddr_un` holds, without its NUL.
    private static let longestPath = 107

    init(_ text: String, transport: Transport) throws(DeltaStreamError) {
        self.text = text
        keys = text.hasPrefix("tcp://") ? transport.keys : nil
        if text.hasPrefix("ipc://") {
            let path = String(text.dropFirst(6))
            guard !path.isEmpty, !path.hasPrefix("@"), !path.hasPrefix("*") else {
                throw DeltaStreamError("an ipc endpoint needs a path, as in ipc:///run/mizzen/deltas", place: text, kind: .badArgument)
            }
            guard path.utf8.count <= Self.longestPath else {
                throw DeltaStreamError(
                    "the path is longer than the \(Self.longestPath) bytes of a socket address; choose a shorter one",
                    place: text, kind: .badArgument)
            }
            kind = .ipc(path: path)
        } else if text.hasPrefix("tcp://"), let colon = text.lastIndex(of: ":"),
            colon > text.index(text.startIndex, offsetBy: 5)
        {
            let host = String(text[text.index(text.startIndex, offsetBy: 6)..<colon])
            let port = String(text[text.index(after: colon)...])
            guard !host.isEmpty, port == "*" || UInt16(port) != nil else {
                throw DeltaStreamError("a tcp endpoint is written tcp://HOST:PORT", place: text, kind: .badArgument)
            }
            kind = .tcp(host: host, port: port)
            guard transport.keys != nil || transport.allowPlainTCP || Self.isLoopback(host) else {
                throw DeltaStreamError(
                    "plain tcp beyond loopback is refused, as anybody there could read the cluster's objects; give it keys "
                        + "('mizzen-watcher keys' makes them, --stream-keys takes them), use ipc:// or a loopback address, "
                        + "or allow it by name (--allow-plain-tcp)", place: text, kind: .badArgument)
            }
        } else {
            throw DeltaStreamError("an endpoint is written ipc://PATH or tcp://HOST:PORT", place: text, kind: .badArgument)
        }
    }

    private static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" || host == "[::1]" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    /// Makes the directory, and sees to it that no living process has the socket.
    /// - Returns: for ipc, the lock to hold as long as the socket exists.
    func claim(as role: String) throws(DeltaStreamError) -> EndpointLock? {
        guard case .ipc(let path) = kind else { return nil }
        try Self.makeDirectory(of: path, for: text)
        let lock = try EndpointLock(path: path + ".lock", endpoint: text, role: role)
        if Self.isListening(path) {
            lock.release()
            throw .another(role, at: text)
        }
        return lock
    }

    /// libzmq makes socket files with the umask of the process.
    func restrictToOwner() throws(DeltaStreamError) {
        guard case .ipc(let path) = kind else { return }
        guard unsafe chmod(path, 0o600) == 0 else {
            throw DeltaStreamError("cannot restrict the socket to its owner", place: text, kind: .notCreated, errorNumber: errno)
        }
    }

    private static func makeDirectory(of path: String, for endpoint: String) throws(DeltaStreamError) {
        let components = path.split(separator: "/").dropLast()
        var folder = path.hasPrefix("/") ? "" : "."
        for component in components {
            folder += "/\(component)"
            // Safe: Swift hands over a NUL-terminated copy.
            if unsafe mkdir(folder, 0o700) != 0 && errno != EEXIST {
                throw DeltaStreamError(
                    "cannot make the directory \(folder); make it, or choose another path", place: endpoint,
                    kind: .notCreated, errorNumber: errno)
            }
        }
    }

    /// A socket file that a dead process left refuses connections; libzmq replaces it.
    private static func isListening(_ path: String) -> Bool {
        let descriptor = socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // Safe: the path is at most `longestPath` bytes, checked in `init`; the rest of the address is zero.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        // EAGAIN: somebody listens whose queue is full.
        return result == 0 || errno == EAGAIN
    }
}

/// Says that a living process has an ipc endpoint: libzmq itself would quietly take over a socket file in use.
///
/// The kernel gives the lock up when the process dies, however it dies. The file stays.
final class EndpointLock: Sendable {
    private let descriptor: Int32

    init(path: String, endpoint: String, role: String) throws(DeltaStreamError) {
        // Safe: Swift hands over a NUL-terminated copy.
        descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw DeltaStreamError(
                "cannot write \(path); make its directory writable for this user, or choose another path",
                place: endpoint, kind: .notCreated, errorNumber: errno)
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw .another(role, at: endpoint)
        }
    }

    /// Once, by whoever holds it last.
    func release() { close(descriptor) }
}

extension DeltaStreamError {
    /// - Parameter role: what the process is: `watcher`, `collector`.
    static func another(_ role: String, at endpoint: String) -> DeltaStreamError {
        DeltaStreamError(
            "another \(role) publishes here already; stop it, or give this one another endpoint", place: endpoint,
            kind: .unavailable, errorNumber: EADDRINUSE)
    }

    static func bindRefused(_ endpoint: String, role: String, errorNumber: Int32) -> DeltaStreamError {
        if errorNumber == EADDRINUSE { return another(role, at: endpoint) }
        return DeltaStreamError(
            "cannot listen here; check that the address is this host's and may be used by this user", place: endpoint,
            kind: endpoint.hasPrefix("ipc://") ? .notCreated : .unavailable, errorNumber: errorNumber)
    }
}
