import Glibc

/// Where processes of one host find each other when no option says otherwise.
public enum DefaultPaths {
    public static let table = "/dev/shm/mizzen/table"
    /// What a collector keeps for the next one.
    public static let samplesTable = "/dev/shm/mizzen/samples"
    /// Where the frontends of one user have their counters. Not in the table's folder: that is the watcher's, and often read only for others.
    public static var counters: String { geteuid() == 0 ? "/dev/shm/mizzen-frontends" : "/dev/shm/mizzen-frontends-\(geteuid())" }
    public static let deltas = "ipc:///run/mizzen/deltas"
    public static let snapshots = "ipc:///run/mizzen/snapshots"
    public static let samples = "ipc:///run/mizzen/samples"
}
