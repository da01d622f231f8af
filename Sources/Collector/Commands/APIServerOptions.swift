import ArgumentParser
import Glibc
import KubernetesClient
import ProcessRuntime

/// Where the API server is, and who we are to it.
struct APIServerOptions: ParsableArguments {
    @Option(help: "File that says how to reach and convince the API server.")
    var kubeconfig: String?

    @Flag(help: "Use the service account of the pod that this runs in. The default inside a cluster.")
    var inCluster = false

    func validate() throws {
        if kubeconfig != nil, inCluster {
            throw ValidationError("--kubeconfig and --in-cluster exclude each other; drop one of them")
        }
    }

    /// Nil if no API server is known, which leaves everyone anonymous.
    /// - Throws: 78 for what cannot be read.
    func configuration() throws(ProcessError) -> ClientConfiguration? {
        do throws(CredentialError) {
            if let path = kubeconfig { return try ClientConfiguration.kubeconfig(path: path) }
            // metrics-server takes the service account of its pod when nothing is said.
            // Safe: only compared, and nothing in this process sets variables.
            let isInPod = unsafe getenv("KUBERNETES_SERVICE_HOST") != nil
            return inCluster || isInPod ? try ClientConfiguration.inCluster() : nil
        } catch {
            throw ProcessError(code: ExitStatus.configuration, message: "\(error)")
        }
    }
}
