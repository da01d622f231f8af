import FoundationEssentials
import Glibc

/// What the kernel says about this process, under the names that Prometheus' clients use.
public enum ProcessMetrics {
    /// Prometheus text 0.0.4; what cannot be read is left out.
    public static func render() -> [UInt8] {
        var text = PrometheusText()
        func add(_ name: String, _ type: String, _ help: String, _ value: Double?) {
            guard let value else { return }
            text.family(name, type, help)
            text.sample(name, [], PrometheusText.number(value))
        }
        let fields = statusFields()
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        // The fields of proc(5)'s stat, counted from the state, which is the third.
        add(
            "process_cpu_seconds_total", "counter", "CPU time used, in seconds.",
            fields.map { (Double($0[11]) ?? 0) / ticks + (Double($0[12]) ?? 0) / ticks })
        add(
            "process_virtual_memory_bytes", "gauge", "Address space in use, in bytes.",
            fields.flatMap { Double($0[20]) })
        add(
            "process_resident_memory_bytes", "gauge", "Memory in use, in bytes.",
            fields.flatMap { Double($0[21]) }.map { $0 * Double(sysconf(Int32(_SC_PAGESIZE))) })
        add(
            "process_start_time_seconds", "gauge", "When the process was started, in seconds since 1970.",
            fields.flatMap { Double($0[19]) }.flatMap { started in bootTime().map { $0 + started / ticks } })
        add("process_open_fds", "gauge", "Open file descriptors.", openDescriptors().map(Double.init))
        var limit = rlimit()
        // Safe: fills the struct.
        if unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            add("process_max_fds", "gauge", "How many file descriptors may be open.", Double(limit.rlim_cur))
        }
        return text.bytes
    }

    private static func statusFields() -> [Substring]? {
        guard let text = try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8),
            // The command's name may hold blanks and parentheses; the last one ends it.
            let end = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        return fields.count > 21 ? fields : nil
    }

    private static func bootTime() -> Double? {
        guard let text = try? String(contentsOfFile: "/proc/stat", encoding: .utf8) else { return nil }
        return text.split(separator: "\n").first { $0.hasPrefix("btime ") }.flatMap { Double($0.dropFirst(6)) }
    }

    private static func openDescriptors() -> Int? {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd"))?.count
    }
}
