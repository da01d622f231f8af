import Foundation
import ProcessRuntime
import Synchronization
import TestSupport

@testable import RecordTable
@testable import SharedCounters

/// A folder of counters, and what was complained of in it.
struct CountersUnderTest {
    static let endpoint = "127.0.0.1:9153/metrics"
    static let place = MemberCard.Place(networkNamespace: 1, table: "/table")

    private final class Complaints: Sendable {
        let all = Mutex<[CounterError]>([])
    }

    let path: String
    let folder: CounterFolder
    private let complaints = Complaints()

    init(_ temporary: TemporaryFolder, boot: BootIdentity = .current()) throws {
        path = temporary.path("counters")
        folder = try CounterFolder(path: path, clock: { TableClock(wall: 1, sinceBoot: 2, boot: boot) }) { [complaints] error in
            complaints.all.withLock { $0.append(error) }
        }
    }

    var complained: [CounterError] { complaints.all.withLock { $0 } }

    func process(
        _ endpoints: [String] = [endpoint], place: MemberCard.Place = place
    ) throws -> CounterSegment {
        try folder.makeSegment(MemberCard(place: place, endpoints: endpoints, release: "test"))
    }

    func sum(_ endpoint: String = endpoint) -> MetricsReading { folder.sum(of: endpoint, in: Self.place).reading }

    func count(_ name: String = "c_total", labels: String = "") -> UInt64? {
        guard case .count(let count) = sum().families[name]?.samples[labels] else { return nil }
        return count
    }

    var files: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }
}

extension MetricsReading {
    /// Every count of a family together.
    func total(_ name: String) -> UInt64 {
        (families[name]?.samples.values ?? [:].values).reduce(0) { sum, number in
            switch number {
            case .count(let count): sum + count
            case .distribution(let counts, _): sum + counts.reduce(0, +)
            case .value: sum
            }
        }
    }
}
