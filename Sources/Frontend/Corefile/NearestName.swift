/// The candidate that is at most two typing errors (one for short names) away from `name`, the nearest first.
func nearestName(to name: String, among candidates: [String]) -> String? {
    let allowed = name.utf8.count <= 3 ? 1 : 2
    let typed = Array(name.lowercased().utf8)
    let ranked = candidates.map { ($0, editDistance(typed, Array($0.utf8))) }.filter { $0.1 <= allowed }
    return ranked.min { $0.1 < $1.1 }?.0
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.
private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    guard left.count <= 64, right.count <= 64 else { return .max }
    var rows = [Array(0...right.count)]
    for i in 0..<left.count {
        var row = [i + 1]
        for j in 0..<right.count {
            var best = min(row[j] + 1, rows[i][j + 1] + 1, rows[i][j] + (left[i] == right[j] ? 0 : 1))
            if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                best = min(best, rows[i - 1][j - 1] + 1)
            }
            row.append(best)
        }
        rows.append(row)
    }
    return rows[left.count][right.count]
}
