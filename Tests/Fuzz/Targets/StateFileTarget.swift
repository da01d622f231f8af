import DeltaStream

@testable import Exporter

extension FuzzTarget {
    /// Octet 0 chooses, as for history files: the rest is what follows the header of a file of state counters; or bodies of records.
    ///
    /// Whatever the bytes, reading ends with a fault inside them, with a state that is refused, or with a state. A state that is written
    /// anew is read as the same state: positions, marks, owners with their numbers.
    static let stateFile = FuzzTarget(name: "state-file", longestInput: 4096) { input throws(PropertyFailure) in
        guard let first = input.first else { return }
        let rest = Array(input.dropFirst())
        guard let state = try readStates(first % 2 == 0 ? rest : framed(rest)) else { return }
        var encoder = RecordEncoder()
        state.encodeAll(into: &encoder)
        guard let again = try readStates(encoder.bytes) else { throw PropertyFailure("what was read cannot be read again") }
        try expect(again.positions == state.positions, "the positions are others")
        try expect(again.admission == state.admission && again.overflow == state.overflow, "admission or overflow are others")
        try expect(again.series == state.series, "\(state.series) series come back as \(again.series)")
        for (one, other) in zip(state.buckets, again.buckets) { try expect(one.pods == other.pods, "marks are others") }
        let (owners, others) = (state.owners.enumerated(), again.owners)
        for (at, owner) in owners {
            try expect(owner == (others.indices.contains(at) ? others[at] : nil), "the owner in place \(at) is another")
        }
    }

    /// - Returns: nil where the bytes are refused.
    private static func readStates(_ bytes: [UInt8]) throws(PropertyFailure) -> StateLedger? {
        var ledger = StateLedger(mostSeries: 1_000)
        var decoder = RecordDecoder(bytes)
        let fault: HistoryFault
        do throws(HistoryFault) {
            while let _ = try decoder.next({ (record, start) throws(HistoryFault) in try ledger.decode(&record, start) }) {}
            return ledger.recalled()
        } catch {
            fault = error
        }
        switch fault {
        case .damaged(let at, _), .cutShort(let at): try expect(at <= bytes.count, "a fault at \(at) of \(bytes.count)")
        }
        return nil
    }
}
