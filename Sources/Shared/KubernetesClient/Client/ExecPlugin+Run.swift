import Foundation

extension ExecPlugin {
    /// Runs the program once and reads its credential. Its standard error goes to ours, where people look for it.
    func run() async throws(CredentialError) -> ExecCredential {
        let program = try locate()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        var variables = ProcessInfo.processInfo.environment
        for (name, value) in environment { variables[name] = value }
        variables["KUBERNETES_EXEC_INFO"] = execInfo
        process.environment = variables
        process.standardInput = FileHandle.nullDevice
        let output = Pipe()
        process.standardOutput = output

        let (exits, exited) = AsyncStream.makeStream(of: Int32.self)
        process.terminationHandler = { ended in
            exited.yield(ended.terminationReason == .exit ? ended.terminationStatus : -1)
            exited.finish()
        }
        do {
            try process.run()
        } catch {
            throw place.error("cannot run \(program): \(error)")
        }
        // Reading blocks until the program closes its output, so it gets a thread of its own.
        let reading = Task.detached { () -> [UInt8] in
            await withCheckedContinuation { continuation in
                Thread.detachNewThread {
                    continuation.resume(returning: [UInt8](output.fileHandleForReading.readDataToEndOfFile()))
                }
            }
        }
        guard let status = await firstExit(exits, of: process) else {
            throw place.error("ran \(program), which did not end within \(timeout.components.seconds) s")
        }
        guard status == 0 else {
            let how = status < 0 ? "was ended by a signal" : "ended with exit code \(status)"
            throw place.error("ran \(program), which \(how); its messages are on standard error")
        }
        return try decode(await reading.value)
    }

    private enum Ending: Sendable {
        case exited(Int32)
        case overdue
        case cancelled
    }

    /// The exit code, or nil when the program had to be ended: it took too long, or nobody waits for it any more.
    private func firstExit(_ exits: AsyncStream<Int32>, of process: Process) async -> Int32? {
        let limit = timeout
        let ending = await withTaskGroup(of: Ending.self) { group in
            group.addTask {
                for await code in exits { return .exited(code) }
                return .cancelled
            }
            group.addTask {
                do { try await Task.sleep(for: limit) } catch { return .cancelled }
                return .overdue
            }
            let first = await group.next() ?? .cancelled
            group.cancelAll()
            return first
        }
        switch ending {
        case .exited(let code): return code
        case .overdue, .cancelled:
            kill(process.processIdentifier, SIGKILL)
            return nil
        }
    }

    /// The program's path: as it stands, or the first of PATH that can be run.
    private func locate() throws(CredentialError) -> String {
        let hint = installHint.map { "; \($0)" } ?? ""
        if command.contains("/") {
            guard FileManager.default.isExecutableFile(atPath: command) else {
                throw place.error("names \(command), which is not a program that can be run\(hint)")
            }
            return command
        }
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":")
        for folder in folders where FileManager.default.isExecutableFile(atPath: "\(folder)/\(command)") {
            return "\(folder)/\(command)"
        }
        throw place.error("names \(command), which is not in PATH; install it or give its path\(hint)")
    }
}
