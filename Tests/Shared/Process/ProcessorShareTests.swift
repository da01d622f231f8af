import Foundation
import TestSupport
import Testing

@testable import ProcessRuntime

@Suite("How many processors a process may keep busy")
struct ProcessorShareTests {
    struct Host: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var files: [String: String]
        var expected: Int
    }

    private static let second = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
    private static let first = "33 32 0:28 /docker/a /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n"

    static let hosts: [Host] = [
        Host(testDescription: "no control groups", files: [:], expected: 16),
        Host(
            testDescription: "version 2 without a limit",
            files: ["proc/self/cgroup": "0::/\n", "proc/self/mountinfo": second, "sys/fs/cgroup/cpu.max": "max 100000\n"], expected: 16),
        Host(
            testDescription: "version 2: two and a half processors are three threads",
            files: ["proc/self/cgroup": "0::/\n", "proc/self/mountinfo": second, "sys/fs/cgroup/cpu.max": "250000 100000\n"], expected: 3),
        Host(
            testDescription: "version 2: the group above is narrower",
            files: [
                "proc/self/cgroup": "0::/pod/main\n", "proc/self/mountinfo": second,
                "sys/fs/cgroup/pod/cpu.max": "200000 100000\n", "sys/fs/cgroup/pod/main/cpu.max": "max 100000\n",
            ], expected: 2),
        Host(
            testDescription: "version 1, in a container",
            files: [
                "proc/self/cgroup": "4:cpu,cpuacct:/docker/a\n3:memory:/docker/a\n", "proc/self/mountinfo": first,
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "50000\n", "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            ], expected: 1),
        Host(
            testDescription: "version 1 without a limit",
            files: [
                "proc/self/cgroup": "4:cpu,cpuacct:/docker/a\n", "proc/self/mountinfo": first,
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            ], expected: 16),
        Host(
            testDescription: "version 1: a group whose name only begins like the mounted one is another",
            files: [
                "proc/self/cgroup": "4:cpu,cpuacct:/docker/abc\n", "proc/self/mountinfo": first,
                "sys/fs/cgroup/cpu,cpuacct/bc/cpu.cfs_quota_us": "50000\n",
                "sys/fs/cgroup/cpu,cpuacct/bc/cpu.cfs_period_us": "100000\n",
            ], expected: 16),
        Host(
            testDescription: "more time than processors",
            files: ["proc/self/cgroup": "0::/\n", "proc/self/mountinfo": second, "sys/fs/cgroup/cpu.max": "9900000 100000\n"], expected: 16),
    ]

    @Test("control groups narrow what affinity admits", arguments: hosts)
    func share(host: Host) throws {
        let folder = try TemporaryFolder()
        for (name, text) in host.files {
            let place = URL(filePath: folder.path(name)).deletingLastPathComponent()
            try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
            try folder.write(Array(text.utf8), to: name)
        }
        #expect(ProcessorShare.available(affinity: 16, root: folder.path + "/") == host.expected)
    }
}
