import ProcessRuntime

/// What was lost between a client or an upstream and this process. Counted by all threads, off the common path.
struct LossCounters: Sendable {
    let receiveErrors: Counter
    let kernelDrops: Counter
    let oversizedQueries: Counter
    let lostDatagrams: Counter
    let lostStreams: Counter
    let upstreamSocketFailures: Counter

    init(registry: MetricsRegistry) {
        receiveErrors = registry.counter(
            "mizzen_dns_receive_errors_total", help: "Times that the kernel refused to hand over datagrams.")
        kernelDrops = registry.counter(
            "mizzen_dns_kernel_drops_total",
            help: "Datagrams that the kernel dropped because a socket's buffer was full: queries came faster than they were taken.")
        oversizedQueries = registry.counter(
            "mizzen_dns_oversized_queries_total", help: "Datagrams passed over because no query is so long.")
        lostDatagrams = registry.counter(
            "mizzen_dns_send_failures_total", help: "Answers that could not be sent.", labels: [("proto", "udp")])
        lostStreams = registry.counter(
            "mizzen_dns_send_failures_total", help: "Answers that could not be sent.", labels: [("proto", "tcp")])
        upstreamSocketFailures = registry.counter(
            "mizzen_forward_socket_failures_total", help: "Sockets to upstreams that could not be opened, written or read.")
    }
}
