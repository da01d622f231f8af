import KubernetesObjects

private typealias RequestFamily = MetricFamily<CertificateSigningRequest>

let certificateSigningRequestFamilies: [MetricFamily<CertificateSigningRequest>] = [
    .annotations("kube_certificatesigningrequest_annotations"),
    .labels("kube_certificatesigningrequest_labels"),
    .created("kube_certificatesigningrequest_created"),
    RequestFamily(
        "kube_certificatesigningrequest_condition", .stable,
        "How many conditions of each type the request has, whatever their status: what became of it."
    ) { request, out in
        let conditions = request.status.conditions
        for (type, name) in [("Approved", "approved"), ("Denied", "denied"), ("Failed", "failed")] {
            let count = (0..<conditions.count).count { conditions[$0].type == type }
            out.sample(Double(count), "condition", name)
        }
    },
    RequestFamily(
        "kube_certificatesigningrequest_cert_length", .stable, "How many bytes the issued certificate has; 0 before it is issued."
    ) { request, out in out.sample(Double(request.status.certificate.count)) },
]
