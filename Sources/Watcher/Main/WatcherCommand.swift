import ArgumentParser
import Watcher

@main
struct Command: ParsableCommand {
}
