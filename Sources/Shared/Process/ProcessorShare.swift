import CMizzenSystem
import FoundationEssentials

/// How many processors this process may keep busy.
public enum ProcessorShare {
    /// For a number of threads: the processors that the kernel lets this process run on (its affinity, which a cgroup's cpuset
    /// narrows too), and no more than the processor time that its cgroup and those above admit, rounded up. At least 1.
    public static func available() -> Int {
        let allowed = Int(mz_allowed_processors())
        return available(affinity: allowed > 0 ? allowed : ProcessInfo.processInfo.activeProcessorCount, root: "/")
    }

    /// - Parameters:
    ///   - affinity: how many processors the process may run on.
    ///   - root: where `proc` and the mount points are found, with a final `/`.
    static func available(affinity: Int, root: String) -> Int {
        let mounts = lines(of: root + "proc/self/mountinfo").compactMap(ControlGroupMount.init)
        var limit = Double(affinity)
        for line in lines(of: root + "proc/self/cgroup") {
            // `0::/path`, or `4:cpu,cpuacct:/path` of version 1.
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let isSecond = parts[1].isEmpty
            guard isSecond || parts[1].split(separator: ",").contains("cpu"),
                let mount = mounts.last(where: { isSecond ? $0.isSecond : $0.hasProcessorTime })
            else { continue }
            for folder in mount.folders(of: String(parts[2])) {
                if let quota = quota(in: root + folder.drop { $0 == "/" }, isSecond: isSecond) { limit = min(limit, quota) }
            }
        }
        return max(1, Int(limit.rounded(.up)))
    }

    /// In processors; nil for none.
    private static func quota(in folder: String, isSecond: Bool) -> Double? {
        let words =
            isSecond
            ? lines(of: folder + "/cpu.max").first?.split(separator: " ").map(String.init) ?? []
            : [folder + "/cpu.cfs_quota_us", folder + "/cpu.cfs_period_us"].compactMap { lines(of: $0).first.map(String.init) }
        // No limit is `max`, or -1 in version 1.
        guard words.count == 2, let time = Double(words[0]), let period = Double(words[1]), time > 0, period > 0 else { return nil }
        return time / period
    }

    private static func lines(of path: String) -> [Substring] {
        guard let bytes = FileManager.default.contents(atPath: path) else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    }
}

/// A line of /proc/self/mountinfo (proc_pid_mountinfo(5)) that mounts control groups.
private struct ControlGroupMount {
    /// Which group is found at `point`.
    var root: String
    var point: String
    var isSecond: Bool
    /// Whether it is version 1's hierarchy for processor time.
    var hasProcessorTime: Bool

    init?(_ line: Substring) {
        let words = line.split(separator: " ")
        // After the optional fields comes a lone hyphen, then type, source and options.
        guard let hyphen = words.firstIndex(of: "-"), hyphen >= 6, words.count > hyphen + 3 else { return nil }
        guard words[hyphen + 1] == "cgroup" || words[hyphen + 1] == "cgroup2" else { return nil }
        root = String(words[3])
        point = String(words[4])
        isSecond = words[hyphen + 1] == "cgroup2"
        hasProcessorTime = !isSecond && words[hyphen + 3].split(separator: ",").contains("cpu")
    }

    /// The folders of a group and of those above it, as far as they are mounted.
    func folders(of group: String) -> [String] {
        var inside = group
        if root != "/", inside == root || inside.hasPrefix(root + "/") { inside = String(inside.dropFirst(root.count)) }
        var folders = [point]
        // A group outside of what is mounted here (`/../x`) has no folder; the mounted root still limits it.
        for name in inside.split(separator: "/") where name != ".." { folders.append("\(folders[folders.count - 1])/\(name)") }
        return folders
    }
}
