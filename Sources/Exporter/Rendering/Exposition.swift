import KubernetesObjects
import NIOCore

/// In which of Prometheus' formats a scrape is answered.
enum ExpositionFormat: Sendable, Hashable {
    /// Prometheus text 0.0.4.
    case text
    case openMetrics
    /// `io.prometheus.client.MetricFamily`, delimited: ``ProtobufExposition``.
    case protobuf
}

/// One resource's share of an exposition: its families and where its samples are.
final class ExpositionSection: Sendable {
    /// The name that `?resources=` selects.
    let resource: String
    let store: ObjectStore
    let families: [FamilyDescription]
    /// The resources that have to be whole for this to be.
    let needs: Set<String>
    fileprivate let lists: [Int]
    /// As ``LinePrinter`` takes them.
    fileprivate let names: [[UInt8]]
    private let textHeaders: [ExpositionHeader]
    private let openMetricsHeaders: [ExpositionHeader]

    /// - Parameter following: the resources whose labels the samples have, beside their own.
    init(resource: String, families: [FamilyDescription], store: ObjectStore, following: [Resource] = []) {
        self.resource = resource
        self.families = families
        self.store = store
        needs = Set([resource] + following.map(\.plural))
        lists = store.lists
        names = families.map { Array($0.name.utf8) + repeatElement(0, count: LinePrinter.padding) }
        let compressor = Compressor()
        textHeaders = families.map { ExpositionHeader($0.header(.text), compressor) }
        openMetricsHeaders = families.map { ExpositionHeader($0.header(.openMetrics), compressor) }
    }

    fileprivate func headers(_ format: ExpositionFormat) -> [ExpositionHeader] {
        switch format {
        case .text, .protobuf: textHeaders
        case .openMetrics: openMetricsHeaders
        }
    }
}

/// The HELP and TYPE lines of a family, or what stands at the end.
final class ExpositionHeader: Sendable {
    let text: ByteBuffer
    fileprivate let compressed: DeflatedText

    init(_ text: String, _ compressor: Compressor = Compressor()) {
        self.text = ByteBuffer(string: text)
        compressed = compressor.deflated(self.text)
    }
}

/// An exposition as it is when this is made: every family of every section, each with the samples of all objects together.
///
/// A sequence of parts that many scrapes share; lines are put together when they are sent.
struct Exposition: Sendable, Sequence {
    enum Chunk: Sendable {
        case header(ExpositionHeader)
        case samples(TextPiece, IdentityList, name: [UInt8])

        func print(into buffer: inout ByteBuffer) {
            switch self {
            case .header(let header): buffer.writeImmutableBuffer(header.text)
            case .samples(let piece, let identities, let name): LinePrinter.print(piece, identities, name: name, into: &buffer)
            }
        }

        func deflated(_ compressor: Compressor) -> DeflatedText {
            switch self {
            case .header(let header): header.compressed
            case .samples(let piece, let identities, let name):
                piece.deflated { compressor.deflated { LinePrinter.print(piece, identities, name: name, into: &$0) } }
            }
        }
    }

    /// The samples of one family.
    struct Family: Sendable {
        var description: FamilyDescription
        var chunks: [Chunk]
    }

    private struct Part: Sendable {
        var section: ExpositionSection
        var headers: [ExpositionHeader]
        var groups: [TextGroup]

        /// nil where the family has no samples in the group.
        func chunk(_ family: Int, _ group: Int) -> Chunk? {
            groups[group].pieces[family].map { .samples($0, identities(family, group), name: section.names[family]) }
        }

        func identities(_ family: Int, _ group: Int) -> IdentityList {
            section.lists.isEmpty ? groups[group].identities : groups[group].identities(list: section.lists[family])
        }
    }

    private static let end = ExpositionHeader("# EOF\n")

    private let parts: [Part]
    private let format: ExpositionFormat

    /// - Parameter limiter: takes out the families that have too many series.
    init(_ sections: [ExpositionSection], format: ExpositionFormat, limiter: SeriesLimiter? = nil) {
        // A resource without objects shows no headers either.
        parts = sections.map { section in
            var groups = section.store.snapshot()
            limiter?.cut(&groups, of: section.families)
            return Part(section: section, headers: section.headers(format), groups: groups)
        }.filter { !$0.groups.isEmpty }
        self.format = format
    }

    /// In bytes of text.
    var size: Int {
        parts.reduce(format == .openMetrics ? Self.end.text.readableBytes : 0) { sum, part in
            part.groups.reduce(part.headers.reduce(sum) { $0 + $1.text.readableBytes }) { $0 + $1.size }
        }
    }

    /// Every family of every section that has objects.
    var families: [Family] {
        parts.flatMap { part in
            part.section.families.enumerated().map { index, family in
                Family(
                    description: family,
                    chunks: part.groups.indices.compactMap { part.chunk(index, $0) })
            }
        }
    }

    /// Appends what stands at a place, if there is room for it or nothing before it. No value is made of a chunk, which would cost as much
    /// as its lines.
    /// - Returns: whether it did.
    private borrowing func print(_ place: Place, into buffer: inout ByteBuffer, room: Int) -> Bool {
        func fits(_ size: Int) -> Bool { buffer.readableBytes == 0 || buffer.readableBytes + size + LinePrinter.padding <= room }
        switch place {
        case .header(let part, let family):
            guard fits(parts[part].headers[family].text.readableBytes) else { return false }
            buffer.writeImmutableBuffer(parts[part].headers[family].text)
        case .samples(let part, let family, let group):
            guard let piece = parts[part].groups[group].pieces[family] else { return true }
            guard fits(piece.size) else { return false }
            if parts[part].section.lists.isEmpty {
                LinePrinter.print(piece, parts[part].groups[group].identities, name: parts[part].section.names[family], into: &buffer)
            } else {
                LinePrinter.print(piece, parts[part].identities(family, group), name: parts[part].section.names[family], into: &buffer)
            }
        case .end:
            guard fits(Self.end.text.readableBytes) else { return false }
            buffer.writeImmutableBuffer(Self.end.text)
        }
        return true
    }

    func makeIterator() -> Iterator { Iterator(exposition: self) }

    /// Where a part of the exposition stands.
    private enum Place: Sendable {
        case header(part: Int, family: Int)
        case samples(part: Int, family: Int, group: Int)
        case end
    }

    /// Goes from place to place in the order in which they are sent.
    private struct Cursor: Sendable {
        private var part = 0
        private var family = 0
        /// nil: the family's header comes next.
        private var group: Int?
        private var isEndGiven = false

        mutating func next(in exposition: borrowing Exposition) -> Place? {
            while part < exposition.parts.count {
                while family < exposition.parts[part].headers.count {
                    guard let first = group else {
                        group = 0
                        return .header(part: part, family: family)
                    }
                    for index in first..<exposition.parts[part].groups.count
                    where exposition.parts[part].groups[index].pieces[family] != nil {
                        group = index + 1
                        return .samples(part: part, family: family, group: index)
                    }
                    (family, group) = (family + 1, nil)
                }
                (part, family) = (part + 1, 0)
            }
            guard exposition.format == .openMetrics, !isEndGiven else { return nil }
            isEndGiven = true
            return .end
        }
    }

    struct Iterator: IteratorProtocol, Sendable {
        fileprivate let exposition: Exposition
        private var cursor = Cursor()

        fileprivate init(exposition: Exposition) { self.exposition = exposition }

        mutating func next() -> Chunk? {
            switch cursor.next(in: exposition) {
            case .header(let part, let family): .header(exposition.parts[part].headers[family])
            case .samples(let part, let family, let group): exposition.parts[part].chunk(family, group)
            case .end: .header(Exposition.end)
            case nil: nil
            }
        }

        /// Writes the next text from the buffer's beginning, as much as there is room for; a chunk that is larger than the room makes more.
        /// - Returns: false when there was nothing left.
        mutating func print(into buffer: inout ByteBuffer, room: Int) -> Bool {
            buffer.clear(minimumCapacity: room)
            var ahead = cursor
            while let place = ahead.next(in: exposition), exposition.print(place, into: &buffer, room: room) { cursor = ahead }
            return buffer.readableBytes > 0
        }

        /// The next pieces of a gzip file, of at least so many bytes together unless they are the last; empty at the end.
        mutating func gzip(_ file: inout GzipFile, _ compressor: Compressor, bytes: Int) -> [ByteBuffer] {
            var batch: [ByteBuffer] = []
            var size = 0
            while size < bytes, let chunk = next() {
                let blocks = file.append(chunk.deflated(compressor))
                batch.append(blocks)
                size += blocks.readableBytes
            }
            return batch
        }
    }
}
