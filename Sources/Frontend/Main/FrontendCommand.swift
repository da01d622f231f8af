import ArgumentParser
import Frontend

@main
struct Command: ParsableCommand {
}
