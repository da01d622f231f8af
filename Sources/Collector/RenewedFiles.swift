import Logging
import MizzenSystem
import ProcessRuntime
import Synchronization

/// What is made of files that may change while the process runs: looked at with each use, and made anew when one of them has changed. What
/// cannot be made is said once, and the former goes on until the files change again. Safe to use from any thread.
final class RenewedFiles<Value: Sendable>: Sendable {
    private struct State: Sendable {
        var value: Value
        var generation: Int
        /// What stood at the files' paths before they were read.
        var seen: [RegularFile.Identity?]
    }

    private let files: [String]
    private let what: String
    private let logger: Logger
    private let make: @Sendable () throws(ProcessError) -> Value
    private let state: Mutex<State>

    /// - Parameter what: for the log, the beginning of a sentence: `the authorities of kubelets`.
    /// - Throws: what `make` throws, the first time.
    init(_ files: [String], what: String, logger: Logger, make: @escaping @Sendable () throws(ProcessError) -> Value) throws(ProcessError) {
        (self.files, self.what, self.logger, self.make) = (files, what, logger, make)
        // Before they are read, so that no change is missed; and behind that those that `make` itself has made.
        let seen = Self.look(files)
        let value = try make()
        state = Mutex(State(value: value, generation: Generations.next(), seen: zip(seen, Self.look(files)).map { $0 ?? $1 }))
    }

    /// The value, and a number that no other one has.
    var current: (value: Value, generation: Int) {
        state.withLock { state in
            let now = Self.look(files)
            if now != state.seen {
                state.seen = now
                let metadata: Logger.Metadata = ["what": "\(what)", "file": "\(files.first ?? "")"]
                do throws(ProcessError) {
                    state.value = try make()
                    state.generation = Generations.next()
                    logger.info("files that have changed are taken", metadata: metadata)
                } catch {
                    logger.warning(
                        "files that have changed cannot be used; what was read before goes on until they change again",
                        metadata: metadata.merging(["error": "\(error)"]) { $1 })
                }
            }
            return (state.value, state.generation)
        }
    }

    private static func look(_ files: [String]) -> [RegularFile.Identity?] { files.map { try? RegularFile.identity($0) } }
}

/// Numbers that tell one thing from the next.
enum Generations {
    private static let last = Atomic(0)
    static func next() -> Int { last.add(1, ordering: .relaxed).newValue }
}
