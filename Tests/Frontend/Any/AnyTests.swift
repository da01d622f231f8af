import Testing

@testable import Frontend

@Suite("any")
struct AnyTests {
    static let lines = " any\n hosts /nonexistent {\n  192.0.2.1 one.test\n }"

    @Test("a question for everything gets one HINFO record that says why")
    func everything() throws {
        let answer = try frontendAnswer(of: Self.lines, to: try TestPacket.query("one.test", .any))
        let text = try MessageText(answer)
        #expect(text.code == "NOERROR" && text.flags == "QR RD")
        #expect(text.answer == ["one.test. 8482 IN HINFO \\# 27"])
        #expect(Array(answer.suffix(27)) == [13] + Array("ANY obsoleted".utf8) + [12] + Array("See RFC 8482".utf8))
    }

    @Test("other questions go on")
    func others() throws {
        let text = try MessageText(try frontendAnswer(of: Self.lines, to: try TestPacket.query("one.test", .a)))
        #expect(text.answer == ["one.test. 3600 IN A 192.0.2.1"])
    }
}
