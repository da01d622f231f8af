import MizzenSystem

/// The connections of one worker: how many each client has, which of them has been idle longest, whose time is over. Whatever
/// happens to a connection costs the same however many there are.
struct ConnectionTable {
    /// What a connection is at.
    enum Standing {
        /// Nothing is outstanding; an unfinished query counts for nothing.
        case idle
        /// Answers have to be sent, and the client does not take them.
        case unread
        /// Queries are with upstreams.
        case busy
    }

    enum Admission {
        case room
        /// Once that one is closed.
        case inPlaceOf(Connection, CloseReason)
        case full(RefusalReason)
    }

    /// Deadlines are looked at in steps of this many nanoseconds.
    static let step: UInt64 = 250_000_000
    private static let steps: UInt64 = 64
    /// Octets that the connections of a thread may make it keep. Beyond that, one that holds more than its share goes.
    static let mostHeld = 64 << 20

    private struct Entry {
        var connection: Connection?
        /// An index of `clients`.
        var client = 0
        var standing: Standing?
        /// `Connection.lastUse` when it was put into its list.
        var listedUse: Instant = 0
        var due: Instant = 0
        /// The step in whose list of `wheel` it is.
        var dueStep: UInt64?
        var held = 0
    }

    private struct Client {
        var address: ClientAddress?
        var count = 0
        var idle = PlaceLists.Ends()
        var unread = PlaceLists.Ends()
    }

    let limits: ConnectionLimits
    private(set) var count = 0
    private(set) var held = 0
    private var entries: [Entry] = []
    private var freeEntries: [Int] = []
    private var clients: [Client] = []
    private var freeClients: [Int] = []
    private var clientPlaces: [ClientAddress: Int] = [:]
    private var idle = PlaceLists.Ends()
    private var unread = PlaceLists.Ends()
    /// Links of `idle` and `unread`, and of the same lists of each client.
    private var allLinks = PlaceLists()
    private var clientLinks = PlaceLists()
    /// Lists by the step that a deadline falls into, modulo the wheel's size. One that lies further ahead is passed on when its
    /// list comes round.
    private var wheel = [PlaceLists.Ends](repeating: .init(), count: Int(steps))
    private var wheelLinks = PlaceLists()
    /// Every list up to this step has been looked at.
    private var stepsDone: UInt64

    init(limits: ConnectionLimits, now: Instant) {
        self.limits = limits
        stepsDone = now / Self.step
    }

    /// All that are open.
    var open: [Connection] { entries.compactMap(\.connection) }

    /// Of those with nothing outstanding the one whose last use is longest ago.
    var idlest: Connection? { idle.first.flatMap { entries[$0].connection } }

    // MARK: Coming and going

    /// What has to happen before a further connection of `client` is added.
    func admission(of client: ClientAddress) -> Admission {
        if let place = clientPlaces[client], clients[place].count >= limits.ofClient {
            guard let oldest = clients[place].idle.first ?? clients[place].unread.first, let connection = entries[oldest].connection
            else { return .full(.clientLimit) }
            return .inPlaceOf(connection, .clientLimit)
        }
        if count < limits.all { return .room }
        guard let oldest = idle.first ?? unread.first, let connection = entries[oldest].connection else { return .full(.limit) }
        return .inPlaceOf(connection, .limit)
    }

    mutating func add(_ connection: Connection, now: Instant) {
        // Nobody looks at deadlines while there are none.
        if count == 0 { stepsDone = now / Self.step }
        let place = freeEntries.popLast() ?? entries.endIndex
        if place == entries.endIndex {
            entries.append(Entry())
            allLinks.addPlace()
            clientLinks.addPlace()
            wheelLinks.addPlace()
        }
        connection.place = place
        let client = clientPlace(of: connection.client)
        clients[client].count += 1
        entries[place] = Entry(connection: connection, client: client)
        count += 1
    }

    /// - Parameter connection: one that was added.
    mutating func remove(_ connection: Connection) {
        let place = connection.place
        unlist(place)
        setDue(place, nil)
        held -= entries[place].held
        let client = entries[place].client
        clients[client].count -= 1
        if clients[client].count == 0, let address = clients[client].address {
            clientPlaces[address] = nil
            clients[client].address = nil
            freeClients.append(client)
        }
        entries[place] = Entry()
        freeEntries.append(place)
        count -= 1
    }

    private mutating func clientPlace(of address: ClientAddress) -> Int {
        if let known = clientPlaces[address] { return known }
        let place = freeClients.popLast() ?? clients.endIndex
        if place == clients.endIndex { clients.append(Client()) }
        clients[place].address = address
        clientPlaces[address] = place
        return place
    }

    // MARK: Changes

    /// What a connection is at now, and when its time is over.
    ///
    /// - Returns: whether it may stay: all together hold too much, and this one more than its share.
    mutating func update(_ connection: Connection, _ standing: Standing, due: Instant) -> Bool {
        let place = connection.place
        if entries[place].standing != standing || entries[place].listedUse != connection.lastUse {
            unlist(place)
            list(place, standing)
            entries[place].listedUse = connection.lastUse
        }
        setDue(place, due)
        held += connection.held - entries[place].held
        entries[place].held = connection.held
        return held <= Self.mostHeld || connection.held <= Self.mostHeld / limits.all
    }

    private mutating func list(_ place: Int, _ standing: Standing) {
        entries[place].standing = standing
        let client = entries[place].client
        switch standing {
        case .idle:
            allLinks.append(place, to: &idle)
            clientLinks.append(place, to: &clients[client].idle)
        case .unread:
            allLinks.append(place, to: &unread)
            clientLinks.append(place, to: &clients[client].unread)
        case .busy: break
        }
    }

    private mutating func unlist(_ place: Int) {
        let client = entries[place].client
        switch entries[place].standing {
        case .idle:
            allLinks.remove(place, from: &idle)
            clientLinks.remove(place, from: &clients[client].idle)
        case .unread:
            allLinks.remove(place, from: &unread)
            clientLinks.remove(place, from: &clients[client].unread)
        case .busy, nil: break
        }
        entries[place].standing = nil
    }

    // MARK: Deadlines

    private mutating func setDue(_ place: Int, _ due: Instant?) {
        let old = entries[place].dueStep
        if let due {
            entries[place].due = due
            let step = max(due / Self.step + 1, stepsDone + 1)
            // A later deadline is seen when the earlier one's list is looked at: a query a moment costs no more than this.
            if let old, old <= step { return }
            if let old { wheelLinks.remove(place, from: &wheel[Int(old % Self.steps)]) }
            let reachable = min(step, stepsDone + Self.steps - 1)
            entries[place].dueStep = reachable
            wheelLinks.append(place, to: &wheel[Int(reachable % Self.steps)])
        } else if let old {
            wheelLinks.remove(place, from: &wheel[Int(old % Self.steps)])
            entries[place].dueStep = nil
        }
    }

    /// The next connection whose time is over; to be asked until it is nil. It stays until it is removed, or updated.
    mutating func expired(at now: Instant) -> Connection? {
        while stepsDone < now / Self.step {
            let step = stepsDone + 1
            while let place = wheel[Int(step % Self.steps)].first {
                wheelLinks.remove(place, from: &wheel[Int(step % Self.steps)])
                entries[place].dueStep = nil
                if entries[place].due > now {
                    setDue(place, entries[place].due)
                } else if let connection = entries[place].connection {
                    return connection
                }
            }
            stepsDone = step
        }
        return nil
    }
}
