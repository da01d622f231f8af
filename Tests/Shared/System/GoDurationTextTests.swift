import Testing

@testable import MizzenSystem

@Suite("Durations in Go's notation")
struct GoDurationTextTests {
    @Test(
        "what Go prints is read back",
        arguments: [
            ("0s", 0), ("30s", 30_000_000_000), ("1m0s", 60_000_000_000), ("1h1m1.5s", 3_661_500_000_000), ("15.001s", 15_001_000_000),
            ("1.5ms", 1_500_000), ("250µs", 250_000), ("7ns", 7), ("-10.02s", -10_020_000_000),
            ("2562047h47m16.854775807s", .max), ("-2562047h47m16.854775808s", .min),
        ] as [(String, Int64)])
    func bothWays(text: String, nanoseconds: Int64) {
        #expect(GoDurationText.parse(text) == nanoseconds)
        #expect(GoDurationText.format(nanoseconds) == text)
    }

    @Test(
        "people write it in other ways too",
        arguments: [
            ("0", 0), ("+5s", 5_000_000_000), ("1.5h", 5_400_000_000_000), (".5s", 500_000_000), ("5.s", 5_000_000_000),
            ("1us", 1000), ("1μs", 1000), ("90m", 5_400_000_000_000), ("1h1h", 7_200_000_000_000),
            ("0.3333333333333333333h", 1_199_999_999_999), ("1.9ns", 1), ("0.100000000000000000000h", 360_000_000_000),
        ] as [(String, Int64)])
    func otherWays(text: String, nanoseconds: Int64) {
        #expect(GoDurationText.parse(text) == nanoseconds)
    }

    @Test(
        "what Go refuses is refused",
        arguments: [
            "", "5", "s", ".", ".s", "-", "+", "5d", "1e3s", "5 s", " 5s", "5s ", "--5s", "1.2.3s", "٥s", "5S", "1m30",
            "9223372036854775808ns", "2562047h47m16.854775808s", "99999999999999999999h", "-2562047h47m16.854775809s",
        ])
    func refused(text: String) {
        #expect(GoDurationText.parse(text) == nil)
    }
}
