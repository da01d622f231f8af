/// One line of a directive's block, or the directive itself: a name, words, and lines of its own when a brace follows.
struct Statement: Hashable, Sendable {
    var name: Token
    var arguments: [Token]
    /// nil without braces; empty for `{ }`.
    var block: [Statement]?
}

/// What stands between one list of zones and the end of its braces.
struct ServerBlock: Hashable, Sendable {
    /// Zones as written, environment variables replaced.
    var keys: [Token]
    var statements: [Statement]
}

/// Groups the words of a Corefile into server blocks and statements, with snippets, imports and environment variables
/// resolved.
///
/// Directive names are not looked at here; `FrontendConfiguration` does that.
struct CorefileParser {
    /// Imports that import themselves, directly or not, end here.
    static let expansionLimit = 10_000
    /// Nor may imports that double each other fill the memory.
    static let tokenLimit = 1_000_000
    /// Each import moves the words behind it. A snippet that imports itself and says more after it would otherwise be moved for half
    /// a minute before one of the limits above ends it.
    static let movedWordsLimit = 10_000_000
    static let nestingLimit = 16

    private let surroundings: CorefileSurroundings
    private var tokens: [Token]
    private var position = 0
    private var snippets: [String: (definition: Token, body: [Token])] = [:]
    private var expansions = 0
    private var movedWords = 0
    private(set) var warnings: [CorefileWarning] = []
    private let file: String

    /// - Parameter file: the path for messages; imports are found relative to the file that holds the `import`.
    static func parse(
        _ bytes: [UInt8], file: String, surroundings: CorefileSurroundings
    ) throws(CorefileError) -> (blocks: [ServerBlock], warnings: [CorefileWarning]) {
        var (blocks, warnings) = try written(bytes, file: file, surroundings: surroundings)
        if blocks.isEmpty {
            warnings.append(
                CorefileWarning(
                    file: file, line: 1,
                    message: "there is no server block: every name is answered as 'whoami' does, and logged, as CoreDNS does then"))
            blocks = try written(Array(". {\n whoami\n log\n}".utf8), file: file, surroundings: surroundings).blocks
        }
        return (blocks, warnings)
    }

    private static func written(
        _ bytes: [UInt8], file: String, surroundings: CorefileSurroundings
    ) throws(CorefileError) -> (blocks: [ServerBlock], warnings: [CorefileWarning]) {
        var parser = CorefileParser(
            surroundings: surroundings, tokens: try Lexer.tokens(of: bytes, file: file), file: file)
        var blocks: [ServerBlock] = []
        while parser.position < parser.tokens.count {
            if let block = try parser.block() { blocks.append(block) }
        }
        return (blocks, parser.warnings)
    }

    private init(surroundings: CorefileSurroundings, tokens: [Token], file: String) {
        self.surroundings = surroundings
        self.tokens = tokens
        self.file = file
    }

    private var current: Token? { position < tokens.count ? tokens[position] : nil }

    private func endOfFile(_ expected: String) -> CorefileError {
        let last = tokens.last
        return CorefileError(
            file: last?.file ?? file, line: last?.line ?? 1, message: "expected \(expected), found the end of the file")
    }

    // MARK: Server blocks

    /// The next server block; nil after a snippet's definition, or when only imports of nothing were left.
    private mutating func block() throws(CorefileError) -> ServerBlock? {
        let keys = try addresses()
        guard !keys.isEmpty else {
            if let token = current {
                throw token.error("expected a zone before '\(token.text)', for example '. {' or 'example.org:53 {'")
            }
            return nil
        }
        if let name = Self.snippetName(keys) {
            try snippet(named: name, at: keys[0])
            return nil
        }
        guard let next = current else { return ServerBlock(keys: keys, statements: []) }
        if next.opensBlock {
            position += 1
            markRowStart()
            let statements = try lines(closing: next, depth: 0)
            return ServerBlock(keys: keys, statements: statements)
        }
        return ServerBlock(keys: keys, statements: try lines(closing: nil, depth: 0))
    }

    /// Zones up to an opening brace or the end of the row; a comma at a word's end lets the list go on in the next row.
    private mutating func addresses() throws(CorefileError) -> [Token] {
        var keys: [Token] = []
        var pendingComma: Token?
        while let token = current {
            if token.isImport, keys.isEmpty || pendingComma != nil {
                try expandImport()
                continue
            }
            if token.opensBlock {
                if pendingComma != nil {
                    throw token.error("expected another zone after the comma, found '{'")
                }
                break
            }
            if token.closesBlock {
                throw token.error("unexpected '}': no block is open here")
            }
            if token.startsRow, !keys.isEmpty, pendingComma == nil { break }
            var key = token
            key.text = surroundings.expanding(token.text)
            pendingComma = nil
            if !key.isQuoted, key.text.hasSuffix(",") {
                key.text.removeLast()
                pendingComma = token
            }
            if !key.text.isEmpty {
                try check(key)
                keys.append(key)
            }
            position += 1
            if keys.isEmpty, let next = current, next.startsRow, pendingComma == nil { break }
        }
        if let pendingComma, current == nil {
            throw pendingComma.error("expected another zone after the comma, found the end of the file")
        }
        return keys
    }

    /// A zone whose name may hold any character, but nobody means these.
    private mutating func check(_ key: Token) throws(CorefileError) {
        if key.text.hasSuffix("{"), !key.isQuoted {
            throw key.error("expected a space before the '{' of '\(key.text)'")
        }
        if key.text.contains(",") {
            warnings.append(
                CorefileWarning(
                    file: key.file, line: key.line,
                    message: "'\(key.text)' is one zone, whose name has a comma in it; put a space behind the comma to list several"))
        }
    }

    // MARK: Statements

    /// Rows up to the brace that closes `opening`, or up to the end of the file when there is none.
    private mutating func lines(closing opening: Token?, depth: Int) throws(CorefileError) -> [Statement] {
        var statements: [Statement] = []
        var afterOpening = true
        while let token = current {
            if token.closesBlock {
                guard opening != nil else { throw token.error("unexpected '}': no block is open here") }
                guard token.startsRow || afterOpening else {
                    throw token.error("expected '}' on a line of its own")
                }
                position += 1
                if let next = current, !next.startsRow, depth > 0 || !rowOpensBlock {
                    throw next.error("expected the end of the line after '}', found '\(next.text)'")
                }
                return statements
            }
            afterOpening = false
            if token.isImport {
                try expandImport()
                continue
            }
            statements.append(try statement(depth: depth))
        }
        if let opening {
            throw opening.error("expected a closing '}' for the block that opens here, found the end of the file")
        }
        return statements
    }

    private mutating func statement(depth: Int) throws(CorefileError) -> Statement {
        guard var name = current else { throw endOfFile("a directive") }
        if name.opensBlock { throw name.error("expected a directive or an option, found '{'") }
        name.text = surroundings.expanding(name.text)
        position += 1
        var statement = Statement(name: name, arguments: [], block: nil)
        while let token = current, !token.startsRow {
            if token.opensBlock {
                guard depth < Self.nestingLimit else {
                    throw token.error("expected at most \(Self.nestingLimit) blocks inside each other")
                }
                position += 1
                markRowStart()
                statement.block = try lines(closing: token, depth: depth + 1)
                return statement
            }
            if token.closesBlock { throw token.error("expected '}' on a line of its own") }
            var argument = token
            argument.text = surroundings.expanding(token.text)
            statement.arguments.append(argument)
            position += 1
        }
        return statement
    }

    /// What follows an opening brace on the same line counts as a row of its own.
    private mutating func markRowStart() {
        if position < tokens.count { tokens[position].startsRow = true }
    }

    /// Whether what is left of this row ends with `{`: a block may begin on the line on which another ends.
    private var rowOpensBlock: Bool {
        var last = position
        while last + 1 < tokens.count, !tokens[last + 1].startsRow { last += 1 }
        return last > position && tokens[last].opensBlock
    }

    // MARK: Snippets and imports

    private static func snippetName(_ keys: [Token]) -> String? {
        guard keys.count == 1, keys[0].text.hasPrefix("("), keys[0].text.hasSuffix(")"), keys[0].text.count > 2 else {
            return nil
        }
        return String(keys[0].text.dropFirst().dropLast())
    }

    private mutating func snippet(named name: String, at definition: Token) throws(CorefileError) {
        if let earlier = snippets[name] {
            throw definition.error(
                "the snippet '\(name)' is already defined at \(earlier.definition.file):\(earlier.definition.line)")
        }
        guard let opening = current else { throw endOfFile("'{' after the snippet '(\(name))'") }
        guard opening.opensBlock else {
            throw opening.error("expected '{' after the snippet '(\(name))', found '\(opening.text)'")
        }
        position += 1
        var body: [Token] = []
        var depth = 1
        while let token = current {
            position += 1
            if token.opensBlock { depth += 1 }
            if token.closesBlock {
                depth -= 1
                if depth == 0 {
                    if !body.isEmpty { body[0].startsRow = true }
                    snippets[name] = (definition, body)
                    return
                }
            }
            body.append(token)
        }
        throw opening.error("expected a closing '}' for the block that opens here, found the end of the file")
    }

    /// Puts the words of a snippet or of files in the place of the `import` row at the cursor.
    private mutating func expandImport() throws(CorefileError) {
        let keyword = tokens[position]
        var end = position + 1
        while end < tokens.count, !tokens[end].startsRow { end += 1 }
        let row = tokens[(position + 1)..<end]
        guard row.count == 1, let argument = row.first else {
            throw keyword.error("import: expected one snippet name, file or pattern, found \(row.count) words")
        }
        let target = surroundings.expanding(argument.text)
        guard !target.isEmpty else {
            throw argument.error("import: expected a snippet name, file or pattern, found an empty word")
        }
        expansions += 1
        guard expansions <= Self.expansionLimit else {
            throw keyword.error("import: more than \(Self.expansionLimit) imports; does '\(target)' import itself?")
        }
        var imported: [Token]
        if let snippet = snippets[target] {
            imported = snippet.body
        } else {
            imported = try fileTokens(matching: target, at: argument)
        }
        if !imported.isEmpty { imported[0].startsRow = true }
        guard tokens.count + imported.count <= Self.tokenLimit else {
            throw keyword.error("import: more than \(Self.tokenLimit) words; does '\(target)' import itself?")
        }
        movedWords += tokens.count - end + imported.count
        guard movedWords <= Self.movedWordsLimit else {
            throw keyword.error("import: \(expansions) imports in front of too many words; does '\(target)' import itself?")
        }
        tokens.replaceSubrange(position..<end, with: imported)
    }

    private mutating func fileTokens(matching target: String, at argument: Token) throws(CorefileError) -> [Token] {
        let path = target.hasPrefix("/") ? target : Self.directory(of: argument.file) + target
        guard path.count(where: { $0 == "*" }) <= 1, path.count(where: { $0 == "?" }) <= 1,
            !(path.contains("[") && path.contains("]"))
        else {
            throw argument.error(
                "import: expected at most one '*' and one '?' and no '[…]' in a pattern, found '\(target)'")
        }
        let isPattern = path.contains("*") || path.contains("?")
        let paths = isPattern ? surroundings.paths(matching: path) : [path]
        if paths.isEmpty {
            warnings.append(
                CorefileWarning(
                    file: argument.file, line: argument.line, message: "import: no file matches '\(target)'"))
        }
        var imported: [Token] = []
        for path in paths {
            guard let bytes = surroundings.contents(path) else {
                throw argument.error(
                    "import: '\(target)' is neither a snippet defined above this line nor a file that can be read (looked for \(path))"
                )
            }
            var words = try Lexer.tokens(of: bytes, file: path)
            if !words.isEmpty { words[0].startsRow = true }
            imported += words
        }
        return imported
    }

    /// With the trailing slash; empty for a bare file name.
    private static func directory(of file: String) -> String {
        guard let slash = file.lastIndex(of: "/") else { return "" }
        return String(file[...slash])
    }
}
