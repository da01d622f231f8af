internal import CMizzenSystem
import Glibc

/// How many files, sockets among them, this process may have open.
public enum DescriptorLimit {
    /// What a descriptor is for. What is opened at others' wish must not take the last ones, and the less somebody's wish counts the more it
    /// leaves: so a flood at one door leaves the next ones enough.
    ///
    /// Not only files and logs need some: libdispatch, on which Swift's tasks run, opens one of /proc each second while it is busy, and ends
    /// the process where it cannot.
    public enum Use: Sendable {
        /// Clients' connections where any number of them may come: DNS over TCP, subscribers of a stream. Also what could be opened anew.
        case client
        /// Connections to HTTP ports, health among them: beyond this each that comes has another one closed.
        case http
        /// What this process opens to do its work, at whoever's wish: connections to upstreams and kubelets. Nothing is beyond this.
        case own

        fileprivate var halves: UInt32 {
            switch self {
            case .client: UInt32(MZ_LEAVES_FOR_CLIENTS)
            case .http: UInt32(MZ_LEAVES_FOR_HTTP)
            case .own: UInt32(MZ_LEAVES_FOR_OWN)
            }
        }
    }

    public static var current: Int { Int(clamping: mz_file_limit()) }

    /// Raises the limit to what the process may have at most: what it is given is often set for programs that use `select`.
    /// As Go's programs do at their start.
    /// - Returns: the limit that holds then.
    @discardableResult
    public static func raise() -> Int {
        // Where that is not allowed, the old one holds.
        _ = mz_raise_file_limit()
        return current
    }

    /// Whether enough are left for others, now that this one is in use.
    public static func leavesSome(_ descriptor: Descriptor, for use: Use) -> Bool { leavesSome(descriptor.raw, for: use) }

    /// - Parameter descriptor: an open one.
    public static func leavesSome(_ descriptor: Int32, for use: Use) -> Bool { mz_leaves_descriptors(descriptor, use.halves) != 0 }

    /// Whether enough are left, however low this one's number is: a closed descriptor's number is given to the next.
    /// - Parameter descriptor: any open one, which is duplicated to learn the lowest free number.
    public static func areSomeLeft(_ descriptor: Int32, for use: Use) -> Bool {
        let free = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard free >= 0 else { return false }
        close(free)
        return leavesSome(free, for: use)
    }

    /// Connections that were closed as they came, since they would have taken the last descriptors.
    public static var refusedConnections: UInt64 { mz_refused_connections() }
}
