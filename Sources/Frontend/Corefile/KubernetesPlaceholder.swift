/// Stands in until Directives/Kubernetes declares the real one.
struct KubernetesSettings: DirectiveSettings {
    static let row = DirectiveRow<KubernetesSettings>(name: "kubernetes", summary: "", repetition: .many)
}
