/// Columns of text as kubectl sets them: three blanks between the widest cell and the next column, nothing behind the last.
struct TextTable {
    var rows: [[String]]

    var text: String {
        var widths: [Int] = []
        for row in rows {
            for (column, cell) in row.enumerated() {
                if column == widths.count { widths.append(0) }
                widths[column] = max(widths[column], cell.count)
            }
        }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                line += cell
                if column + 1 < row.count { line += String(repeating: " ", count: widths[column] - cell.count + 3) }
            }
            return line + "\n"
        }.joined()
    }
}
