/// The kubeconfig that the simulator writes: contexts for a token over HTTPS (the current one), for a client certificate
/// over HTTPS and for a token over plain HTTP.
struct Kubeconfig {
    var secureURL: String?
    var plainURL: String?
    var authority: String
    var token: String
    var client: Authority.Identity

    var text: String {
        var clusters = ""
        var contexts = ""
        if let secureURL {
            clusters += """
                - name: simulator
                  cluster:
                    server: \(secureURL)
                    certificate-authority-data: \(Base64.encode(Array(authority.utf8)))

                """
            contexts += context("simulator", "simulator", "token")
            contexts += context("simulator-certificate", "simulator", "certificate")
        }
        if let plainURL {
            clusters += """
                - name: simulator-http
                  cluster:
                    server: \(plainURL)

                """
            contexts += context("simulator-http", "simulator-http", "token")
        }
        return """
            apiVersion: v1
            kind: Config
            clusters:
            \(clusters)users:
            - name: token
              user:
                token: \(token)
            - name: certificate
              user:
                client-certificate-data: \(Base64.encode(Array(client.certificate.utf8)))
                client-key-data: \(Base64.encode(Array(client.key.utf8)))
            contexts:
            \(contexts)current-context: \(secureURL == nil ? "simulator-http" : "simulator")

            """
    }

    private func context(_ name: String, _ cluster: String, _ user: String) -> String {
        """
        - name: \(name)
          context:
            cluster: \(cluster)
            user: \(user)

        """
    }
}
