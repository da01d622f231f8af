import Testing

@testable import ProcessRuntime

@Suite("Metrics of several processes together")
struct MetricsReadingTests {
    private static func reading(_ count: UInt64, bounds: [Double] = [1], kind: MetricSeries.Kind = .counter) -> MetricsReading {
        var series = MetricSeries("m", help: "M.", kind: kind, labels: [("a", "b")])
        series.bounds = kind == .histogram ? bounds : []
        series.sumUnits = 1
        var reading = MetricsReading()
        reading.add(series) { _ in count }
        return reading
    }

    @Test("dimensions follow one another, cells without a value and zeros are left out")
    func dimensions() {
        var series = MetricSeries("m_total", help: "M.", kind: .counter, labels: [("z", "1")])
        series.dimensions = [.init("p", ["udp", "tcp"]), .init("t", ["A", ""], width: 3)]
        series.omitsZeros = true
        var reading = MetricsReading()
        reading.add(series) { UInt64($0) }
        #expect(series.cellCount == 6)
        #expect(
            reading.families["m_total"]?.samples == [
                "z=\"1\",p=\"udp\",t=\"\"": .count(1), "z=\"1\",p=\"tcp\",t=\"A\"": .count(3), "z=\"1\",p=\"tcp\",t=\"\"": .count(4),
            ])
    }

    @Test("histograms of dimensions have their counts first and then their sums")
    func histograms() {
        var series = MetricSeries("h", help: "H.", kind: .histogram)
        (series.dimensions, series.bounds, series.sumUnits) = ([.init("p", ["udp", "tcp"])], [1, 2], 10)
        var reading = MetricsReading()
        reading.add(series) { [1, 2, 3, 4, 5, 6, 70, 80][$0] }
        #expect(series.cellCount == 8)
        #expect(
            reading.families["h"]?.samples == [
                "p=\"udp\"": .distribution(counts: [1, 2, 3], sum: .exact(70, units: 10)),
                "p=\"tcp\"": .distribution(counts: [4, 5, 6], sum: .exact(80, units: 10)),
            ])
        #expect(String(decoding: reading.render(), as: UTF8.self).contains("h_sum{p=\"tcp\"} 8\n"))
    }

    @Test("what another release means otherwise is left out, and counts wrap instead of ending the process")
    func mismatch() {
        var sum = Self.reading(3)
        sum.add(Self.reading(4, kind: .gauge))
        sum.add(Self.reading(4, kind: .histogram))
        #expect(sum == Self.reading(3))
        var histogram = Self.reading(3, kind: .histogram)
        histogram.add(Self.reading(3, bounds: [1, 2], kind: .histogram))
        #expect(histogram == Self.reading(3, kind: .histogram))
        sum.add(Self.reading(.max))
        #expect(sum == Self.reading(2))
    }

    @Test(
        "a time is written as HTTP has it",
        arguments: [(0, "Thu, 01 Jan 1970 00:00:00 GMT"), (951_827_696, "Tue, 29 Feb 2000 12:34:56 GMT")])
    func dates(seconds: Int64, text: String) {
        #expect(HTTPDate.text(seconds) == text)
    }
}
