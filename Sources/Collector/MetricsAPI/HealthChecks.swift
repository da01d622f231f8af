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
    ///
    /// - Parameter excluded: names of checks that are not to be asked.
    func answer(_ path: String, verbose: Bool, excluding excluded: [String] = []) -> HTTPAnswer {
        var hasFailed = false
        var text = ""
        for check in checks {
            if excluded.contains(check.name) {
                text += "[+]\(check.name) excluded: ok\n"
            } else if let failure = check.failure() {
                hasFailed = true
                text += "[-]\(check.name) failed: \(failure)\n"
            } else {
                text += "[+]\(check.name) ok\n"
            }
        }
        if !hasFailed, !verbose { return HTTPAnswer(body: Array("ok".utf8)) }
        let unknown = Set(excluded).subtracting(checks.map(\.name)).sorted()
        if !unknown.isEmpty {
            text += "warn: some health checks cannot be excluded: no matches for \(unknown.map(Refusal.quoted).joined(separator: ","))\n"
        }
        text += "\(path) check \(hasFailed ? "failed" : "passed")\n"
        return HTTPAnswer(status: hasFailed ? 500 : 200, body: Array(text.utf8))
    }

    /// Of one check; nil if there is none of that name.
    func answer(check name: String) -> HTTPAnswer? {
        guard let check = checks.first(where: { $0.name == name }) else { return nil }
        if let failure = check.failure() { return .text("internal server error: \(failure)", status: 500) }
        return HTTPAnswer(body: Array("ok".utf8))
    }
}
