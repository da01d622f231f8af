import DeltaStream
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
    /// As ``LinePrinter`` takes them.
    fileprivate let names: [[UInt8]]
    private let textHeaders: [ExpositionHeader]
    private let openMetricsHeaders: [ExpositionHeader]

    init(resource: String, families: [FamilyDescription], store: ObjectStore) {
        self.resource = resource
        self.families = families
        self.store = store
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

        /// Bytes of text.
        var size: Int {
            switch self {
            case .header(let header): header.text.readableBytes
            case .samples(let piece, _, _): piece.size
            }
        }

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
    }

    private static let end = ExpositionHeader("# EOF\n")

    private let parts: [Part]
    private let format: ExpositionFormat

    init(_ sections: [ExpositionSection], format: ExpositionFormat) {
        // A resource without objects shows no headers either.
        parts = sections.map { Part(section: $0, headers: $0.headers(format), groups: $0.store.snapshot()) }
            .filter { !$0.groups.isEmpty }
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
                    chunks: part.groups.compactMap { group in
                        group.pieces[index].map { .samples($0, group.identities, name: part.section.names[index]) }
                    })
            }
        }
    }

    func makeIterator() -> Iterator { Iterator(exposition: self) }

    struct Iterator: IteratorProtocol, Sendable {
        fileprivate let exposition: Exposition
        private var part = 0
        private var family = 0
        /// nil: the family's header comes next.
        private var group: Int?
        private var isEndGiven = false

        fileprivate init(exposition: Exposition) { self.exposition = exposition }

        mutating func next() -> Chunk? {
            while part < exposition.parts.count {
                if let chunk = nextOfPart() { return chunk }
                (part, family) = (part + 1, 0)
            }
            guard exposition.format == .openMetrics, !isEndGiven else { return nil }
            isEndGiven = true
            return .header(Exposition.end)
        }

        private mutating func nextOfPart() -> Chunk? {
            while family < exposition.parts[part].headers.count {
                guard var group else {
                    group = 0
                    return .header(exposition.parts[part].headers[family])
                }
                while group < exposition.parts[part].groups.count {
                    let piece = exposition.parts[part].groups[group].pieces[family]
                    group += 1
                    if let piece {
                        self.group = group
                        let identities = exposition.parts[part].groups[group - 1].identities
                        return .samples(piece, identities, name: exposition.parts[part].section.names[family])
                    }
                }
                (family, self.group) = (family + 1, nil)
            }
            return nil
        }

        /// Writes the next text from the buffer's beginning, as much as there is room for; a chunk that is larger than the room makes more.
        /// - Returns: false when there was nothing left.
        mutating func print(into buffer: inout ByteBuffer, room: Int) -> Bool {
            buffer.clear(minimumCapacity: room)
            while part < exposition.parts.count {
                guard printPart(exposition.parts[part], into: &buffer, room: room) else { return true }
                (part, family) = (part + 1, 0)
            }
            if exposition.format == .openMetrics, !isEndGiven {
                let end = Exposition.end.text
                guard buffer.readableBytes + end.readableBytes <= room || buffer.readableBytes == 0 else { return true }
                buffer.writeImmutableBuffer(end)
                isEndGiven = true
            }
            return buffer.readableBytes > 0
        }

        /// As ``next()`` goes, without making a value of each chunk, which costs as much as its lines.
        /// - Returns: false when the rest did not fit.
        private mutating func printPart(_ part: borrowing Part, into buffer: inout ByteBuffer, room: Int) -> Bool {
            func fits(_ size: Int) -> Bool { buffer.readableBytes == 0 || buffer.readableBytes + size + LinePrinter.padding <= room }
            while family < part.headers.count {
                if group == nil {
                    guard fits(part.headers[family].text.readableBytes) else { return false }
                    buffer.writeImmutableBuffer(part.headers[family].text)
                }
                var index = group ?? 0
                while index < part.groups.count {
                    if let piece = part.groups[index].pieces[family] {
                        guard fits(piece.size) else {
                            group = index
                            return false
                        }
                        LinePrinter.print(piece, part.groups[index].identities, name: part.section.names[family], into: &buffer)
                    }
                    index += 1
                }
                (family, group) = (family + 1, nil)
            }
            return true
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
