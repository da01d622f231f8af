import KubernetesClient
import ArgumentParser
import Testing

@testable import Watcher

@Suite("Options of the lease")
struct LeaseOptionsTests {
    @Test("the defaults are those of Kubernetes' own components")
    func defaults() throws {
        let options = try LeaseOptions.parse(["--lease", "kube-system/mizzen-watcher"])
        let terms = options.terms
        #expect(options.name?.description == "kube-system/mizzen-watcher")
        #expect(terms.durationSeconds == 15)
        #expect(terms.renewDeadline == .seconds(10))
        #expect(terms.retryPeriod == .seconds(2))
        #expect(terms.identity.contains("_"))
        #expect(terms.identity != options.terms.identity)
        #expect(try LeaseOptions.parse([]).name == nil)
        #expect(try LeaseOptions.parse(["--lease", "a/b", "--lease-identity", "c"]).terms.identity == "c")
    }

    @Test(
        "what cannot be meant is refused with the option, the value and what to do",
        arguments: [
            (["--lease", "mizzen"], "--lease is 'mizzen', but must be NAMESPACE/NAME"),
            (["--lease", "a/b/c"], "--lease is 'a/b/c'"),
            (["--lease", "Kube/b"], "--lease is 'Kube/b'"),
            (["--lease", "a/-b"], "--lease is 'a/-b'"),
            (["--lease", "a/"], "--lease is 'a/'"),
            (["--lease-identity", "x"], "--lease-identity is 'x', but no lease is named; add --lease"),
            (["--lease", "a/b", "--lease-identity", ""], "--lease-identity is empty"),
            (["--lease", "a/b", "--lease-duration", "1500ms"], "--lease-duration is 1.5s, but must be whole seconds"),
            (["--lease", "a/b", "--lease-duration", "0"], "--lease-duration is 0s, but must be whole seconds"),
            (
                ["--lease", "a/b", "--lease-renew-deadline", "15s"],
                "--lease-renew-deadline is 15s, but must be less than --lease-duration, which is 15s"
            ),
            (["--lease", "a/b", "--lease-retry-period", "0"], "--lease-retry-period is 0s, but must be more than 0"),
            (
                ["--lease", "a/b", "--lease-renew-deadline", "2400ms"],
                "--lease-renew-deadline is 2.4s, but must be more than 1.2 times --lease-retry-period, which is 2s"
            ),
        ])
    func refused(arguments: [String], message: String) {
        do {
            _ = try LeaseOptions.parse(arguments)
            Issue.record("taken: \(arguments)")
        } catch {
            #expect(LeaseOptions.message(for: error).contains(message), "\(LeaseOptions.message(for: error))")
        }
    }
}
