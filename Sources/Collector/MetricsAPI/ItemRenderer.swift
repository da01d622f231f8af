import MizzenSystem

/// Renders the items of one answer's list. A piece is what ``MetricsDocument`` writes of the item; why they are equal is a test's business.
struct ItemRenderer {
    private let form: PieceForm
    /// The time of the answer as it stands in the pieces.
    let moment: [UInt8]
    private let momentText: String
    private let now: Int64
    /// Items of a node were measured at one time over one window.
    private var timeTexts = Memo(MetricsDocument.time)
    private var windowTexts = Memo(GoDurationText.format)

    /// - Parameter now: seconds since 1970-01-01 UTC, the creation time of every item.
    init(_ form: PieceForm, now: Int64) {
        self.form = form
        self.now = now
        momentText = MetricsDocument.time(now)
        moment =
            switch form {
            case .row(_, object: .none, _): []
            case .json, .row: Array(momentText.utf8)
            case .protobuf: ProtobufWriter.varint(UInt64(bitPattern: now))
            }
    }

    /// - Parameter former: an earlier piece of the same object in this form, whose time has the size of this one's.
    mutating func piece(of item: MetricsItem, after former: RenderedPiece?) -> RenderedPiece {
        var piece =
            switch form {
            case .json(let pretty): json(item, pretty, former)
            case .protobuf: protobuf(item, former)
            case .row(let version, let object, let pretty): row(item, version, object, pretty)
            }
        piece.measuredAt = item.window.end
        return piece
    }

    // MARK: JSON

    /// How deep items stand in a list: in an array that is a member of the document.
    private static let level = 2

    private mutating func json(_ item: MetricsItem, _ pretty: Bool, _ former: RenderedPiece?) -> RenderedPiece {
        var writer: JSONWriter
        let (moment, fixed): (Range<Int>, Int)
        if let former {
            writer = JSONWriter(pretty: pretty, inside: Self.level, after: Array(former.bytes[..<former.fixed]))
            (moment, fixed) = (former.moment, former.fixed)
        } else {
            writer = JSONWriter(pretty: pretty, level: Self.level)
            writer.open("{")
            moment = metadata(item, to: &writer)
            fixed = writer.bytes.count
        }
        measured(item, to: &writer)
        writer.close("}")
        return RenderedPiece(bytes: writer.bytes, moment: moment, fixed: fixed, measuredAt: 0)
    }

    /// All fields but the metadata.
    private mutating func measured(_ item: MetricsItem, to writer: inout JSONWriter) {
        writer.key("timestamp")
        let time = timeTexts.value(item.window.end / 1_000_000_000)
        writer.quoted { $0.append(contentsOf: time.utf8) }
        writer.key("window")
        writer.string(windowTexts.value(item.window.length))
        switch item.usage {
        case .node(let usage): Self.write(usage, to: &writer)
        case .pod(let containers):
            writer.key("containers")
            writer.open("[")
            for container in containers {
                writer.next()
                writer.open("{")
                writer.key("name")
                writer.string(container.name)
                Self.write(container.usage, to: &writer)
                writer.close("}")
            }
            writer.close("]")
        }
    }

    /// - Returns: where the time of the answer stands.
    private func metadata(_ item: MetricsItem, to writer: inout JSONWriter) -> Range<Int> {
        writer.key("metadata")
        writer.open("{")
        writer.key("name")
        writer.string(item.name)
        if !item.namespace.isEmpty {
            writer.key("namespace")
            writer.string(item.namespace)
        }
        writer.key("creationTimestamp")
        let start = writer.bytes.count + 1
        writer.quoted { $0.append(contentsOf: moment) }
        if !item.labels.isEmpty {
            writer.key("labels")
            writer.open("{")
            for (key, value) in item.labels.sorted(by: { $0.key < $1.key }) {
                writer.key(escaping: key)
                writer.string(value)
            }
            writer.close("}")
        }
        writer.close("}")
        return start..<(start + moment.count)
    }

    private static func write(_ usage: ResourceUsage, to writer: inout JSONWriter) {
        writer.key("usage")
        writer.open("{")
        writer.key("cpu")
        writer.quoted { QuantityText.append(nanoCores: usage.cpuNanos, to: &$0) }
        writer.key("memory")
        writer.quoted { QuantityText.append(memory: usage.memoryBytes, to: &$0) }
        writer.close("}")
    }

    // MARK: Rows of tables

    private mutating func row(
        _ item: MetricsItem, _ version: MetaVersion, _ object: RowObject, _ pretty: Bool
    ) -> RenderedPiece {
        var writer = JSONWriter(pretty: pretty, level: Self.level)
        writer.open("{")
        writer.key("cells")
        writer.open("[")
        let total = item.total
        for cell in [item.name, total.cpuText, total.memoryText, windowTexts.value(item.window.length)] {
            writer.next()
            writer.string(cell)
        }
        writer.close("]")
        var moment = 0..<0
        if object != .none {
            writer.key("object")
            writer.open("{")
            writer.key("kind")
            writer.string(object == .whole ? item.kind : "PartialObjectMetadata")
            writer.key("apiVersion")
            writer.string(object == .whole ? MetricsDocument.apiVersion : version.apiVersion)
            moment = metadata(item, to: &writer)
            if object == .whole { measured(item, to: &writer) }
            writer.close("}")
        }
        writer.close("}")
        return RenderedPiece(bytes: writer.bytes, moment: moment, fixed: 0, measuredAt: 0)
    }

    // MARK: Protobuf

    private func protobuf(_ item: MetricsItem, _ former: RenderedPiece?) -> RenderedPiece {
        var writer = ProtobufWriter()
        let moment: Range<Int>
        if let former {
            writer = ProtobufWriter(after: former.bytes[..<former.fixed])
            moment = former.moment
        } else {
            var metadata = ProtobufWriter()
            let place = metadata.writeMetadata(of: item, now: now)
            writer.bytes(1, metadata.bytes)
            let start = writer.bytes.count - metadata.bytes.count + place
            moment = start..<(start + self.moment.count)
        }
        let fixed = writer.bytes.count
        writer.writeMeasured(item)
        return RenderedPiece(bytes: writer.bytes, moment: moment, fixed: fixed, measuredAt: 0)
    }
}

/// The last result of a function that is asked for the same again and again.
private struct Memo {
    private let make: (Int64) -> String
    private var last: (argument: Int64, result: String)?

    init(_ make: @escaping (Int64) -> String) { self.make = make }

    mutating func value(_ argument: Int64) -> String {
        if let last, last.argument == argument { return last.result }
        let result = make(argument)
        last = (argument, result)
        return result
    }
}
