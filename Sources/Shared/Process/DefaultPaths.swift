/// Where processes of one host find each other when no option says otherwise.
public enum DefaultPaths {
    public static let table = "/dev/shm/mizzen/table"
    public static let deltas = "ipc:///run/mizzen/deltas"
    public static let snapshots = "ipc:///run/mizzen/snapshots"
    public static let samples = "ipc:///run/mizzen/samples"
}
