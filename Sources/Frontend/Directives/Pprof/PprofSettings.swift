/// `pprof`: profiles of the Go runtime.
struct PprofSettings: DirectiveSettings {
    var address = "localhost:6053"

    static let row = DirectiveRow<PprofSettings>(
        name: "pprof",
        summary: "Serves profiles of CoreDNS's runtime.",
        arguments: .listenAddress(\.address, "Where CoreDNS would listen."),
        options: [.accepted("block", usage: "[RATE]")],
        ignoredBecause: "this process is no Go program; perf and valgrind look into it")
}
