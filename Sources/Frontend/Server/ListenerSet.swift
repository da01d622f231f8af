import MizzenSystem
import Glibc
import ProcessRuntime

/// The sockets of all workers, opened before anything is handed to them: either all of a plan's addresses can be
/// listened on, or nothing changes.
struct ListenerSet: Sendable {
    private struct Key: Hashable {
        var address: SocketAddress
        var thread: Int
    }

    private var open: [Key: OpenListener] = [:]

    /// The sockets for a plan on `threads` threads, those of this set that fit used again.
    ///
    /// - Throws: `ProcessError` 69 that names the address; then this set is as good as before.
    func adapted(to plan: ServingPlan, threads: Int) throws(ProcessError) -> ListenerSet {
        var result = ListenerSet()
        for (index, server) in plan.servers.enumerated() {
            // Port 0 becomes a port with the first socket; the others of the server take the same.
            var chosen: UInt16?
            for address in server.listen {
                for thread in 0..<threads {
                    let key = Key(address: address, thread: thread)
                    var listener: OpenListener
                    if let known = open[key] {
                        listener = known
                    } else {
                        guard let opened = try Self.listener(at: address, chosen, index, server) else { continue }
                        listener = opened
                    }
                    listener.server = index
                    chosen = listener.address.port
                    result.open[key] = listener
                }
            }
        }
        return result
    }

    /// Nil on a host without IPv6, for the IPv6 half of a server that is bound to nothing.
    private static func listener(
        at address: SocketAddress, _ chosen: UInt16?, _ index: Int, _ server: ServerPlan
    ) throws(ProcessError) -> OpenListener? {
        var address = address
        if address.port == 0, let chosen { address.port = chosen }
        // Another program may have the stream port of the number that the system chose for datagrams.
        for attempt in 0..<8 {
            do throws(SystemError) {
                let datagrams = try Socket.listening(.datagram, on: address)
                var bound = address
                bound.port = try Socket.boundPort(datagrams)
                do throws(SystemError) {
                    let streams = try Socket.listening(.stream, on: bound)
                    return OpenListener(address: bound, server: index, datagrams: datagrams, streams: streams)
                } catch {
                    guard address.port == 0, error.code == EADDRINUSE, attempt < 7 else { throw error }
                }
            } catch {
                let hasNoV6 = error.code == EAFNOSUPPORT || error.code == EADDRNOTAVAIL
                if hasNoV6, server.listen.count == 2, address.isV6 { return nil }
                throw fault(error, address, server)
            }
        }
        return nil
    }

    private static func fault(_ error: SystemError, _ address: SocketAddress, _ server: ServerPlan) -> ProcessError {
        let message =
            switch error.code {
            case EADDRINUSE:
                "cannot listen for DNS on \(address): another program has this port; stop it, or choose another port or a 'bind' address in the Corefile"
            case EACCES, EPERM:
                "cannot listen for DNS on \(address): ports below 1024 need root or the capability CAP_NET_BIND_SERVICE; grant it, or choose a higher port in the Corefile"
            case EADDRNOTAVAIL:
                "cannot listen for DNS on \(address): no interface of this host has the address; correct 'bind' in the Corefile"
            default:
                "cannot listen for DNS on \(address)"
            }
        return ProcessError(code: ExitStatus.unavailable, message: message, place: server.place, cause: "\(error)")
    }

    /// The sockets of one thread.
    func listeners(ofThread thread: Int) -> [OpenListener] {
        open.filter { $0.key.thread == thread }.map(\.value).sorted { $0.address.description < $1.address.description }
    }

    /// Every address that is listened on.
    var addresses: [SocketAddress] { listeners(ofThread: 0).map(\.address) }
}
