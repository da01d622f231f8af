import ArgumentParser
import Exporter

@main
struct Command: ParsableCommand {
}
