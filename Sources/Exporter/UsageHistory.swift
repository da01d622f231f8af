import DeltaStream

/// The least, the average and the most of something.
struct Spread: Hashable, Sendable {
    var least: Double
    var average: Double
    var most: Double
}

/// What one container used within one window of time. Nil where no two measurements are near enough.
struct ContainerSpread: Hashable, Sendable {
    var container: String
    var window: UsageWindow
    /// In cores.
    var cpu: Spread?
    /// In bytes.
    var memory: Spread?
}

/// Ends with the newest measurement.
enum UsageWindow: Int64, Hashable, Sendable, CaseIterable {
    case minute = 60_000
    case fiveMinutes = 300_000

    /// The label that tells the windows apart.
    var name: String {
        switch self {
        case .minute: "1m"
        case .fiveMinutes: "5m"
        }
    }

    var milliseconds: Int64 { rawValue }
}

/// The measurements of one container within the longest window, by the kubelet's own times.
///
/// Bounded: measurements less than ``nearest`` apart are thinned (kubelets measure every ten seconds or less often), so there are never more
/// than ``mostPoints``, of 24 bytes each.
struct UsageHistory: Sendable {
    private struct Point: Sendable {
        /// Milliseconds since 1970-01-01 UTC.
        var time: Int64
        /// Since the container's start; no number where it is not known, or belongs to a process that has ended.
        var cpuSeconds: Double
        /// No number where it is not known.
        var memoryBytes: Double
    }

    /// Milliseconds.
    private static let nearest: Int64 = 9_000
    private static let longest = UsageWindow.fiveMinutes.milliseconds
    /// One at the window's beginning or before it, one each ``nearest``, and the newest two, which may be nearer.
    static let mostPoints = Int(longest / nearest) + 4

    /// In the order of their times.
    private var points: [Point] = []
    private var startTime: Double?

    var count: Int { points.count }

    /// Takes a measurement. The same one again changes nothing, nor does one from within the time that is held; one from before it says
    /// that the kubelet's clock was set, and begins anew.
    mutating func note(_ reading: Reading) {
        guard let time = reading.cpuTime ?? reading.memoryTime else { return }
        let point = Point(
            time: time, cpuSeconds: reading.cpuSecondsTotal ?? .nan, memoryBytes: reading.memoryWorkingSetBytes ?? .nan)
        if let first = points.first, let last = points.last, time <= last.time {
            guard time < first.time else { return }
            points = []
        }
        let isRestart = reading.startTime != startTime && reading.startTime != nil && startTime != nil
        if isRestart || (points.last.map { point.cpuSeconds < $0.cpuSeconds } ?? false) {
            // The counter is another process's: what was counted before says nothing about what is used from here on.
            for index in points.indices { points[index].cpuSeconds = .nan }
        }
        startTime = reading.startTime ?? startTime
        append(point)
        let begin = time.subtractingReportingOverflow(Self.longest).partialValue
        while points.count > 1, points[1].time <= begin { points.removeFirst() }
    }

    private mutating func append(_ point: Point) {
        if points.count >= 2, Self.distance(points[points.count - 2], points[points.count - 1]) < Self.nearest {
            points[points.count - 1] = point
            return
        }
        // An array that grows by itself doubles.
        if points.count == points.capacity { points.reserveCapacity(points.count + 6) }
        points.append(point)
    }

    private static func distance(_ earlier: Point, _ later: Point) -> Int64 {
        let (distance, overflow) = later.time.subtractingReportingOverflow(earlier.time)
        return overflow ? .max : distance
    }

    /// What was used within a window that ends with the newest measurement. The time between two measurements belongs to it when at least
    /// half of that time does, so that measurements once a minute, give or take, make one a minute.
    func spread(over window: UsageWindow) -> (cpu: Spread?, memory: Spread?) {
        guard let newest = points.last else { return (nil, nil) }
        var cpu = RunningSpread()
        var memory = RunningSpread()
        memory.add(newest.memoryBytes)
        for index in points.indices.dropFirst().reversed() {
            let (from, to) = (points[index - 1], points[index])
            let length = Self.distance(from, to)
            let outside = Self.distance(from, newest) - window.milliseconds
            guard outside <= length / 2 else { break }
            let seconds = Double(length) / 1000
            cpu.add((to.cpuSeconds - from.cpuSeconds) / seconds, weight: seconds)
            if index != points.count - 1 { memory.add(to.memoryBytes) }
        }
        return (cpu.spread, memory.spread)
    }
}

private struct RunningSpread {
    private var least = Double.infinity
    private var most = -Double.infinity
    private var sum = 0.0
    private var weight = 0.0

    mutating func add(_ value: Double, weight: Double = 1) {
        guard value.isFinite else { return }
        least = min(least, value)
        most = max(most, value)
        sum += value * weight
        self.weight += weight
    }

    /// The average is never beyond the others, which rounding could bring about.
    var spread: Spread? { weight > 0 ? Spread(least: least, average: min(max(sum / weight, least), most), most: most) : nil }
}
