import Testing

@testable import ProcessRuntime

@Suite("Prometheus text")
struct PrometheusTextTests {
    @Test("a label value may be any text")
    func escaping() {
        var text = PrometheusText()
        text.sample("m", [("l", "a\\b\"c\nd")], "1")
        // A backslash with an accent on it is one character to Swift.
        text.sample("m", [("l", "\\\u{301}")], "2")
        #expect(String(decoding: text.bytes, as: UTF8.self) == "m{l=\"a\\\\b\\\"c\\nd\"} 1\nm{l=\"\\\\\u{301}\"} 2\n")
    }
}
