import NIOCore

/// An exposition in Prometheus' delimited protobuf (`io.prometheus.client.MetricFamily` of client_model's metrics.proto): for each family
/// its length as a varint, and a message.
///
/// It is made of the text when somebody asks for it, one family at a time, and not kept: Prometheus prefers it only where native
/// histograms are switched on.
struct ProtobufExposition: Sendable {
    private let exposition: Exposition

    init(_ sections: [ExpositionSection], limiter: SeriesLimiter? = nil) {
        exposition = Exposition(sections, format: .text, limiter: limiter)
    }

    func makeIterator() -> Iterator { Iterator(families: exposition.families.makeIterator()) }

    struct Iterator: Sendable {
        fileprivate var families: IndexingIterator<[Exposition.Family]>

        /// The next families, of at least so many bytes together unless they are the last; empty at the end.
        mutating func next(bytes: Int) -> [ByteBuffer] {
            var batch: [ByteBuffer] = []
            var size = 0
            while size < bytes, let family = families.next() {
                let buffers = MetricFamilyMessage.buffers(of: family)
                size += buffers.reduce(0) { $0 + $1.readableBytes }
                batch += buffers
            }
            return batch
        }
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

    /// - Returns: the length and what stands before the samples, and the samples of each chunk.
    static func buffers(of family: Exposition.Family) -> [ByteBuffer] {
        let isCounter = family.description.type == .counter
        var text = ByteBuffer()
        let samples = family.chunks.map { chunk in
            text.clear()
            chunk.print(into: &text)
            return metrics(of: Array(text.readableBytesView), isCounter: isCounter)
        }
        var head = ByteBuffer()
        head.write(field: Field.name, bytes: Array(family.description.name.utf8))
        head.write(field: Field.help, bytes: Array(family.description.shownHelp.utf8))
        head.writeInteger(Field.type << 3)
        head.writeInteger(UInt8(isCounter ? 0 : 1))
        var prefix = ByteBuffer()
        prefix.write(varint: head.readableBytes + samples.reduce(0) { $0 + $1.readableBytes })
        prefix.writeBuffer(&head)
        return [prefix] + samples
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
