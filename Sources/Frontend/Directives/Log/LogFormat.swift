import Names

/// The format of `log`, taken apart once; each line is then appended to a buffer that the caller keeps.
///
/// The lines are CoreDNS's octet for octet, since people parse them. Braces around anything that is no word stay as they are.
struct LogFormat: Sendable, Equatable {
    static let common =
        #"{remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" {rcode} {>rflags} {rsize} {duration}"#
    static let combined = common + #" "{>opcode}""#

    enum Word: String, CaseIterable, Sendable {
        case type, name, proto, size, remote, port, local, rcode, rsize, duration
        case recordClass = "class"
        case id = ">id"
        case opcode = ">opcode"
        case wantsDNSSEC = ">do"
        case bufferSize = ">bufsize"
        case flags = ">rflags"
    }

    enum Piece: Sendable, Equatable {
        case literal([UInt8])
        case word(Word)
        /// A label of the metadata, without slash at the front.
        case metadata(String)
    }

    static var words: [String] { Word.allCases.map { "{\($0.rawValue)}" } }

    private(set) var pieces: [Piece] = []

    /// Any text is a format.
    init(_ text: String) {
        let whole = text.replacing("{common}", with: Self.common).replacing("{combined}", with: Self.combined)
        var rest = Array(whole.utf8)[...]
        // From each closing brace back to the nearest opening one, so that `{ {name} }` holds a word.
        while let close = rest.firstIndex(of: UInt8(ascii: "}")) {
            let head = rest[...close]
            rest = rest[(close + 1)...]
            guard let open = head.lastIndex(of: UInt8(ascii: "{")) else {
                append(literal: head)
                continue
            }
            let inside = String(decoding: head[(open + 1)..<close], as: UTF8.self)
            if let word = Word(rawValue: inside) {
                append(literal: head[..<open])
                pieces.append(.word(word))
            } else if inside.hasPrefix("/") {
                append(literal: head[..<open])
                pieces.append(.metadata(String(inside.dropFirst())))
            } else {
                append(literal: head)
            }
        }
        append(literal: rest)
    }

    private mutating func append(literal octets: ArraySlice<UInt8>) {
        guard !octets.isEmpty else { return }
        if case .literal(let before)? = pieces.last {
            pieces[pieces.count - 1] = .literal(before + octets)
        } else {
            pieces.append(.literal(Array(octets)))
        }
    }

    /// Appends `[INFO] `, the text and a line end.
    ///
    /// Nothing is allocated beyond what `buffer` needs to grow. A line end inside a metadata value becomes a space: a line stays one line.
    ///
    /// - Parameter metadata: appends the value of a label; false when there is none of that name, which shows as `-`.
    func appendLine(
        of exchange: borrowing LogExchange, to buffer: inout [UInt8], metadata: (String, inout [UInt8]) -> Bool = { _, _ in false }
    ) {
        buffer.append(ascii: "[INFO] ")
        append(exchange, to: &buffer, metadata: metadata)
        buffer.append(UInt8(ascii: "\n"))
    }

    /// Appends the text alone.
    func append(
        _ exchange: borrowing LogExchange, to buffer: inout [UInt8], metadata: (String, inout [UInt8]) -> Bool = { _, _ in false }
    ) {
        for piece in pieces {
            switch piece {
            case .literal(let octets): buffer.append(contentsOf: octets)
            case .word(let word): exchange.append(word, to: &buffer)
            case .metadata(let label):
                let start = buffer.count
                if !metadata(label, &buffer) { buffer.append(UInt8(ascii: "-")) }
                for index in start..<buffer.count where buffer[index] == 0x0A || buffer[index] == 0x0D { buffer[index] = 0x20 }
            }
        }
    }
}
