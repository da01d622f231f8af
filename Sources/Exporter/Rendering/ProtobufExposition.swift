import NIOCore

/// An exposition in Prometheus' delimited protobuf (`io.prometheus.client.MetricFamily` of client_model's metrics.proto): for each family
/// its length as a varint, and a message.
///
/// It is made of the text when somebody asks for it, and not kept: Prometheus prefers it only where native
/// histograms are switched on.
struct ProtobufExposition: Sendable {
    private let exposition: Exposition

    init(_ sections: [ExpositionSection], limiter: SeriesLimiter? = nil) {
        exposition = Exposition(sections, format: .text, limiter: limiter)
    }

    func makeIterator() -> Iterator { Iterator(families: exposition.families.makeIterator()) }

    /// Before a family's first sample stands how long all of them are. So samples are encoded to be measured, and kept for sending; of a family
    /// that is larger than what a scrape may hold, the rest is encoded a second time when its turn comes.
    struct Iterator: Sendable {
        /// Bytes of samples that are kept for sending.
        static let mostKept = 8 << 20

        fileprivate var families: IndexingIterator<[Exposition.Family]>
        private var current: EncodedFamily?

        fileprivate init(families: IndexingIterator<[Exposition.Family]>) { self.families = families }

        /// Encodes until so many bytes are there, or so many were measured.
        /// - Parameter mostKept: as ``mostKept``, for tests.
        /// - Returns: what is to be sent next, which may be nothing yet; nil at the end.
        mutating func next(bytes: Int, mostKept: Int = mostKept) -> [ByteBuffer]? {
            var batch: [ByteBuffer] = []
            var size = 0
            while size < bytes {
                guard var family = current ?? families.next().map({ EncodedFamily($0) }) else { return batch.isEmpty ? nil : batch }
                // Not held twice while it changes.
                current = nil
                switch family.step(mostKept: mostKept) {
                case .measured(let length): size += length
                case .buffer(let buffer):
                    size += buffer.readableBytes
                    batch.append(buffer)
                case .end: continue
                }
                current = family
            }
            return batch
        }
    }
}

/// One family on its way.
private struct EncodedFamily: Sendable {
    enum Step {
        /// So many bytes of samples were encoded, and are still to be sent.
        case measured(Int)
        case buffer(ByteBuffer)
        case end
    }

    private let family: Exposition.Family
    private let isCounter: Bool
    /// Chunks that were measured, and that were sent.
    private var (measured, sent) = (0, 0)
    private var length = 0
    /// The first chunks' samples, until they are sent.
    private var kept: [ByteBuffer] = []
    private var keptBytes = 0
    private var isOpened = false

    init(_ family: Exposition.Family) {
        self.family = family
        isCounter = family.description.type == .counter
    }

    mutating func step(mostKept: Int) -> Step {
        if measured < family.chunks.count {
            let samples = encoded(measured)
            if kept.count == measured, keptBytes + samples.readableBytes <= mostKept {
                kept.append(samples)
                keptBytes += samples.readableBytes
            }
            measured += 1
            length += samples.readableBytes
            return .measured(samples.readableBytes)
        }
        guard isOpened else {
            isOpened = true
            return .buffer(MetricFamilyMessage.opening(of: family.description, samples: length))
        }
        guard sent < family.chunks.count else { return .end }
        defer { sent += 1 }
        guard sent < kept.count else { return .buffer(encoded(sent)) }
        let samples = kept[sent]
        kept[sent] = ByteBuffer()
        return .buffer(samples)
    }

    private func encoded(_ chunk: Int) -> ByteBuffer {
        var text = ByteBuffer()
        family.chunks[chunk].print(into: &text)
        return MetricFamilyMessage.metrics(of: Array(text.readableBytesView), isCounter: isCounter)
    }
}

/// The message of one family.
enum MetricFamilyMessage {
    /// Field numbers of metrics.proto.
    private enum Field {
        static let name: UInt8 = 1, help: UInt8 = 2, type: UInt8 = 3, metric: UInt8 = 4
        static let label: UInt8 = 1, gauge: UInt8 = 2, counter: UInt8 = 3
        static let labelName: UInt8 = 1, labelValue: UInt8 = 2
        static let value: UInt8 = 1
    }

    /// The length and what stands before the samples.
    /// - Parameter samples: how many bytes they have.
    static func opening(of family: FamilyDescription, samples: Int) -> ByteBuffer {
        var head = ByteBuffer()
        head.write(field: Field.name, bytes: Array(family.name.utf8))
        head.write(field: Field.help, bytes: Array(family.shownHelp.utf8))
        head.writeInteger(Field.type << 3)
        head.writeInteger(UInt8(family.type == .counter ? 0 : 1))
        var prefix = ByteBuffer()
        prefix.write(varint: head.readableBytes + samples)
        prefix.writeBuffer(&head)
        return prefix
    }

    /// The samples of lines that we wrote ourselves.
    static func metrics(of text: [UInt8], isCounter: Bool) -> ByteBuffer {
        var metrics = ByteBuffer()
        metrics.reserveCapacity(text.count)
        var metric = ByteBuffer()
        for line in text.split(separator: UInt8(ascii: "\n")) {
            guard let sample = SampleLine(line) else { continue }
            metric.clear()
            for (name, escaped) in sample.labels {
                let value = SampleLine.unescaped(escaped)
                metric.writeInteger(Field.label << 3 | 2)
                metric.write(varint: sizeOf(name.count) + sizeOf(value.count))
                metric.write(field: Field.labelName, bytes: name)
                metric.write(field: Field.labelValue, bytes: value)
            }
            metric.writeInteger((isCounter ? Field.counter : Field.gauge) << 3 | 2)
            metric.writeInteger(UInt8(9))
            metric.writeInteger(Field.value << 3 | 1)
            let value = Double(String(decoding: sample.rest, as: UTF8.self)) ?? .nan
            metric.writeInteger(value.bitPattern, endianness: .little)
            metrics.writeInteger(Field.metric << 3 | 2)
            metrics.write(varint: metric.readableBytes)
            metrics.writeBuffer(&metric)
        }
        return metrics
    }

    /// Of a field with so many bytes.
    private static func sizeOf(_ count: Int) -> Int {
        var (size, rest) = (2 + count, count >> 7)
        while rest > 0 { (size, rest) = (size + 1, rest >> 7) }
        return size
    }
}

extension ByteBuffer {
    fileprivate mutating func write(varint value: Int) {
        var rest = UInt64(value)
        while rest >= 0x80 {
            writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        writeInteger(UInt8(rest))
    }

    /// A field of bytes (wire type 2).
    fileprivate mutating func write(field: UInt8, bytes: some Collection<UInt8>) {
        writeInteger(field << 3 | 2)
        write(varint: bytes.count)
        writeBytes(bytes)
    }
}
