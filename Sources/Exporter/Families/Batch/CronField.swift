/// One of the fields of a schedule: `*`, `1-5`, `*/15`, `MON,WED`, `22-2/2`.
struct CronField {
    private let bounds: ClosedRange<Int>
    /// Lower case; the first is a name of the lower bound.
    private var names: [String] = []

    static let minute = CronField(bounds: 0...59)
    static let hour = CronField(bounds: 0...23)
    static let dayOfMonth = CronField(bounds: 1...31)
    static let month = CronField(
        bounds: 1...12, names: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"])
    /// 0 and 7 are Sunday.
    static let dayOfWeek = CronField(bounds: 0...7, names: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"])

    /// The numbers that the field lists; none if it consists of commas, nil if it cannot be read.
    func numbers(in text: Substring) -> CronNumbers? {
        var numbers = CronNumbers()
        for part in text.split(separator: ",") {
            guard insert(part, into: &numbers) else { return nil }
        }
        return numbers
    }

    /// - Returns: whether the part can be read.
    private func insert(_ part: Substring, into numbers: inout CronNumbers) -> Bool {
        let pieces = part.split(separator: "/", omittingEmptySubsequences: false)
        let ends = pieces[0].split(separator: "-", omittingEmptySubsequences: false)
        guard pieces.count <= 2, case (let first, var last)? = self.ends(ends) else { return false }
        var step = 1
        if pieces.count == 2 {
            guard let number = Self.number(pieces[1]), number > 0 else { return false }
            step = number
            if ends.count == 1 { last = bounds.upperBound }
        }
        guard first >= bounds.lowerBound, last <= bounds.upperBound else { return false }
        let around = bounds.count
        if first > last { last += around }
        // Compared without signs: a range that begins far beyond the bounds has any length, and nothing in it.
        guard step == 1 || UInt(step) < UInt(bitPattern: last - first + 1) else { return false }
        for number in stride(from: first, through: last, by: step) {
            numbers.insert(number <= bounds.upperBound ? number : (number - bounds.lowerBound) % around + bounds.lowerBound)
        }
        return true
    }

    /// What follows `*` does not matter: `*-5` is everything.
    private func ends(_ ends: [Substring]) -> (first: Int, last: Int)? {
        if ends[0] == "*" || ends[0] == "?" { return (bounds.lowerBound, bounds.upperBound) }
        guard ends.count <= 2, let first = value(ends[0]), let last = value(ends[ends.count - 1]) else { return nil }
        return (first, last)
    }

    private func value(_ text: Substring) -> Int? {
        if let index = names.firstIndex(of: text.lowercased()) { return bounds.lowerBound + index }
        return Self.number(text)
    }

    private static func number(_ text: Substring) -> Int? {
        guard let number = Int(text), number >= 0 else { return nil }
        return number
    }
}

/// Some of the numbers 0 ... 63.
struct CronNumbers: Hashable, Sendable {
    private var bits: UInt64 = 0

    var isEmpty: Bool { bits == 0 }

    func contains(_ number: Int) -> Bool { bits & (1 << number) != 0 }

    mutating func insert(_ number: Int) { bits |= 1 << number }
}
