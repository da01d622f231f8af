import CMizzenSystem

/// The numbers of metrics: words of 8 bytes, 0 at first, wherever their maker has them: in memory of this process, or in a file that other
/// processes map.
///
/// Memory contract: the words never move, and are given back when nobody holds this object any more (those that are `kept`: never), so no
/// reader holds a dangling pointer. Each access is one relaxed atomic load, store or addition of a whole word: a number is never torn, and
/// no two numbers are of one moment.
@safe
public final class MetricCells: @unchecked Sendable {
    // @unchecked: see the memory contract above; `base` and `count` never change.

    public let count: Int
    /// For who counts on a hot path. Valid for `count` words as long as this object is held.
    public let base: UnsafeMutableRawPointer
    /// Keeps words alive that are somebody else's.
    private let owner: (any Sendable & AnyObject)?
    private let isGivenBack: Bool

    /// Words of this process.
    /// - Parameter isKept: they stay for the process's life, so that a pointer to them may be held without this object.
    public init(_ count: Int, isKept: Bool = false) {
        self.count = count
        owner = nil
        isGivenBack = !isKept
        // Safe: room for `count` words, all of them set before anybody sees them.
        unsafe base = .allocate(byteCount: max(1, count) * 8, alignment: 64)
        for index in 0..<count { unsafe mz_store_u64_relaxed(base + index * 8, 0) }
    }

    /// Words of `owner`, which are valid and aligned to 8 as long as it lives.
    public init(_ count: Int, at base: UnsafeMutableRawPointer, of owner: any Sendable & AnyObject) {
        self.count = count
        unsafe self.base = unsafe base
        self.owner = owner
        isGivenBack = false
    }

    deinit {
        // Safe: allocated above, and whoever holds a pointer holds this object.
        if isGivenBack { unsafe base.deallocate() }
    }

    /// Indices follow from a series' own shape; one outside of it reads as 0 and is not written.
    public subscript(index: Int) -> UInt64 {
        get {
            guard index >= 0, index < count else { return 0 }
            // Safe: inside, by the line above.
            return unsafe mz_load_u64_relaxed(base + index * 8)
        }
        set {
            guard index >= 0, index < count else { return }
            // Safe: as above.
            unsafe mz_store_u64_relaxed(base + index * 8, newValue)
        }
    }

    /// Any number of threads may at once.
    func add(_ amount: UInt64, at index: Int) {
        guard index >= 0, index < count else { return }
        // Safe: inside, by the line above.
        unsafe mz_add_u64_relaxed(base + index * 8, amount)
    }

    /// The same for a word that holds a Double's bits.
    func addDouble(_ amount: Double, at index: Int) {
        guard index >= 0, index < count else { return }
        // Safe (and below): inside, by the line above; the expected value is a local number.
        var old = unsafe mz_load_u64_relaxed(base + index * 8)
        while unsafe mz_exchange_u64_relaxed(base + index * 8, &old, (Double(bitPattern: old) + amount).bitPattern) == 0 {}
    }
}

/// Where a process has the numbers of its metrics when that is not its own memory.
public protocol MetricMemory: AnyObject, Sendable {
    /// Room for the numbers of these series, one after another; nil where there is none left.
    func cells(for series: [MetricSeries]) -> MetricCells?

    /// The series of these cells are not told any more.
    func withdraw(_ cells: MetricCells)
}
