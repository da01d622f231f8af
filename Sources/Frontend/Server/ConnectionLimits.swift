import CMizzenSystem
import MizzenSystem
import Names

/// How many TCP connections one worker keeps open.
struct ConnectionLimits: Sendable, Equatable {
    /// Of one thread, however many descriptors the process may have.
    static let most = 5_000
    /// Of one client on one thread. Much more than a client should open (RFC 7766 section 6.2.2): many may share one address.
    static let mostOfClient = 1_000
    /// With few descriptors a client may still have so many, or all.
    static let fewestOfClient = 32

    var all: Int
    /// Of an IPv4 address or an IPv6 /64.
    var ofClient: Int

    /// - Parameters:
    ///   - descriptors: that the process may have open. A quarter of them is for all else: upstreams, HTTP, files.
    ///   - threads: that share them.
    init(descriptors: Int, threads: Int) {
        all = max(1, min(Self.most, (descriptors - descriptors / 4) / max(1, threads)))
        ofClient = min(Self.mostOfClient, max(all / 5, min(all, Self.fewestOfClient)))
    }

    /// Those of this process, whose limit is RLIMIT_NOFILE.
    static func ofProcess(threads: Int) -> ConnectionLimits {
        ConnectionLimits(descriptors: Int(clamping: mz_file_limit()), threads: threads)
    }
}

/// How long a client may take; the defaults are CoreDNS's (directive `timeouts`).
struct ConnectionTimeouts: Sendable, Equatable {
    /// From the connection to its first whole query, and from the first octet of a later one to its last.
    var read = Duration.seconds(3)
    /// Until an answer, or 4 KiB of a longer one, has gone.
    var write = Duration.seconds(5)
    /// From the last whole query, or the last answer, to the next query.
    var idle = Duration.seconds(10)
}

/// Who counts as one client: an IPv4 address, or the /64 that a host of IPv6 has to itself.
enum ClientAddress: Hashable, Sendable, CustomStringConvertible {
    case v4(UInt32)
    case v6(prefix: UInt64)

    init(_ address: IPAddress) {
        switch address {
        case .v4(let bits): self = .v4(bits)
        case .v6(let high, _): self = .v6(prefix: high)
        }
    }

    var description: String {
        switch self {
        case .v4(let bits): "\(IPAddress.v4(bits))"
        case .v6(let prefix): "\(IPAddress.v6(high: prefix, low: 0))/64"
        }
    }
}
