import MizzenSystem

/// Reads zone files (RFC 1035 5) with `$ORIGIN`, `$TTL` (RFC 2308 4), `$INCLUDE` and BIND's `$GENERATE`. The first fault ends it: there is no
/// half of a zone.
struct ZoneFileReader {
    /// How a file's bytes are come by; tests pass their own.
    typealias Contents =
        @Sendable (_ path: String, _ limit: Int) throws(RegularFile.Fault) -> (bytes: [UInt8], identity: RegularFile.Identity)

    /// A file that was read, or should have been.
    struct ReadFile: Hashable, Sendable {
        var path: String
        /// Nil when there was no regular file.
        var identity: RegularFile.Identity?
    }

    /// Bytes of a zone's files together.
    static let mostBytes = 512 << 20
    /// `$INCLUDE`s inside one another, as CoreDNS has it.
    static let deepestInclude = 7
    static let mostFiles = 10_000

    private let origin: DNSName
    private let contents: Contents
    /// What a later change is looked for in; also after a fault.
    private(set) var files: [ReadFile] = []
    private var room = Self.mostBytes
    /// The files that lead to the one at hand, outermost first.
    private var openFiles: [RegularFile.Identity] = []

    /// - Parameter origin: the zone, in lower case.
    init(
        origin: DNSName,
        contents: @escaping Contents = { path, limit throws(RegularFile.Fault) in try RegularFile.read(path, limit: limit) }
    ) {
        self.origin = origin
        self.contents = contents
    }

    /// The zone of a file and of those that it includes. Call it once.
    mutating func zone(_ path: String) throws(ZoneFileError) -> Zone {
        var builder = ZoneBuilder(origin: origin)
        let bytes: [UInt8]
        do throws(RegularFile.Fault) { bytes = try open(path) } catch {
            throw ZoneFileError(file: path, line: nil, message: "the zone file cannot be read: \(error)", isMissing: error.isMissing)
        }
        try read(bytes, path, RecordDefaults(origin: origin), &builder)
        do throws(ZoneBuilder.Fault) { return try builder.finish() } catch {
            throw ZoneFileError(file: path, line: nil, message: error.message)
        }
    }

    // MARK: Files

    private mutating func open(_ path: String) throws(RegularFile.Fault) -> [UInt8] {
        // What stands there when it cannot be read: a change is looked for all the same.
        files.append(ReadFile(path: path, identity: try? RegularFile.identity(path)))
        let (bytes, identity) = try contents(path, room)
        files[files.count - 1].identity = identity
        openFiles.append(identity)
        room -= bytes.count
        return bytes
    }

    private mutating func read(
        _ bytes: [UInt8], _ path: String, _ defaults: RecordDefaults, _ builder: inout ZoneBuilder
    ) throws(ZoneFileError) {
        defer { openFiles.removeLast() }
        var scanner = RecordScanner(bytes)
        var defaults = defaults
        while let entry = try Self.located(path, { () throws(RecordTextError) in try scanner.next() }) {
            let first = entry.words[0]
            if entry.startsBlank || first.isQuoted || scanner[first].first != 0x24 {
                let record = try Self.located(path) { () throws(RecordTextError) in try scanner.record(entry, &defaults) }
                try Self.add(record, path, line: first.line, &builder)
                continue
            }
            switch scanner.text(first).uppercased() {
            case "$INCLUDE": try include(entry, scanner, path, defaults, &builder)
            case "$GENERATE":
                let template = try Self.located(path) { () throws(RecordTextError) in try GeneratedRecords(entry, scanner) }
                try template.forEach(path, defaults) { record throws(ZoneFileError) in
                    try Self.add(record, path, line: first.line, &builder)
                }
            default:
                try Self.located(path) { () throws(RecordTextError) in try Self.setDefault(entry, scanner, &defaults) }
            }
        }
    }

    private static func add(
        _ record: ResourceRecord, _ path: String, line: Int, _ builder: inout ZoneBuilder
    ) throws(ZoneFileError) {
        do throws(ZoneBuilder.Fault) { try builder.add(record) } catch {
            throw ZoneFileError(file: path, line: line, message: error.message)
        }
    }

    /// Runs `body`, and gives its fault the file's name.
    static func located<Value>(_ path: String, _ body: () throws(RecordTextError) -> Value) throws(ZoneFileError) -> Value {
        do throws(RecordTextError) { return try body() } catch {
            throw ZoneFileError(file: path, line: error.line, message: error.message)
        }
    }

    // MARK: Directives

    private static func setDefault(
        _ entry: RecordScanner.Entry, _ scanner: RecordScanner, _ defaults: inout RecordDefaults
    ) throws(RecordTextError) {
        switch scanner.text(entry.words[0]).uppercased() {
        case "$ORIGIN":
            try scanner.expect(entry, 2...2, "$ORIGIN NAME")
            defaults.origin = try scanner.name(entry.words[1], origin: defaults.origin, "an origin")
        case "$TTL":
            try scanner.expect(entry, 2...2, "$TTL SECONDS")
            guard let ttl = RecordScanner.timeToLive(scanner[entry.words[1]]) else {
                throw scanner.error("expected a TTL, like 300 or 1h30m, found '\(scanner.text(entry.words[1]))'", at: entry.words[1])
            }
            (defaults.ttl, defaults.isTTLByDirective) = (ttl, true)
        default:
            throw scanner.error(
                "expected $ORIGIN, $TTL, $INCLUDE, $GENERATE or a record, found '\(scanner.text(entry.words[0]))'", at: entry.words[0])
        }
    }

    /// `$INCLUDE FILE [ORIGIN]`: what the file changes of origin, TTL and owner ends with it.
    private mutating func include(
        _ entry: RecordScanner.Entry, _ scanner: RecordScanner, _ path: String, _ defaults: RecordDefaults,
        _ builder: inout ZoneBuilder
    ) throws(ZoneFileError) {
        var defaults = defaults
        defaults.owner = nil
        try Self.located(path) { () throws(RecordTextError) in
            try scanner.expect(entry, 2...3, "$INCLUDE FILE [ORIGIN]")
            if entry.words.count == 3 { defaults.origin = try scanner.name(entry.words[2], origin: defaults.origin, "an origin") }
        }
        let line = entry.words[0].line
        guard openFiles.count <= Self.deepestInclude, files.count < Self.mostFiles else {
            throw ZoneFileError(
                file: path, line: line,
                message: "expected at most \(Self.deepestInclude) includes inside one another and \(Self.mostFiles) files in all")
        }
        let name = String(decoding: scanner[entry.words[1]], as: UTF8.self)
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
        let file = name.hasPrefix("/") ? name : folder + name
        let bytes: [UInt8]
        do throws(RegularFile.Fault) { bytes = try open(file) } catch {
            throw ZoneFileError(file: path, line: line, message: "expected a file to include, cannot read '\(file)': \(error)")
        }
        if let last = openFiles.last, openFiles.dropLast().contains(last) {
            throw ZoneFileError(file: path, line: line, message: "expected a file that does not include itself, found '\(file)'")
        }
        try read(bytes, file, defaults, &builder)
    }
}

extension RecordScanner {
    func expect(_ entry: Entry, _ words: ClosedRange<Int>, _ usage: String) throws(RecordTextError) {
        guard !words.contains(entry.words.count) else { return }
        throw error("expected '\(usage)', found \(entry.words.count - 1) words after it", at: entry.words[0])
    }
}
