import NIOCore

/// The body of a list: pieces that are kept elsewhere, put together where they are sent, with the time of this answer in each.
struct ListBody: Sendable {
    private let head: [UInt8]
    private let pieces: [RenderedPiece]
    /// The time of the answer, as long as the place that each piece has for it.
    private let moment: [UInt8]
    private let separator: Separator
    private let tail: [UInt8]
    /// Octets.
    let size: Int

    private enum Separator: Sendable {
        /// Stands between two pieces.
        case text([UInt8])
        /// Stands before each, with the piece's size behind it.
        case tag(UInt8)
    }

    /// A document in JSON whose last member is an empty list, with these pieces in it.
    init(_ document: JSONValue, pretty: Bool, pieces: [RenderedPiece], moment: [UInt8]) {
        let empty = document.json(pretty: pretty)
        // `]}` and a line end, or `]`, a line end and `}`.
        let end = pieces.isEmpty ? empty.count : empty.count - 3
        head = empty[..<end] + (pretty && !pieces.isEmpty ? Array("\n    ".utf8) : [])
        tail = pieces.isEmpty ? [] : Array((pretty ? "\n  ]\n}" : "]}\n").utf8)
        let text = Array((pretty ? ",\n    " : ",").utf8)
        separator = .text(text)
        size =
            pieces.reduce(head.count + tail.count) { $0 + $1.bytes.count } + max(0, pieces.count - 1) * text.count
        self.pieces = pieces
        self.moment = moment
    }

    /// A list in Kubernetes' protobuf envelope.
    init(apiVersion: String, kind: String, pieces: [RenderedPiece], moment: [UInt8]) {
        var metadata = ProtobufWriter()
        metadata.writeListMetadata()
        let raw = pieces.reduce(metadata.bytes.count) { size, piece in
            size + 1 + ProtobufWriter.size(of: piece.bytes.count) + piece.bytes.count
        }
        let frame = ProtobufWriter.frame(apiVersion: apiVersion, kind: kind, size: raw)
        head = frame.head + metadata.bytes
        tail = frame.tail
        // Field 2, `items`, whose messages have their size before them.
        separator = .tag(2 << 3 | 2)
        size = head.count - metadata.bytes.count + raw + tail.count
        self.pieces = pieces
        self.moment = moment
    }

    /// How far a list is written.
    struct Position: Sendable {
        fileprivate var hasHead = false
        fileprivate var next = 0
        fileprivate var isAtEnd = false
    }

    /// Writes what fits into `room` octets, at least one part, and the few octets of the end where that is reached.
    /// - Returns: false where all was written before.
    func write(from position: inout Position, into buffer: inout ByteBuffer, room: Int) -> Bool {
        if position.isAtEnd { return false }
        buffer.clear()
        if !position.hasHead { buffer.writeBytes(head) }
        position.hasHead = true
        while position.next < pieces.count {
            let piece = pieces[position.next]
            if buffer.readableBytes > 0, buffer.readableBytes + piece.bytes.count > room { return true }
            switch separator {
            case .text(let text): if position.next > 0 { buffer.writeBytes(text) }
            case .tag(let tag):
                buffer.writeInteger(tag)
                ProtobufWriter.varint(UInt64(piece.bytes.count)) { buffer.writeInteger($0) }
            }
            let start = buffer.writerIndex
            buffer.writeBytes(piece.bytes)
            if !moment.isEmpty { buffer.setBytes(moment, at: start + piece.moment.lowerBound) }
            position.next += 1
        }
        buffer.writeBytes(tail)
        position.isAtEnd = true
        return true
    }

    /// All of it.
    var buffer: ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: size)
        var position = Position()
        _ = write(from: &position, into: &buffer, room: .max)
        return buffer
    }
}
