import Names
import ProcessRuntime
import ArgumentParser

/// metrics-server's flags about kubelets, with its names and defaults.
struct KubeletOptions: ParsableArguments {
    @Option(help: "Time between two scrapes of a node. Below 10s a warning is logged: kubelets measure no faster.")
    var metricResolution = GoDuration(seconds: 60)

    @Option(help: "How long one scrape may take.")
    var kubeletRequestTimeout = GoDuration(seconds: 10)

    @Option(help: "Kinds of node addresses to try, the preferred one first.")
    var kubeletPreferredAddressTypes = "Hostname,InternalDNS,InternalIP,ExternalDNS,ExternalIP"

    @Option(help: "Port of the kubelets.")
    var kubeletPort = 10250

    @Flag(help: "Use the port that each node states, where it does, instead of --kubelet-port.")
    var kubeletUseNodeStatusPort = false

    @Flag(help: "Do not verify the certificates of kubelets.")
    var kubeletInsecureTls = false

    @Option(help: "File with the authorities that sign the certificates of kubelets.")
    var kubeletCertificateAuthority: String?

    @Option(help: "File with the certificate to show to kubelets.")
    var kubeletClientCertificate: String?

    @Option(help: "File with the private key of --kubelet-client-certificate.")
    var kubeletClientKey: String?

    @Option(
        help: ArgumentHelp(
            "Folder or file that says whom to believe for single nodes, in place of what holds for all: NODE.pem with authorities and NODE.pin "
                + "with keys (sha256//…), or lines of a node's name and one of both (docs/operations.md). Taken anew when it changes.",
            valueName: "path"))
    var kubeletNodeTrust: String?

    @Flag(help: "Scrape without encryption and without showing credentials. For old test clusters only.")
    var deprecatedKubeletCompletelyInsecure = false

    @Option(name: [.long, .customShort("l")], help: "Scrape and answer only nodes with these labels.")
    var nodeSelector = ""

    @Flag(
        help: """
            Ask kubelets for /stats/summary too, a second request for each scrape: network, file systems, volumes and ephemeral storage \
            for the stream and the exporter. Needs leave to get nodes/stats.
            """)
    var summary = false

    @Flag(
        help: """
            Scrape nodes at the metric resolution only. Without this a node is scraped before its time when a pod has begun to run on it, as \
            soon as that can tell of the pod; never within ten seconds of another scrape of it.
            """)
    var noEarlyScrapes = false

    /// A day: beyond it nothing is a measurement of now.
    private static let longest: Int64 = 86_400_000_000_000

    func validate() throws {
        guard (100_000_000...Self.longest).contains(metricResolution.nanoseconds) else {
            throw ValidationError("--metric-resolution: give a duration from 100ms to 24h, such as 15s")
        }
        guard (1...Self.longest).contains(kubeletRequestTimeout.nanoseconds) else {
            throw ValidationError("--kubelet-request-timeout: give a duration above zero and up to 24h, such as 10s")
        }
        guard (1...65535).contains(kubeletPort) else {
            throw ValidationError("--kubelet-port: give a port from 1 to 65535")
        }
        if (kubeletClientCertificate == nil) != (kubeletClientKey == nil) {
            throw ValidationError("give both --kubelet-client-certificate and --kubelet-client-key, or none of them")
        }
        let clashes: [(Bool, String)] = [
            (kubeletInsecureTls, "--kubelet-insecure-tls"),
            (kubeletCertificateAuthority != nil, "--kubelet-certificate-authority"),
            (kubeletClientKey != nil, "--kubelet-client-key"), (kubeletNodeTrust != nil, "--kubelet-node-trust"),
        ]
        if deprecatedKubeletCompletelyInsecure, let clash = clashes.first(where: \.0) {
            throw ValidationError(
                "\(clash.1) has no use with --deprecated-kubelet-completely-insecure; drop one of them")
        }
        if kubeletInsecureTls, kubeletCertificateAuthority != nil {
            throw ValidationError(
                "--kubelet-certificate-authority has no use with --kubelet-insecure-tls; drop one of them")
        }
        do {
            _ = try LabelQuery(nodeSelector)
        } catch {
            throw ValidationError("--node-selector: \(error.message)")
        }
        let known: Set<Substring> = ["Hostname", "InternalDNS", "InternalIP", "ExternalDNS", "ExternalIP"]
        for type in kubeletPreferredAddressTypes.split(separator: ",") where !known.contains(type) {
            throw ValidationError(
                "--kubelet-preferred-address-types: '\(type)' is none of \(known.sorted().joined(separator: ", "))")
        }
    }

    /// How long no scrape may end before something is wrong with this process: half an interval more than it takes.
    var lateAfter: Duration {
        metricResolution.duration * 3 / 2 + kubeletRequestTimeout.duration
    }

    /// How long a sample is answered, in nanoseconds: half an interval longer than until the next is due, and in any case until
    /// that one can have arrived.
    var sampleLifetime: Int64 {
        let interval = metricResolution.nanoseconds
        return interval + max(interval / 2, kubeletRequestTimeout.nanoseconds)
    }

    /// How long a connection to a kubelet outlives a request: the pause between two scrapes, because a TLS handshake costs more than a scrape.
    var connectionLifetime: Duration { metricResolution.duration + .seconds(30) }

    var addressing: KubeletAddressing {
        KubeletAddressing(
            preferredTypes: kubeletPreferredAddressTypes.split(separator: ",").map(String.init), port: kubeletPort,
            usesNodeStatusPort: kubeletUseNodeStatusPort,
            isEncrypted: !deprecatedKubeletCompletelyInsecure)
    }
}
