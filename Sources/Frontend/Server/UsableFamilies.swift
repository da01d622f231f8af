import Names
import RecordTable
import Synchronization

/// Which families of addresses somebody in the cluster has: what `--skip-unusable-families` goes by.
///
/// Who has no address of IPv6 can do nothing with one of a name outside, so asking for it costs a question and gives nothing. Told by services and
/// pods of the record table; nodes are told by their pods of the host's network, of which each has some.
final class UsableFamilies: Sendable {
    private static let v4: UInt8 = 1
    private static let v6: UInt8 = 2

    private let usable = Atomic<UInt8>(v4 | v6)

    /// Whether the answer to a question of this type could be of use. True for types that are no addresses, and as long as it is not known.
    @inline(__always)
    func isUsable(_ type: RecordType) -> Bool {
        switch type {
        case .a: usable.load(ordering: .relaxed) & Self.v4 != 0
        case .aaaa: usable.load(ordering: .relaxed) & Self.v6 != 0
        default: true
        }
    }

    /// - Parameter table: nil where there is none, or where it does not have all services and pods: then all may be of use.
    func update(from table: TableReader?) {
        let found = table.map(Self.families) ?? 0
        // A cluster without any address is one that is not known.
        usable.store(found == 0 ? Self.v4 | Self.v6 : found, ordering: .relaxed)
    }

    /// Walks the table, to its end if the cluster has one family alone: some milliseconds for each 10,000 objects.
    private static func families(of table: TableReader) -> UInt8 {
        var found: UInt8 = 0
        func note(_ address: IPAddress) {
            if case .v4 = address { found |= v4 } else { found |= v6 }
        }
        table.forEachService { service in
            for index in 0..<service.clusterIPCount { note(service.clusterIP(index)) }
        }
        guard found != v4 | v6 else { return found }
        table.forEachPod { pod in
            for index in 0..<pod.addressCount { note(pod.address(index)) }
        }
        return found
    }
}
