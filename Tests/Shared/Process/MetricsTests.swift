import ProcessRuntime
import Testing

@Suite("Metrics of a process")
struct MetricsTests {
    @Test("everything renders in a fixed order, whatever the order of registration")
    func rendering() {
        let registry = MetricsRegistry()
        registry.gauge("z_age_seconds", help: "Age.") { 1.5 }
        registry.counter("a_total", help: "Things\nof \\ \"all\" kinds.", labels: [("kind", "b\"\\\n")]).add(2)
        registry.counter("a_total", help: "ignored", labels: [("kind", "a")]).add()
        registry.counter("kept_total", help: "Elsewhere.") { 1 }
        registry.counter("kept_total", help: "Elsewhere.") { 3_000_000_000 }
        registry.gauge("m", help: "Middle.").set(-0.25)
        let expected = #"""
            # HELP a_total Things\nof \\ "all" kinds.
            # TYPE a_total counter
            a_total{kind="a"} 1
            a_total{kind="b\"\\\n"} 2
            # HELP kept_total Elsewhere.
            # TYPE kept_total counter
            kept_total 3000000000
            # HELP m Middle.
            # TYPE m gauge
            m -0.25
            # HELP z_age_seconds Age.
            # TYPE z_age_seconds gauge
            z_age_seconds 1.5

            """#
        #expect(String(decoding: registry.render(), as: UTF8.self) == expected)
    }

    @Test("histogram buckets are cumulative and their bounds inclusive")
    func histogram() {
        let registry = MetricsRegistry()
        let histogram = registry.histogram("h", help: "H.", labels: [("n", "x")], buckets: [0.1, 1])
        for value in [0.1, 0.5, 1, 7] { histogram.observe(value) }
        let text = String(decoding: registry.render(), as: UTF8.self)
        #expect(
            text == """
                # HELP h H.
                # TYPE h histogram
                h_bucket{n="x",le="0.1"} 1
                h_bucket{n="x",le="1"} 3
                h_bucket{n="x",le="+Inf"} 4
                h_sum{n="x"} 8.6
                h_count{n="x"} 4

                """)
    }

    @Test("the same name and labels give the same counter")
    func identity() {
        let registry = MetricsRegistry()
        #expect(registry.counter("c_total", help: "") === registry.counter("c_total", help: ""))
    }

    @Test("counts from many tasks at once are all there")
    func concurrency() async {
        let counter = MetricsRegistry().counter("c_total", help: "")
        let histogram = MetricsRegistry().histogram("h", help: "", buckets: [1])
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<1000 {
                        counter.add()
                        histogram.observe(0.5)
                    }
                }
            }
        }
        #expect(counter.value == 8000)
    }

    @Test("an exporter does not print special numbers as Swift does")
    func numbers() {
        let registry = MetricsRegistry()
        for (index, value) in [Double.infinity, -.infinity, .nan, 1e300, 123_456_789_012].enumerated() {
            registry.gauge("g", help: "", labels: [("i", "\(index)")]).set(value)
        }
        let values = String(decoding: registry.render(), as: UTF8.self).split(separator: "\n").dropFirst(2)
        #expect(
            values.map { String($0.split(separator: " ")[1]) } == ["+Inf", "-Inf", "NaN", "1e+300", "123456789012"])
    }
}
