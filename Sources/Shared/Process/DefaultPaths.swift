/// Where processes of one host find each other when no option says otherwise.
public enum DefaultPaths {
    public static let table = "/dev/shm/mizzen/table"
    /// What a collector keeps for the next one.
    public static let samplesTable = "/dev/shm/mizzen/samples"
    public static let deltas = "ipc:///run/mizzen/deltas"
    public static let snapshots = "ipc:///run/mizzen/snapshots"
    public static let samples = "ipc:///run/mizzen/samples"
}
