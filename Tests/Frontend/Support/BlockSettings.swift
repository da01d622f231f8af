@testable import Frontend

/// What a block says of the directives that tests look at.
extension BlockConfiguration {
    var ready: [ReadySettings] { all(ReadySettings.self) }
    var health: [HealthSettings] { all(HealthSettings.self) }
    var prometheus: [PrometheusSettings] { all(PrometheusSettings.self) }
    var errors: [ErrorsSettings] { all(ErrorsSettings.self) }
    var hosts: [HostsSettings] { all(HostsSettings.self) }
    var kubernetes: [KubernetesSettings] { all(KubernetesSettings.self) }
    var forward: [ForwardSettings] { all(ForwardSettings.self) }
}
