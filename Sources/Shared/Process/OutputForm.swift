public import ArgumentParser

/// In what form a command answers: for people, or for programs.
public enum OutputForm: String, CaseIterable, ExpressibleByArgument, Sendable {
    case text
    case json
}
