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
    package init(
        _ name: String, _ arguments: [String], in folder: TemporaryFolder, environment: [String: String] = [:]
    ) throws {
        self.name = name
        outputPath = folder.path("\(name.split(separator: "/").last ?? "")-\(UUID().uuidString.prefix(8)).log")
        guard FileManager.default.createFile(atPath: outputPath, contents: nil) else {
            throw DidNotHappen(description: "no file for output could be made at \(outputPath)")
        }
        let output = try FileHandle(forWritingTo: URL(filePath: outputPath))
        process.executableURL = name.hasPrefix("/") ? URL(filePath: name) : Self.folder.appending(path: name)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
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

package struct DidNotHappen: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) { self.description = description }
}

/// Looks until `condition` holds: for what another process does in its own time.
///
/// - Throws: `DidNotHappen` with `what` after `limit`; what `condition` throws counts as not yet.
package func eventually(
    _ what: String, within limit: Duration = .seconds(30), _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    var last: (any Error)?
    while ContinuousClock.now < end {
        do {
            if try await condition() { return }
            last = nil
        } catch {
            last = error
        }
        try await Task.sleep(for: .milliseconds(20))
    }
    throw DidNotHappen(description: "not within \(limit): \(what)\(last.map { " (\($0))" } ?? "")")
}
