import MizzenSystem
public import NIOCore
import Synchronization

/// How many connections a port has at a time: for one more, the one goes that has been silent longest.
///
/// Whoever can reach a port can open connections and say nothing on them. If further ones had to wait, that would shut out everyone else for
/// as long as idle connections are kept; so it only costs him his own. A connection on which something is asked or answered is not silent.
///
/// Connections live on several event loops; what is known of them is behind one lock, which nobody holds for longer than a look at all of them.
public final class ConnectionRoom: Sendable {
    private struct Held: Sendable {
        var channel: any Channel
        /// When something was read or written last.
        var spoke: NIODeadline
    }

    /// How many a port usually has.
    public static let usual = 512
    /// For connections that are taken while others are on their way out, and beyond which a port does not accept.
    static let reserve = 64

    private let most: Int
    private let crowded: @Sendable () -> Void
    private let held = Mutex<[ObjectIdentifier: Held]>([:])

    /// Those of this process, as long as somebody holds them.
    private static let rooms = Mutex<[ObjectIdentifier: Reference]>([:])
    private static let shortages = Atomic<UInt64>(0)

    private struct Reference: Sendable {
        weak let room: ConnectionRoom?
    }

    /// Connections that went since few descriptors were left.
    static var closedForDescriptors: UInt64 { shortages.load(ordering: .relaxed) }

    /// - Parameter crowded: called for each connection that had to go.
    public init(most: Int = ConnectionRoom.usual, crowded: @escaping @Sendable () -> Void = {}) {
        self.most = most
        self.crowded = crowded
        Self.rooms.withLock { $0[ObjectIdentifier(self)] = Reference(room: self) }
    }

    deinit { Self.rooms.withLock { $0[ObjectIdentifier(self)] = nil } }

    /// Takes a connection in that has just come. To be called on its event loop.
    public func take(_ channel: any Channel) throws {
        let id = ObjectIdentifier(channel)
        if held.withLock({ $0.count >= most }) { closeMostSilent() }
        let pipeline = channel.pipeline.syncOperations
        let number = try pipeline.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { $0 }
        if let number, !DescriptorLimit.areSomeLeft(number, for: .http) { Self.makeRoom() }
        held.withLock { $0[id] = Held(channel: channel, spoke: .now()) }
        // An object that is closing lives until then, so no other has its place in memory.
        channel.closeFuture.whenComplete { [self] _ in held.withLock { $0[id] = nil } }
        try pipeline.addHandler(SpeechWatch { [self] in spoke(id) }, position: .first)
    }

    /// Closes the connection of all rooms that has been silent longest, if there is one.
    static func makeRoom() {
        let rooms = rooms.withLock { $0.values.compactMap(\.room) }
        let oldest = rooms.compactMap { room in room.longestSilence.map { (room: room, spoke: $0) } }.min { $0.spoke < $1.spoke }
        guard let oldest, oldest.room.closeMostSilent() else { return }
        shortages.wrappingAdd(1, ordering: .relaxed)
    }

    /// Since when the one has been silent that has been for longest; nil without connections.
    private var longestSilence: NIODeadline? { held.withLock { $0.values.map(\.spoke).min() } }

    /// - Returns: whether there was one.
    @discardableResult
    private func closeMostSilent() -> Bool {
        let silent = held.withLock { held -> (any Channel)? in
            guard let oldest = held.min(by: { $0.value.spoke < $1.value.spoke }) else { return nil }
            held[oldest.key] = nil
            return oldest.value.channel
        }
        guard let silent else { return false }
        crowded()
        silent.close(promise: nil)
        return true
    }

    private func spoke(_ id: ObjectIdentifier) { held.withLock { $0[id]?.spoke = .now() } }
}

/// Tells that bytes have come, or go.
private final class SpeechWatch: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny
    typealias OutboundIn = NIOAny
    private let spoke: () -> Void

    init(spoke: @escaping () -> Void) { self.spoke = spoke }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        spoke()
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        spoke()
        context.write(data, promise: promise)
    }
}

/// Takes its connection into a room: for connections that are not encrypted, whose handlers can be told from the beginning.
final class RoomEntry: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny
    private let room: ConnectionRoom

    init(_ room: ConnectionRoom) { self.room = room }

    func handlerAdded(context: ChannelHandlerContext) {
        do {
            try room.take(context.channel)
        } catch {
            context.close(promise: nil)
        }
    }
}
