import ArgumentParser
import ClusterSimulator

@main
struct Command: ParsableCommand {
}
