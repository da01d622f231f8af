@testable import Frontend

extension FuzzTarget {
    /// The input read as a Corefile that imports nothing and sees two variables. An error names the file, a line inside it and what
    /// to do; a configuration is the same when it is read again, and with a comment and an empty line before it keeps its meaning.
    static let corefile = FuzzTarget(name: "corefile", longestInput: 4096) { input throws(PropertyFailure) in
        let lines = 1 + input.count { $0 == UInt8(ascii: "\n") }
        func parse(_ bytes: [UInt8]) -> Result<FrontendConfiguration, CorefileError> {
            Result { () throws(CorefileError) in
                try FrontendConfiguration.parse(bytes, file: "Corefile", surroundings: alone)
            }
        }
        let first = parse(input)
        let below = parse(Array("# comment\n\n".utf8) + input)
        switch (first, below) {
        case (.failure(let error), .failure(let moved)):
            try expect(error.file == "Corefile" && (1...lines).contains(error.line), "\(error) in \(lines) lines")
            try expect(!error.message.isEmpty, "an error without words")
            // A file without any block is at fault as a whole; a byte order mark counts only at the very start.
            try expect(
                moved.line == error.line + 2 || moved.line == error.line || input.starts(with: [0xEF, 0xBB, 0xBF]),
                "two lines further down, the error moves from line \(error.line) to \(moved.line)")
        case (.success(let configuration), .success(let moved)):
            try expect(parse(input) == first, "the same bytes read twice differ")
            try expect(configuration.blocks.map(\.addresses) == moved.blocks.map(\.addresses), "other addresses below a comment")
            // What stands for a file without a block is always at its beginning.
            let isEmpty = configuration.warnings.contains { $0.message.hasPrefix("there is no server block") }
            try expect(
                isEmpty || configuration.blocks.map { $0.line + 2 } == moved.blocks.map(\.line), "blocks did not move by two lines")
            for warning in configuration.warnings {
                try expect((1...lines).contains(warning.line), "\(warning) in \(lines) lines")
            }
        default:
            try expect(input.starts(with: [0xEF, 0xBB, 0xBF]), "a comment above decides whether it is read: \(first), \(below)")
        }
    }

    private static let alone = CorefileSurroundings(
        variable: { ["ZONE": "example.org", "EMPTY": ""][$0] }, contents: { _ in nil }, names: { _ in ["a", "b.conf"] })
}
