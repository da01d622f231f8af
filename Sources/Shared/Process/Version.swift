/// The version that `--version`, user agents and `mizzen_build_info` state. The only place that knows it.
public enum MizzenVersion {
    public static let current = "0.1.0"
}
