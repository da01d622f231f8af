import ProcessRuntime

/// Usage is to be answered a moment after a `kill -9`, so this start does not ask what options there are.
extension CollectorCommand: OptionLister {
    package static let optionList = """
        --deltas= --snapshots= --allow-plain-tcp --stream-keys= --samples= --peer-samples= --share-nodes --samples-table=
        --collector-name= --http= --kubeconfig= --in-cluster --metric-resolution= --kubelet-request-timeout=
        --kubelet-preferred-address-types= --kubelet-port= --kubelet-use-node-status-port --kubelet-insecure-tls
        --kubelet-certificate-authority= --kubelet-client-certificate= --kubelet-client-key= --kubelet-node-trust=
        --deprecated-kubelet-completely-insecure --node-selector|-l= --summary --no-early-scrapes --bind-address= --secure-port=
        --tls-cert-file= --tls-private-key-file= --tls-sni-cert-key= --tls-min-version= --tls-cipher-suites= --max-requests-inflight=
        --cert-dir= --authorization-always-allow-paths= --disable-http2-serving --client-ca-file= --requestheader-client-ca-file=
        --requestheader-allowed-names= --requestheader-username-headers= --requestheader-group-headers= --requestheader-uid-headers=
        --requestheader-extra-headers-prefix= --authentication-kubeconfig= --authorization-kubeconfig= --authentication-skip-lookup
        --authentication-tolerate-lookup-failure --authentication-token-webhook-cache-ttl=
        --authorization-webhook-cache-authorized-ttl= --authorization-webhook-cache-unauthorized-ttl= --partial-pods
        --insecure-skip-authorization --log-level= --log-format= --v|-v= --without-effect= -h|--help
        """
}
