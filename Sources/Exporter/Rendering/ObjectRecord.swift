/// All samples of one object, rendered once when the object changes; immutable.
struct ObjectRecord: Hashable, Sendable {
    /// The labels that identify the object in every sample, from ``identityLabels(_:)``: `{namespace="default",pod="web-0"`. Not empty.
    let identity: [UInt8]
    /// The samples of all families, in the families' order, as ``SampleWriter`` made them.
    let samples: [UInt8]
    /// How many bytes of them belong to each family.
    let lengths: [Int]
    /// What stands behind the identity in the lines of families with chosen labels, one for each list of those: `,label_team="shop"`.
    var additions: [[UInt8]] = []
}
