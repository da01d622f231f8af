import ArgumentParser
import Collector

@main
struct Command: ParsableCommand {
}
