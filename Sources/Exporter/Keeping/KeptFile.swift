import CZlib
import MizzenSystem

/// The file of `--keep`: what an exporter served, so that the next one serves it until it has everything itself.
///
/// It holds the groups of samples as they are held in memory, a third of the text, so that each format, gzip and `?resources=` come from
/// them as they do from live ones. The layout, numbers little-endian:
///
/// - the magic, 12 bytes;
/// - blocks, each of its length and the CRC-32 of its content in four bytes each, and the content, whose first byte says what it is:
///   one head, then for each section its description and its groups, then one end with the number of blocks before it.
///
/// A file is taken as a whole or not at all: a wrong checksum, a missing end or a group whose lengths do not fit refuse all of it. Nothing
/// in it is trusted beyond that it was read: every length is checked before it is used, so that whatever stands there, what becomes of it
/// can be sent.
enum KeptFile {
    static let magic = Array("mizzen-kept1".utf8)
    /// A group is made when its objects have a megabyte, and one object has three at most in the API server; lines repeat much of it.
    static let largestBlock = 1 << 30

    /// What the samples were made under; the next exporter's must be the same.
    struct Head: Hashable, Sendable {
        var version: String
        var shard: Int
        var totalShards: Int
        /// By their names.
        var options: [String: String]
    }

    /// One section, as it is written.
    struct Section: Sendable {
        var resource: String
        /// What is held is of this moment or newer: nanoseconds since 1970-01-01 UTC.
        var asOf: Int64
        var families: [FamilyDescription]
        /// ``ObjectStore/lists``.
        var lists: [Int] = []
        var groups: [TextGroup]

        /// What a group has to know of each family.
        fileprivate var shapes: [TextFamily] { ObjectStore.shapes(of: families, lists) }
    }

    enum Block: UInt8 {
        case head = 1, section, group, end
    }

    // MARK: Writing

    /// - Parameter write: called with some hundred kilobytes at a time.
    static func write<Failure>(
        _ head: Head, _ sections: [Section], _ write: ([UInt8]) throws(Failure) -> Void
    ) throws(Failure) {
        try write(magic)
        var blocks = 1
        try write(block(.head) { $0.append(head) })
        for section in sections {
            try write(block(.section) { $0.append(section) })
            for group in section.groups { try write(block(.group) { $0.append(group) }) }
            blocks += 1 + section.groups.count
        }
        try write(block(.end) { $0.append(word: blocks) })
    }

    private static func block(_ kind: Block, _ fill: (inout [UInt8]) -> Void) -> [UInt8] {
        var bytes: [UInt8] = Array(repeating: 0, count: 8)
        bytes.append(kind.rawValue)
        fill(&bytes)
        var prefix: [UInt8] = []
        prefix.append(word: bytes.count - 8)
        prefix.append(word: Int(checksum(bytes[8...])))
        bytes.replaceSubrange(0..<8, with: prefix)
        return bytes
    }

    static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        // Safe: zlib reads as many bytes as the slice has.
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe UInt32(truncatingIfNeeded: crc32_z(0, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count))
        }
    }
}

// MARK: - Reading

extension KeptFile {
    /// Why what was read is no kept file: a place in it, in bytes, and what is wrong there.
    struct Damage: Error, Hashable {
        var offset: Int
        var reason: String
    }

    /// Takes the file block by block.
    struct Reader {
        private(set) var head: Head?
        private(set) var sections: [Section] = []
        private(set) var isWhole = false
        private var blocks = 0
        private var offset = KeptFile.magic.count

        /// - Parameter bytes: the first of the file, as many as ``KeptFile/magic`` has.
        init(magic bytes: [UInt8]) throws(Damage) {
            guard bytes == KeptFile.magic else { throw Damage(offset: 0, reason: "it does not begin as such a file does") }
        }

        /// - Parameter bytes: the eight that stand before a block.
        /// - Returns: how many follow.
        func size(_ bytes: [UInt8]) throws(Damage) -> Int {
            guard bytes.count == 8 else { throw Damage(offset: offset, reason: "it ends there") }
            let size = bytes.word(at: 0)
            guard size > 0, size <= KeptFile.largestBlock else { throw Damage(offset: offset, reason: "a block of \(size) bytes") }
            return size
        }

        /// - Parameters:
        ///   - prefix: the eight bytes before the block.
        ///   - bytes: the block.
        mutating func take(_ prefix: [UInt8], _ bytes: [UInt8]) throws(Damage) {
            guard try bytes.count == size(prefix) else { throw Damage(offset: offset, reason: "it ends in the block there") }
            guard Int(KeptFile.checksum(bytes[...])) == prefix.word(at: 4) else {
                throw Damage(offset: offset, reason: "the checksum of the block there is another")
            }
            var cursor = KeptCursor(bytes)
            guard let kind = Block(rawValue: cursor.byte()), !isWhole else { throw Damage(offset: offset, reason: "an unknown block") }
            switch kind {
            case .head where head == nil: head = cursor.head()
            case .section where head != nil: sections.append(cursor.section())
            case .group where !sections.isEmpty:
                guard let group = cursor.group(sections[sections.count - 1].shapes) else { cursor.isBad = true; break }
                sections[sections.count - 1].groups.append(group)
            case .end where head != nil: isWhole = cursor.word() == blocks
            case .head, .section, .group, .end: cursor.isBad = true
            }
            guard cursor.isDone, kind != .end || isWhole else { throw Damage(offset: offset, reason: "the block there is not well formed") }
            blocks += 1
            offset += 8 + bytes.count
        }
    }
}

/// Reads one block. What goes beyond its end reads as nothing, and is remembered.
private struct KeptCursor {
    private let bytes: [UInt8]
    private var position = 0
    var isBad = false

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Everything was read, and nothing was missing.
    var isDone: Bool { !isBad && position == bytes.count }

    private mutating func take(_ count: Int) -> ArraySlice<UInt8> {
        guard !isBad, count >= 0, count <= bytes.count - position else {
            isBad = true
            return []
        }
        defer { position += count }
        return bytes[position..<position + count]
    }

    mutating func byte() -> UInt8 { take(1).first ?? 0 }

    mutating func word() -> Int {
        let four = take(4)
        return four.count == 4 ? four.word(at: four.startIndex) : 0
    }

    private mutating func long() -> Int64 {
        let (low, high) = (UInt64(word()), UInt64(word()))
        return Int64(bitPattern: low | high << 32)
    }

    private mutating func text() -> String { String(decoding: take(word()), as: UTF8.self) }

    /// As many as are announced, as long as there are bytes: each takes at least one.
    private mutating func list<Element>(_ element: (inout KeptCursor) -> Element) -> [Element] {
        let count = word()
        var elements: [Element] = []
        while elements.count < count, !isBad { elements.append(element(&self)) }
        return elements
    }

    mutating func head() -> KeptFile.Head {
        let version = text()
        let (shard, total) = (word(), word())
        let options = list { cursor in (cursor.text(), cursor.text()) }
        return KeptFile.Head(
            version: version, shard: shard, totalShards: total, options: Dictionary(options, uniquingKeysWith: { $1 }))
    }

    mutating func section() -> KeptFile.Section {
        let (resource, asOf) = (text(), long())
        let families = list { cursor in cursor.family() }
        let lists = list { cursor in cursor.word() }
        // No more lists than families: each stands on one.
        if !lists.isEmpty, lists.count != families.count || !lists.allSatisfy((0...families.count).contains) { isBad = true }
        return KeptFile.Section(resource: resource, asOf: asOf, families: families, lists: isBad ? [] : lists, groups: [])
    }

    private mutating func family() -> FamilyDescription {
        let (name, help) = (text(), text())
        let (type, stability, isOptIn) = (MetricType(rawValue: text()), byte(), byte())
        if type == nil { isBad = true }
        return FamilyDescription(
            name: name, stability: stability == 1 ? .stable : .alpha, type: type ?? .gauge, isOptIn: isOptIn == 1, help: help)
    }

    /// - Returns: nil where lengths do not fit one another.
    mutating func group(_ families: [TextFamily]) -> TextGroup? {
        let identities = list { cursor in Array(cursor.take(cursor.word())) }
        let labelled = list { cursor in cursor.list { cursor in Array(cursor.take(cursor.word())) } }
        let pieces = list { cursor in (family: cursor.word(), content: cursor.take(cursor.word())) }
        // A line begins with the first label behind the brace: without one it would be none.
        guard !isBad, !identities.isEmpty, ([identities] + labelled).joined().allSatisfy({ $0.first == UInt8(ascii: "{") }) else {
            return nil
        }
        return TextGroup(identities: identities, labelled: labelled, pieces: pieces, families: families)
    }
}

extension [UInt8] {
    fileprivate mutating func append(text: String) {
        append(word: text.utf8.count)
        append(contentsOf: text.utf8)
    }

    fileprivate mutating func append(long: Int64) {
        let bits = UInt64(bitPattern: long)
        append(word: Int(bits & 0xffff_ffff))
        append(word: Int(bits >> 32))
    }

    fileprivate mutating func append(_ head: KeptFile.Head) {
        append(text: head.version)
        append(word: head.shard)
        append(word: head.totalShards)
        append(word: head.options.count)
        for (name, value) in head.options.sorted(by: { $0.key < $1.key }) {
            append(text: name)
            append(text: value)
        }
    }

    fileprivate mutating func append(_ section: KeptFile.Section) {
        append(text: section.resource)
        append(long: section.asOf)
        append(word: section.families.count)
        for family in section.families {
            append(text: family.name)
            append(text: family.help)
            append(text: family.type.rawValue)
            append(family.stability == .stable ? 1 : 0)
            append(family.isOptIn ? 1 : 0)
        }
        append(word: section.lists.count)
        for list in section.lists { append(word: list) }
    }

    fileprivate mutating func append(_ group: TextGroup) {
        append(group.identities)
        append(word: group.labelled.count)
        for labelled in group.labelled { append(labelled) }
        append(word: group.pieces.count { $0 != nil })
        for (family, piece) in group.pieces.enumerated() {
            guard let piece else { continue }
            let content = piece.content(of: group.identities.indices.count)
            append(word: family)
            append(word: content.count)
            append(contentsOf: content)
        }
    }

    private mutating func append(_ identities: IdentityList) {
        append(word: identities.indices.count)
        for slot in identities.indices {
            append(word: identities.length(slot))
            append(contentsOf: identities[slot])
        }
    }
}
