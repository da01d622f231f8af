import MizzenSystem

/// A client's TCP connection: length-prefixed queries, as many as the client likes, answered in the order in which
/// answers are known
/// (RFC 7766 §6.2.1.1, §7).
final class Connection {
    private(set) var descriptor: Descriptor?
    let listener: Listener
    let client: ClientAddress
    /// The other end, for those who look at clients.
    private(set) lazy var peer: SocketAddress? = descriptor.flatMap { Socket.peer(of: $0) }
    let isV6: Bool
    var token: UInt64 = 0
    /// Where the worker's `ConnectionTable` has it.
    var place = 0
    var received: [UInt8] = []
    var unsent: [UInt8] = []
    /// The last whole query or answer; octets of an unfinished query are no use.
    var lastUse: Instant
    /// Since when a query is expected to become whole: the first one from the beginning on, a later one from its first octet on.
    var unfinishedSince: Instant?
    /// Since when no answer, or no `wholeStep` octets of one, have gone though there are some to be sent.
    private(set) var unreadSince: Instant = 0
    private var sentSince = 0
    /// Queries that wait for upstreams.
    var waiting = 0
    var peerHasEnded = false
    /// While queries are taken from `received`.
    var isAnswering = false
    var interest: Poller.Interest = .readable

    /// A client that reads slowly, but so much in a write time, is left to do so.
    private static let wholeStep = 4_096

    init(_ descriptor: Descriptor, listener: Listener, client: ClientAddress, now: Instant) {
        self.descriptor = descriptor
        self.listener = listener
        self.client = client
        isV6 = listener.address.isV6
        lastUse = now
        unfinishedSince = now
    }

    /// Octets that it makes this process keep.
    var held: Int { received.count + unsent.count }

    /// The next whole query that stands in `received` from `start` on, which moves behind it.
    func nextQuery(at start: inout Int) -> [UInt8]? {
        guard received.count >= start + 2 else { return nil }
        let end = start + 2 + (Int(received[start]) << 8 | Int(received[start + 1]))
        guard received.count >= end else { return nil }
        defer { start = end }
        return Array(received[(start + 2)..<end])
    }

    /// Drops the queries that have been taken.
    func forget(upTo start: Int, _ now: Instant) {
        if start == received.count {
            // A burst's memory is not kept for as long as its connection.
            received.removeAll(keepingCapacity: start <= Self.wholeStep)
            unfinishedSince = nil
        } else {
            received.removeFirst(start)
            unfinishedSince = now
        }
        lastUse = now
    }

    /// Adds octets to what has to be sent.
    func queue(_ octets: ArraySlice<UInt8>, _ now: Instant) {
        if unsent.isEmpty { (unreadSince, sentSince) = (now, 0) }
        unsent += octets
        lastUse = now
    }

    /// The kernel has taken `count` octets from the front of `unsent`.
    func sent(_ count: Int, _ now: Instant) {
        guard count > 0 else { return }
        if count == unsent.count {
            unsent.removeAll(keepingCapacity: count <= Self.wholeStep)
        } else {
            unsent.removeFirst(count)
        }
        sentSince += count
        if sentSince >= Self.wholeStep { (unreadSince, sentSince) = (now, 0) }
        lastUse = now
    }

    /// Closes it, once nobody else holds the descriptor.
    func close() {
        descriptor = nil
        received = []
        unsent = []
    }
}
