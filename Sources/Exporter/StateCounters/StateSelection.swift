import DeltaStream

/// Which pods' states are counted, and which families say so.
struct StateSelection: Hashable, Sendable {
    let families: FamilySet<OwnerStates>
    let buckets: BucketSet
    let admission: StateLedger.Admission

    /// - Returns: nil where nothing is to be counted.
    init?(_ families: FamilySet<OwnerStates>, buckets: BucketSet, _ admission: StateLedger.Admission, servesPods: Bool) {
        guard servesPods, !families.descriptions.isEmpty, !buckets.isEmpty else { return nil }
        (self.families, self.buckets, self.admission) = (families, buckets, admission)
    }

    static func == (left: Self, right: Self) -> Bool {
        left.families.descriptions == right.families.descriptions && left.buckets == right.buckets && left.admission == right.admission
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(buckets)
        hasher.combine(admission)
    }
}
