/// What a process says of itself to those that answer for it.
public struct MemberCard: Sendable, Equatable {
    public enum Stage: UInt64, Sendable {
        /// It takes no queries yet.
        case starting = 1
        case serving
        /// It was told to stop and finishes what is under way.
        case draining
    }

    /// Which processes belong together: those that could reach one another's addresses, and answer from one table.
    public struct Place: Sendable, Hashable {
        public var networkNamespace: UInt64
        public var table: String

        public init(networkNamespace: UInt64, table: String) { (self.networkNamespace, self.table) = (networkNamespace, table) }
    }

    public var place: Place
    /// What it serves over HTTP: `127.0.0.1:9153/metrics`. Sorted.
    public var endpoints: [String]
    public var stage = Stage.starting
    /// What is wrong that does not heal by itself; empty while it is well.
    public var fault = ""
    /// What it is waiting for before it is ready; empty once it is.
    public var waiting: [String] = []
    public var release: String

    public init(place: Place, endpoints: [String] = [], release: String) {
        (self.place, self.endpoints, self.release) = (place, endpoints, release)
    }

    /// Nil beyond what a card has room for.
    var bytes: [UInt8]? {
        var fields = FieldWriter()
        fields.number(place.networkNamespace)
        fields.text(place.table)
        fields.list(endpoints) { $0.text($1) }
        fields.number(stage.rawValue)
        fields.text(String(fault.prefix(256)))
        fields.list(waiting.prefix(16)) { $0.text(String($1.prefix(64))) }
        fields.text(release)
        return fields.bytes.count <= CounterLayout.Header.cardSize - 8 ? fields.bytes : nil
    }

    init(_ bytes: [UInt8]) throws(FieldReader.Malformed) {
        var fields = FieldReader(bytes)
        place = Place(networkNamespace: try fields.number(), table: try fields.text())
        endpoints = try fields.list { fields throws(FieldReader.Malformed) in try fields.text() }
        guard let stage = Stage(rawValue: try fields.number()) else { throw .init() }
        self.stage = stage
        fault = try fields.text()
        waiting = try fields.list { fields throws(FieldReader.Malformed) in try fields.text() }
        release = try fields.text()
    }
}
