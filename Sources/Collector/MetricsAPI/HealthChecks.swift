import ProcessRuntime

/// Named conditions behind `/livez`, `/readyz` and `/healthz`.
struct HealthChecks: Sendable {
    struct Check: Sendable {
        var name: String
        /// Nil if all is well, else why not.
        var failure: @Sendable () -> String?
    }

    var checks: [Check]

    /// `ok`, or every check with its result where one fails or where `verbose` asks for it. Failing is 500, as in
    /// Kubernetes.
    func answer(_ path: String, verbose: Bool) -> HTTPAnswer {
        let results = checks.map { ($0.name, $0.failure()) }
        let failed = results.contains { $0.1 != nil }
        if !failed, !verbose { return HTTPAnswer(body: Array("ok".utf8)) }
        var text = ""
        for (name, failure) in results {
            text += failure.map { "[-]\(name) failed: \($0)\n" } ?? "[+]\(name) ok\n"
        }
        text += "\(path) check \(failed ? "failed" : "passed")\n"
        return HTTPAnswer(status: failed ? 500 : 200, body: Array(text.utf8))
    }
}
