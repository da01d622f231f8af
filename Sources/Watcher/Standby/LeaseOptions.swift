import MizzenSystem
import ArgumentParser
import FoundationEssentials
import KubernetesClient
import KubernetesObjects
import ProcessRuntime

/// Which of several hosts' watchers leads. Meaning and defaults are those of the `--leader-elect-*` flags of Kubernetes'
/// own components.
struct LeaseOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Lead only while this process holds this Lease, and stand by while another does. Needs get, create and update of leases there.",
            valueName: "namespace/name"))
    var lease: String?

    @Option(
        help: ArgumentHelp(
            "How long a standby sees the Lease unchanged before it takes it over; whole seconds.", valueName: "duration"))
    var leaseDuration = GoDuration(seconds: 15)

    @Option(
        help: ArgumentHelp(
            "How long after its last renewal the leader still writes; less than the lease's duration.", valueName: "duration"))
    var leaseRenewDeadline = GoDuration(seconds: 10)

    @Option(help: ArgumentHelp("How often the Lease is renewed, or looked at by a standby.", valueName: "duration"))
    var leaseRetryPeriod = GoDuration(seconds: 2)

    @Option(
        help: ArgumentHelp(
            "What the Lease calls this process; no other may have the same. Without it: the host's name and a random part.",
            valueName: "text"))
    var leaseIdentity: String?

    func validate() throws {
        guard let lease else {
            guard leaseIdentity == nil else {
                throw ValidationError("--lease-identity is '\(leaseIdentity ?? "")', but no lease is named; add --lease NAMESPACE/NAME")
            }
            return
        }
        guard LeaseName(lease) != nil else {
            throw ValidationError(
                "--lease is '\(lease)', but must be NAMESPACE/NAME, both as Kubernetes names things, such as kube-system/mizzen-watcher")
        }
        guard leaseIdentity != "" else {
            throw ValidationError("--lease-identity is empty; name this process, or leave the option out")
        }
        guard leaseRetryPeriod.nanoseconds > 0 else {
            throw ValidationError("--lease-retry-period is \(leaseRetryPeriod), but must be more than 0; the usual value is 2s")
        }
        // A Lease counts in whole seconds; what is cut off would be time in which two may lead.
        guard leaseDuration.nanoseconds >= 1_000_000_000, leaseDuration.nanoseconds % 1_000_000_000 == 0,
            leaseDuration.nanoseconds / 1_000_000_000 <= Int32.max
        else {
            throw ValidationError("--lease-duration is \(leaseDuration), but must be whole seconds, 1s or more; the usual value is 15s")
        }
        guard leaseRenewDeadline.nanoseconds < leaseDuration.nanoseconds else {
            throw ValidationError(
                "--lease-renew-deadline is \(leaseRenewDeadline), but must be less than --lease-duration, which is \(leaseDuration); lower the one or raise the other"
            )
        }
        // client-go's JitterFactor.
        guard Double(leaseRenewDeadline.nanoseconds) > 1.2 * Double(leaseRetryPeriod.nanoseconds) else {
            throw ValidationError(
                "--lease-renew-deadline is \(leaseRenewDeadline), but must be more than 1.2 times --lease-retry-period, which is \(leaseRetryPeriod); raise the one or lower the other"
            )
        }
    }

    /// nil without `--lease`.
    var name: LeaseName? { lease.flatMap { LeaseName($0) } }

    var terms: LeaseElection.Terms {
        LeaseElection.Terms(
            identity: leaseIdentity ?? Self.newIdentity(), durationSeconds: Int(leaseDuration.nanoseconds / 1_000_000_000),
            renewDeadline: leaseRenewDeadline.duration, retryPeriod: leaseRetryPeriod.duration)
    }

    private static func newIdentity() -> String {
        "\(hostName() ?? "unknown")_\(UUID().uuidString.lowercased())"
    }
}
