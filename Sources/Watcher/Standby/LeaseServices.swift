import KubernetesClient
import ProcessRuntime
import ServiceLifecycle

/// Ends the process when another has the lease, and lets no commit wait for it when the process ends anyway.
///
/// The last of the watcher's services, so that it is the first of them to be told of a shutdown: reflectors that wait in a commit could not end.
struct LeaseHolding: ServiceLifecycle.Service {
    let elector: LeaseElector

    func run() async throws {
        let loss = await cancelWhenGracefulShutdown { await elector.loss() }
        elector.fence.end()
        guard let loss else { return }
        throw ProcessError(
            code: ExitStatus.superseded,
            message:
                "\(Self.taker(loss, elector.identity)): this process has stopped writing, and stands by when it is started again",
            place: "lease \(elector.name)")
    }

    private static func taker(_ holder: String, _ identity: String) -> String {
        if holder.isEmpty { return "somebody has emptied or deleted the lease, which nobody holds now" }
        // Another of its acquisitions than ours.
        if holder == identity { return "another process took the lease over, with the same identity \(identity); give each its own" }
        return "\(holder) took the lease over"
    }
}
