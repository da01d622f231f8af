import MizzenSystem
import Testing

@testable import KubernetesObjects

@Suite struct ValueTextTests {
    @Test(
        "a quantity is read exactly",
        arguments: [
            ("0", 0), ("1", 1_000_000_000), ("100m", 100_000_000), ("1.5", 1_500_000_000), ("-2", -2_000_000_000),
            ("+3", 3_000_000_000), (".5", 500_000_000), ("5.", 5_000_000_000), ("1Ki", 1024_000_000_000),
            ("1.5Gi", 1_610_612_736_000_000_000), ("2e3", 2_000_000_000_000), ("2E3", 2_000_000_000_000),
            ("2E", 2_000_000_000_000_000_000_000_000_000), ("1e-3", 1_000_000), ("12k", 12_000_000_000_000),
            ("7n", 7), ("7u", 7000), ("1M", 1_000_000_000_000_000), ("0.0000000001", 1), ("-0.1n", -1),
            ("1Ei", 1_152_921_504_606_846_976_000_000_000), ("00012", 12_000_000_000), ("0.5Ki", 512_000_000_000),
            ("0.1Ki", 102_400_000_000), ("1e0", 1_000_000_000),
        ] as [(String, Int128)])
    func quantities(text: String, nanos: Int128) {
        #expect(Quantity(text)?.nanos == nanos)
    }

    @Test("a quantity in memory is read as one in a string, also where it is told by its look")
    func quantitiesInMemory() {
        var random = SeededRandom(seed: 5)
        for _ in 0..<50_000 {
            let digits = (0..<Int.random(in: 0...12, using: &random)).map { _ in "\(Int.random(in: 0...9, using: &random))" }.joined()
            let text = digits + (["", "m", "Ki", "Mi", "Gi", "Ti", "k", "i", "mi", ".5", "e3", "KiK"].randomElement(using: &random) ?? "")
            // Safe: the array lives through the call.
            let read = unsafe Array(text.utf8).withUnsafeBytes { unsafe Quantity(utf8: $0) }
            #expect(read == Quantity(text), "\(text)")
            if let read { #expect(read.value == Int64(clamping: (read.nanos + 999_999_999) / 1_000_000_000), "\(text)") }
        }
    }

    @Test(
        "what Kubernetes does not write is no quantity",
        arguments: [
            "", "-", "m", "1.2.3", "1 Gi", "1Kib", "1ki", "1e", "1e+", "1e1x", "0x1", "1Zi", "Ki", ".", "1i", "½",
        ])
    func badQuantities(text: String) {
        #expect(Quantity(text) == nil)
    }

    @Test("quantities beyond 64 bits end at the bound, and rounding goes away from zero")
    func quantityBounds() throws {
        let largest = Int128(Int64.max) * 1_000_000_000
        for text in ["100E", "9223372036854775808", "1e30", "99999999999999999999999999999999999999999999", "1e999999"] {
            #expect(Quantity(text)?.nanos == largest)
            #expect(Quantity("-" + text)?.nanos == -largest)
        }
        #expect(Quantity("9223372036854775807")?.value == .max)
        #expect(Quantity("1e-999999")?.nanos == 1)
        #expect(Quantity("0e999999")?.nanos == 0)
        #expect(Quantity("0." + String(repeating: "0", count: 100) + "1")?.nanos == 1)
        #expect(Quantity("0." + String(repeating: "9", count: 100))?.nanos == 1_000_000_000)
        let oneAndABit = try #require(Quantity("1.0001"))
        #expect(oneAndABit.value == 2 && oneAndABit.milliValue == 1001 && oneAndABit.doubleValue == 1.0001)
        #expect(Quantity("-1.5")?.value == -2)
        #expect(Quantity("100m")?.doubleValue == 0.1)
        #expect(try #require(Quantity("1Ki")) > #require(Quantity("1k")))
    }

    @Test(
        "a time is read and written",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-07-24T04:09:49Z", 1_784_866_189), ("2000-02-29T12:00:00Z", 951_825_600),
            ("1969-12-31T23:59:59Z", -1), ("0001-01-01T00:00:00Z", -62_135_596_800),
            ("9999-12-31T23:59:59Z", 253_402_300_799), ("2100-03-01T00:00:00Z", 4_107_542_400),
        ] as [(String, Int64)])
    func times(text: String, seconds: Int64) {
        #expect(Timestamp(text) == Timestamp(seconds: seconds))
        #expect(Timestamp(seconds: seconds).text() == text)
    }

    @Test("offsets and fractions of seconds are understood")
    func timeForms() {
        #expect(Timestamp("1970-01-01T01:30:00+01:30") == Timestamp(seconds: 0))
        #expect(Timestamp("1969-12-31T23:00:00-01:00") == Timestamp(seconds: 0))
        #expect(Timestamp("1970-01-01T00:00:01.25Z") == Timestamp(seconds: 1, nanoseconds: 250_000_000))
        #expect(Timestamp("1970-01-01T00:00:00.1234567899Z") == Timestamp(seconds: 0, nanoseconds: 123_456_789))
        #expect(Timestamp(seconds: 0, nanoseconds: 1_234_567).text(fractionDigits: 6) == "1970-01-01T00:00:00.001234Z")
        #expect(Timestamp(seconds: .max).text() == nil)
    }

    @Test("the last times that a message can hold have no text")
    func extremes() {
        for seconds in [Int64.min, .min + 1, .min + 86_399, .max - 1, .max] { #expect(Timestamp(seconds: seconds).text() == nil) }
    }

    @Test(
        "what RFC 3339 forbids is no time",
        arguments: [
            "", "2026-07-24", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00Zx",
            "26-01-01T00:00:00Z",
        ])
    func badTimes(text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test("Base64 is read and written for every length")
    func base64() {
        var random = SeededRandom(seed: 1)
        for length in 0..<40 {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
        }
        #expect(String(decoding: Base64.encode(Array("light w".utf8)), as: UTF8.self) == "bGlnaHQgdw==")
        for text in ["a", "ab=", "a===", "ab*d", "=abc"] { #expect(Base64.decode(Array(text.utf8)) == nil) }
    }
}
