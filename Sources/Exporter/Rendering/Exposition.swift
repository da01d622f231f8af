import DeltaStream
import NIOCore

/// In which of Prometheus' two text formats a scrape is answered.
enum ExpositionFormat: Sendable, Hashable {
    /// Prometheus text 0.0.4.
    case text
    case openMetrics
}

/// One resource's share of an exposition: its families and where its records are.
final class ExpositionSection: Sendable {
    /// The name that `?resources=` selects.
    let resource: String
    let store: ObjectStore
    let families: [FamilyDescription]
    fileprivate let names: [[UInt8]]
    private let textHeaders: [[UInt8]]
    private let openMetricsHeaders: [[UInt8]]

    init(resource: String, families: [FamilyDescription], store: ObjectStore) {
        self.resource = resource
        self.families = families
        self.store = store
        names = families.map { Array($0.name.utf8) }
        textHeaders = families.map { Array($0.header(.text).utf8) }
        openMetricsHeaders = families.map { Array($0.header(.openMetrics).utf8) }
    }

    fileprivate func header(_ family: Int, _ format: ExpositionFormat) -> [UInt8] {
        switch format {
        case .text: textHeaders[family]
        case .openMetrics: openMetricsHeaders[family]
        }
    }
}

/// Writes an exposition piece by piece: every family of every section, each with the samples of all objects together.
///
/// All objects are as they were when it was made. Nothing is formatted and, the pieces themselves aside, nothing is
/// allocated: a line is three copies, of the family's name, of the object's identity labels and of the rest.
struct ExpositionCursor: Sendable {
    private struct Part: Sendable {
        var section: ExpositionSection
        var buckets: [ObjectStore.Bucket]
    }

    private let parts: [Part]
    private let format: ExpositionFormat
    private var part = 0
    private var family = 0
    private var bucket = 0
    private var entry = 0
    /// How much of the record's samples of this family is written.
    private var position = 0
    private var isHeaderWritten = false
    private var isEndWritten = false
    /// What the next line needs, if it did not fit.
    private var needed = 0

    init(_ sections: [ExpositionSection], format: ExpositionFormat) {
        // A resource without objects shows no headers either.
        parts = sections.map { Part(section: $0, buckets: $0.store.snapshot()) }
            .filter { part in part.buckets.contains { !$0.isEmpty } }
        self.format = format
    }

    /// Appends the next lines, about `size` bytes of them.
    /// - Returns: false when there was nothing left to write.
    mutating func write(into buffer: inout ByteBuffer, size: Int) -> Bool {
        guard !isEndWritten else { return false }
        let written = buffer.writerIndex
        // A line longer than the piece does not fit at first; it is then asked for by its length.
        repeat {
            let room = max(size, needed)
            needed = 0
            buffer.writeWithOutputRawSpan(minimumWritableBytes: room) { window in fill(&window) }
        } while buffer.writerIndex == written && !isEndWritten
        return buffer.writerIndex > written
    }

    private mutating func fill(_ window: inout OutputRawSpan) {
        while part < parts.count {
            let section = parts[part].section
            while family < section.names.count {
                guard writeFamily(section, &window) else { return }
                (family, bucket, entry, isHeaderWritten) = (family + 1, 0, 0, false)
            }
            (part, family) = (part + 1, 0)
        }
        if format == .openMetrics {
            let end = Array("# EOF\n".utf8)
            guard window.fits(end.count) else { return needed = end.count }
            window.append(end.span)
        }
        isEndWritten = true
    }

    /// - Returns: whether all of the family is written.
    private mutating func writeFamily(_ section: ExpositionSection, _ window: inout OutputRawSpan) -> Bool {
        if !isHeaderWritten {
            let header = section.header(family, format)
            guard window.fits(header.count) else {
                needed = header.count
                return false
            }
            window.append(header.span)
            isHeaderWritten = true
        }
        let name = section.names[family]
        let families = section.names.count
        while bucket < parts[part].buckets.count {
            while entry < parts[part].buckets[bucket].count {
                let missing = Self.writeSamples(
                    parts[part].buckets[bucket][entry].kept, family: family, families: families, name: name,
                    position: &position, into: &window)
                guard missing == 0 else {
                    needed = missing
                    return false
                }
                (entry, position) = (entry + 1, 0)
            }
            (bucket, entry) = (bucket + 1, 0)
        }
        return true
    }

    /// - Returns: 0, or how long the line is that does not fit any more.
    private static func writeSamples(
        _ record: ObjectRecord, family: Int, families: Int, name: [UInt8], position: inout Int,
        into window: inout OutputRawSpan
    ) -> Int {
        let bytes = record.bytes.span
        let start = ObjectRecord.offset(of: family, in: bytes)
        let end = ObjectRecord.offset(of: family + 1, in: bytes)
        guard start + position < end else { return 0 }
        let identityStart = ObjectRecord.identityStart(families: families, width: Int(bytes[0]))
        let identity = bytes.extracting(identityStart..<ObjectRecord.offset(of: 0, in: bytes))
        var lineStart = start + position
        while lineStart < end {
            var lineEnd = lineStart
            while bytes[lineEnd] != UInt8(ascii: "\n") { lineEnd += 1 }
            lineEnd += 1
            let length = name.count + identity.count + lineEnd - lineStart
            guard window.fits(length) else {
                position = lineStart - start
                return length
            }
            window.append(name.span)
            window.append(identity)
            window.append(bytes.extracting(lineStart..<lineEnd))
            lineStart = lineEnd
        }
        return 0
    }
}

extension OutputRawSpan {
    fileprivate func fits(_ length: Int) -> Bool { freeCapacity >= length }

    /// The caller has asked whether it fits; what does not fit traps.
    fileprivate mutating func append(_ bytes: Span<UInt8>) {
        // Safe: copyMemory checks that the slice, which is bounds-checked itself, is as long as the source.
        unsafe bytes.withUnsafeBytes { source in
            unsafe withUnsafeMutableBytes { target, count in
                let slice = unsafe target[count..<count + source.count]
                unsafe UnsafeMutableRawBufferPointer(rebasing: slice).copyMemory(from: source)
                count += source.count
            }
        }
    }
}
