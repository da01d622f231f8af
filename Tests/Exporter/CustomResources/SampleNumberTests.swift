import Testing

@testable import Exporter

/// Numbers as kube-state-metrics' Go code makes them of the same text, digits of rounding included.
@Suite struct SampleNumberTests {
    @Test(
        "text becomes the number that Go makes of it",
        arguments: [
            // Words of conditions.
            ("True", 1), ("yes", 1), ("FALSE", 0), ("No", 0), ("Unknown", 0),
            // Times, whose fraction does not count.
            ("2026-01-02T03:04:05Z", 1_767_323_045), ("2026-01-02T03:04:05.999Z", 1_767_323_045),
            ("2026-01-02T04:04:05+01:00", 1_767_323_045), ("1969-12-31T23:59:59Z", -1),
            // Quantities: digits times a power of ten.
            ("0", 0), ("12.50", 12.5), ("250m", 0.25), ("512Mi", 536_870_912), ("1.5Gi", 1_610_612_736), ("-3k", -3000), ("+7", 7),
            ("0.3", 0.30000000000000004), ("1e3", 1000), ("2E-3", 0.002), ("5E", 5e18), (".5", 0.5), ("1.", 1), ("007", 7),
            ("100n", 1.0000000000000001e-07), ("8Ei", 9.223372036854775807e18), ("-8Ei", -9.223372036854775807e18), ("m", 0), ("-", 0),
            ("123456789012345678901234567890", 1.234567890123457e29),
            // Finer than a billionth: rounded away from zero.
            ("0.0000000001", 1e-9), ("0.00000000012", 1e-9), ("-0.0000000001", -1e-9), ("0.9999999999", 1),
            // Percentages.
            ("75%", 0.75), ("0%", 0), ("150%", 1.5),
            // What only Go's own reader of numbers knows.
            ("+Inf", Double.infinity), ("-infinity", -.infinity), ("0x1p-2", 0.25),
        ] as [(String, Double)])
    func text(text: String, number: Double) throws {
        #expect(try SampleNumber.value(of: .text(text)) == number)
    }

    @Test(
        "text that is no number is refused",
        arguments: ["", "seven", "12.5%", "1 ", " 1", "1_000", "0x1F", "Ready", "1.5.2", "1Kib", "e3x", "%", "2026-01-02", "nan(1)", "1e"])
    func refused(text: String) {
        #expect(throws: SampleNumber.Fault.self) { try SampleNumber.value(of: .text(text)) }
    }

    @Test("values that are no text count as what they are, and maps, lists and null as nothing")
    func others() throws {
        #expect(try SampleNumber.value(of: .bool(true)) == 1)
        #expect(try SampleNumber.value(of: .bool(false)) == 0)
        #expect(try SampleNumber.value(of: .integer(-4)) == -4)
        #expect(try SampleNumber.value(of: .double(43.21)) == 43.21)
        #expect(try SampleNumber.value(of: .text("NaN")).isNaN)
        for value in [ObjectValue.null, .list([.integer(1)]), .map([])] {
            #expect(throws: SampleNumber.Fault.self) { try SampleNumber.value(of: value) }
        }
    }
}
