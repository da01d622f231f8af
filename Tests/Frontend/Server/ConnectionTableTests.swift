import MizzenSystem
import Names
import TestSupport
import Testing

@testable import Frontend

/// The lists of a worker's connections, without sockets.
@Suite("The connections of a worker")
struct ConnectionTableTests {
    private static let second: UInt64 = 1_000_000_000

    /// Makes connections that nobody is behind.
    private struct Maker {
        let descriptor: Descriptor
        let listener: Listener

        init() throws {
            descriptor = try Waker().descriptor
            let plan = ServerPlan(label: "dns://:53", listen: [], zones: [], place: "Corefile:1")
            listener = Listener(
                address: SocketAddress(address: SocketAddress.anyV4, port: 53), datagrams: descriptor, streams: descriptor,
                server: WorkerServer(plan, chains: [], blocks: [], metrics: FrontendMetrics(), thread: 0))
        }

        func make(_ client: ClientAddress, _ now: Instant) -> Connection {
            Connection(descriptor, listener: listener, client: client, now: now)
        }
    }

    @Test(
        "limits follow from the process's descriptors, of which a quarter is for all else",
        arguments: [
            (1_048_576, 2, 5_000, 1_000), (20_000, 2, 5_000, 1_000), (1_024, 2, 384, 76), (256, 1, 192, 38), (48, 4, 9, 9),
            (4, 4, 1, 1), (Int.max, 1, 5_000, 1_000),
        ])
    func limits(descriptors: Int, threads: Int, all: Int, ofClient: Int) {
        let limits = ConnectionLimits(descriptors: descriptors, threads: threads)
        #expect(limits.all == all && limits.ofClient == ofClient)
    }

    @Test("one client is an IPv4 address, or a /64 of IPv6")
    func clients() throws {
        func client(_ text: String) throws -> ClientAddress { ClientAddress(try #require(IPAddress(text))) }
        #expect(try client("192.0.2.1") != client("192.0.2.2"))
        #expect(try client("2001:db8:0:1::1") == client("2001:db8:0:1:ffff::2"))
        #expect(try client("2001:db8:0:1::1") != client("2001:db8:0:2::1"))
        #expect(try client("2001:db8:0:1::1").description == "2001:db8:0:1::/64")
    }

    /// What the table should say, by looking at everything.
    private struct Model {
        struct Item {
            var connection: Connection
            var standing: ConnectionTable.Standing
            var due: Instant
        }

        var items: [Item] = []

        /// The longest unused of those, of a client's or all.
        func victim(_ client: ClientAddress?) -> Connection? {
            let candidates = items.filter { client == nil || $0.connection.client == client }
            let idle = candidates.filter { $0.standing == .idle }
            let pool = idle.isEmpty ? candidates.filter { $0.standing == .unread } : idle
            return pool.min { $0.connection.lastUse < $1.connection.lastUse }?.connection
        }

        func admission(of client: ClientAddress, _ limits: ConnectionLimits) -> (Connection?, String) {
            if items.count(where: { $0.connection.client == client }) >= limits.ofClient { return (victim(client), "client_limit") }
            return items.count < limits.all ? (nil, "room") : (victim(nil), "limit")
        }
    }

    @Test("whatever happens, victims and expired connections are those that looking at all of them finds", arguments: 0..<8)
    func model(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let maker = try Maker()
        var limits = ConnectionLimits(descriptors: 40, threads: 1)
        // Three clients: the one never fills the table, the other does.
        limits.ofClient = seed % 2 == 0 ? 6 : 12
        var (now, model) = (7 * Self.second, Model())
        var table = ConnectionTable(limits: limits, now: now)
        var isKept = true
        func drop(_ connection: Connection) {
            table.remove(connection)
            model.items.removeAll { $0.connection === connection }
        }
        for _ in 0..<4_000 {
            // Times differ, so that the order is one only.
            now += UInt64.random(in: 1...(Self.second / 8), using: &random)
            if Int.random(in: 0..<400, using: &random) == 0 { now += 60 * Self.second }
            while let connection = table.expired(at: now) {
                #expect(model.items.contains { $0.connection === connection && $0.due <= now })
                drop(connection)
            }
            // What is due is found a step later at the latest.
            #expect(model.items.allSatisfy { $0.due + ConnectionTable.step > now })
            let due = now + UInt64.random(in: 1...(40 * Self.second), using: &random)
            if let index = model.items.indices.randomElement(using: &random), Bool.random(using: &random) {
                if Int.random(in: 0..<6, using: &random) == 0 { drop(model.items[index].connection); continue }
                let standing: ConnectionTable.Standing = [.idle, .unread, .busy].randomElement(using: &random) ?? .idle
                if Bool.random(using: &random) || standing != model.items[index].standing { model.items[index].connection.lastUse = now }
                (model.items[index].standing, model.items[index].due) = (standing, due)
                isKept = table.update(model.items[index].connection, standing, due: due)
                #expect(isKept)
            } else {
                let client = ClientAddress.v4(UInt32.random(in: 0..<3, using: &random))
                let (victim, reason) = model.admission(of: client, limits)
                switch table.admission(of: client) {
                case .room: #expect(reason == "room")
                case .inPlaceOf(let other, let why):
                    #expect(other === victim && why.rawValue == reason)
                    drop(other)
                case .full(let why):
                    #expect(victim == nil && why.rawValue == reason)
                    continue
                }
                let connection = maker.make(client, now)
                table.add(connection, now: now)
                isKept = table.update(connection, .idle, due: due)
                #expect(isKept)
                model.items.append(.init(connection: connection, standing: .idle, due: due))
            }
            #expect(table.count == model.items.count && table.open.count == table.count)
        }
    }

    @Test("beyond what all may hold, one that holds more than its share goes, and others stay")
    func memory() throws {
        let maker = try Maker()
        var table = ConnectionTable(limits: ConnectionLimits(descriptors: 40_000, threads: 1), now: 0)
        let half = [UInt8](repeating: 0, count: ConnectionTable.mostHeld / 2)
        let connections = (0..<3).map { maker.make(.v4($0), 0) }
        var isKept = true
        for connection in connections { table.add(connection, now: 0) }
        for connection in connections[..<2] {
            connection.received = half
            isKept = table.update(connection, .idle, due: 1)
            #expect(isKept)
        }
        connections[2].received = [UInt8](repeating: 0, count: 10_000)
        isKept = table.update(connections[2], .idle, due: 1)
        #expect(isKept)
        connections[2].received = [UInt8](repeating: 0, count: 20_000)
        isKept = table.update(connections[2], .idle, due: 1)
        #expect(!isKept)
        table.remove(connections[0])
        isKept = table.update(connections[2], .idle, due: 1)
        #expect(isKept)
        #expect(table.held == ConnectionTable.mostHeld / 2 + 20_000)
    }

    @Test("a client that reads slowly but surely has time, one that stops has not")
    func slowReader() throws {
        let connection = try Maker().make(.v4(1), 0)
        connection.queue([UInt8](repeating: 0, count: 10_000)[...], 100)
        connection.sent(4_000, 200)
        #expect(connection.unreadSince == 100)
        connection.sent(96, 300)
        #expect(connection.unreadSince == 300)
        connection.queue([1, 2, 3], 400)
        #expect(connection.unreadSince == 300 && connection.unsent.count == 5_907)
    }
}
