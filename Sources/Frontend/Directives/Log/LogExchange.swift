import Names

/// What a log line may say of one query and its answer.
struct LogExchange: Sendable {
    struct Answer: Sendable {
        /// With the upper bits of an OPT record, if there is one.
        var code: UInt16
        /// The header's second 16 bits: QR, opcode, AA, TC, RD, RA, Z, AD, CD, code.
        var flags: UInt16
        var kind: AnswerKind
    }

    var remote: IPAddress
    var remotePort: UInt16
    var local: IPAddress
    var id: UInt16
    var opcode: UInt8
    var type: RecordType
    var recordClass: UInt16
    var name: DNSName
    /// `udp` or `tcp`, in lower case.
    var transport: String
    /// Octets of the query, uncompressed.
    var size: Int
    var wantsDNSSEC: Bool
    /// Octets that the client takes: at least 512, and 65535 over TCP.
    var bufferSize: Int
    /// Nil when no message was made.
    var answer: Answer?
    /// Octets of the answer, uncompressed; 0 when no message was made, nil as long as there is none.
    var answerSize: Int?
    /// From arrival to answer; nil as long as there is none.
    var duration: Duration?
}
