package import Foundation

/// One of our own executables, started by a test; killed when the value goes, unless it has ended before.
package final class RunningProcess: @unchecked Sendable {
    // Sendable: `process` is set up in `init` and afterwards only asked and signalled, which Foundation allows from any thread.
    private let process = Process()
    package let name: String
    private let outputPath: String

    /// - Parameters:
    ///   - name: the product, `mizzen-watcher`; it lies beside the tests' own executable. Or the path of any program.
    ///   - folder: where its output goes.
    ///   - descriptors: how many files it may have open at most; nil for as many as this process.
    package init(
        _ name: String, _ arguments: [String], in folder: TemporaryFolder, environment: [String: String] = [:], descriptors: Int? = nil
    ) throws {
        self.name = name
        outputPath = folder.path("\(name.split(separator: "/").last ?? "")-\(UUID().uuidString.prefix(8)).log")
        guard FileManager.default.createFile(atPath: outputPath, contents: nil) else {
            throw DidNotHappen(description: "no file for output could be made at \(outputPath)")
        }
        let output = try FileHandle(forWritingTo: URL(filePath: outputPath))
        let program = name.hasPrefix("/") ? URL(filePath: name) : Self.folder.appending(path: name)
        if let descriptors {
            process.executableURL = URL(filePath: "/bin/sh")
            process.arguments = ["-c", "ulimit -n \(descriptors) && exec \"$0\" \"$@\"", program.path] + arguments
        } else {
            process.executableURL = program
            process.arguments = arguments
        }
        // Frontends of one test answer for one another, and for those of no other test.
        process.environment = ProcessInfo.processInfo.environment.merging(["MIZZEN_COUNTERS": folder.path("counters")]) { $1 }
            .merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
    }

    deinit {
        if process.isRunning { signal(9) }
    }

    /// Where SwiftPM puts products.
    package static var folder: URL {
        URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    }

    package var identifier: Int32 { process.processIdentifier }
    package var isRunning: Bool { process.isRunning }

    /// Everything that it has written to standard output and standard error.
    package var output: String { (try? String(contentsOfFile: outputPath, encoding: .utf8)) ?? "" }

    /// Fields of /proc/PID/stat (proc_pid_stat(5)) from the third on, its state; empty once it has ended.
    private var status: [Substring] {
        let text = (try? String(contentsOfFile: "/proc/\(identifier)/stat", encoding: .utf8)) ?? ""
        return text.split(separator: ")").last?.split(separator: " ") ?? []
    }

    /// How long it has used processors, in hundredths of a second.
    package var processorTicks: Int { status.dropFirst(11).prefix(2).reduce(0) { $0 + (Int($1) ?? 0) } }

    /// What it holds of memory that is in RAM; 0 once it has ended.
    package var residentBytes: Int {
        let fields = ((try? String(contentsOfFile: "/proc/\(identifier)/statm", encoding: .utf8)) ?? "").split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * Int(getpagesize()) : 0
    }

    /// Sends SIGSTOP and waits until it stands still.
    package func suspend() async throws {
        signal(SIGSTOP)
        try await eventually("\(name) stands still") { self.status.first == "T" }
    }

    /// Sends SIGCONT and waits until it has run again, as far as it used the processor.
    package func resume() async throws {
        let before = processorTicks
        signal(SIGCONT)
        try await eventually("\(name) goes on") { self.processorTicks > before || !self.isRunning }
    }

    package func signal(_ number: Int32) { Foundation.kill(process.processIdentifier, number) }

    /// Sends SIGKILL and waits for the end.
    package func kill() async throws {
        signal(9)
        _ = try await exitCode(within: .seconds(10))
    }

    /// Sends SIGTERM.
    /// - Returns: the exit code.
    package func stop() async throws -> Int32 {
        signal(15)
        return try await exitCode(within: .seconds(20))
    }

    /// Waits for the end.
    package func exitCode(within limit: Duration) async throws -> Int32 {
        try await eventually("\(name) ends", within: limit) { !self.process.isRunning }
        return process.terminationStatus
    }
}
