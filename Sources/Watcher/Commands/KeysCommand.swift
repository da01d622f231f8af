import ArgumentParser
import DeltaStream
import ProcessRuntime
import StreamCommandLine

/// `mizzen-watcher keys`: makes the keys of the delta stream.
struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Make the keys with which the stream crosses hosts.",
        discussion: """
            Without --client: a new set for the host of a watcher. With it: the keys of one more client, in a directory of \
            its name. Nothing is overwritten. Give the directory to every process with --stream-keys; they are used for \
            tcp:// endpoints.
            """)

    @Argument(help: ArgumentHelp("The watcher's keys.", valueName: "directory"))
    var directory: String

    @Option(help: ArgumentHelp("A further client: a host, or a subscriber of your own.", valueName: "name"))
    var client: String?

    func run() async throws {
        do throws(DeltaStreamError) {
            if let client {
                let made = try StreamKeys.addClient(client, to: directory)
                say(made)
                StandardStream.output.write(
                    "\(client) may connect from now on. Carry \(directory)/\(client) to its host, and name it there with --stream-keys.\n")
            } else {
                let made = try StreamKeys.make(in: directory)
                say(made)
                StandardStream.output.write(
                    "Start the watcher with --stream-keys \(directory). For each other host: mizzen-watcher keys \(directory) --client NAME\n"
                )
            }
        } catch {
            throw ProcessError(error)
        }
    }

    private func say(_ files: [String]) {
        for file in files { StandardStream.output.write("made \(file)\n") }
    }
}
