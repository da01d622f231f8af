@testable import Frontend

/// What the statements of one server block for `zones` tell a directive; the block begins on line 1, `lines` on line 2.
func settings<Settings: DirectiveSettings>(
    of row: DirectiveRow<Settings>, _ lines: String, zones: [String] = ["."]
) throws(CorefileError) -> [Settings] {
    let (blocks, _) = try CorefileParser.parse(
        Array(". {\n\(lines)\n}".utf8), file: "Corefile", surroundings: testSurroundings())
    var all: [Settings] = []
    var warnings: [CorefileWarning] = []
    for statement in blocks[0].statements {
        var settings = Settings()
        try row.read(statement, into: &settings, zones: zones.compactMap { ZoneName($0) }, warnings: &warnings)
        all.append(settings)
    }
    return all
}

/// The error of such lines; nil if there is none.
func mistake<Settings: DirectiveSettings>(of row: DirectiveRow<Settings>, _ lines: String) -> String? {
    do {
        _ = try settings(of: row, lines)
        return nil
    } catch {
        return "\(error)"
    }
}
