import KubernetesObjects

/// The resources of `certificates.k8s.io`.
let certificatesFamilies: [ResourceFamilies] = [
    ResourceFamilies(certificateSigningRequestFamilies) { request in
        .clusterWide(request.metadata, "certificatesigningrequest") + [("signer_name", request.spec.signerName.string)]
    }
]
