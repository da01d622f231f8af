/// `trace`: reports of queries to a tracing service.
struct TraceSettings: DirectiveSettings {
    static let row = DirectiveRow<TraceSettings>(
        name: "trace",
        summary: "Reports queries to Zipkin or Datadog.",
        repetition: .last,
        arguments: .custom("[ENDPOINT-TYPE] [ENDPOINT]", "Where to.") { _, line throws(CorefileError) in try line.expectWords(0...2) },
        options: [
            .accepted("every", usage: "AMOUNT"), .accepted("service", usage: "NAME"), .accepted("client_server", usage: ""),
            .accepted("datadog_analytics_rate", usage: "RATE"), .accepted("zipkin_max_backlog_size", usage: "SIZE"),
            .accepted("zipkin_max_batch_size", usage: "SIZE"), .accepted("zipkin_max_batch_interval", usage: "DURATION"),
        ],
        ignoredBecause: "no traces are sent; 'dnstap' and the metrics of 'prometheus' show what queries take")
}
