import Names
import TestSupport
import Testing

@testable import Frontend

extension RunningFrontend {
    /// Asks a question and returns the answer's octets.
    func octets(
        _ name: String, _ type: RecordType = .a, advertisedSize: UInt16? = nil, overStream: Bool = false
    ) async throws -> [UInt8] {
        let packet = try TestPacket.query(name, type, advertisedSize: advertisedSize)
        let address = address
        return try await onThread {
            overStream ? try TestClient.askOverStream([packet], address)[0] : try TestClient.ask(packet, address)
        }
    }

    func ask(_ name: String, _ type: RecordType = .a, overStream: Bool = false) async throws -> MessageText {
        try MessageText(try await octets(name, type, overStream: overStream))
    }

    /// Everything as /metrics has it.
    var metrics: String { String(decoding: control.metrics.render(), as: UTF8.self) }
}

extension [UInt8] {
    /// The question of a message as `NAME TYPE`, letters as they stand there.
    var question: String {
        get throws {
            var name = DNSName()
            let end = try name.read(span, at: Query.headerSize)
            return "\(name) \(RecordType(rawValue: span.word(at: end)))"
        }
    }
}
