package import ArgumentParser
import FoundationEssentials
import Synchronization

/// What a command line is about to run: the command and the arguments it is to parse.
struct CommandInvocation {
    var command: any ParsableCommand.Type
    var arguments: [String]
    var request: Request

    enum Request: Equatable {
        case run, help, version
    }
}

/// The named options of one command, learnt from swift-argument-parser's own description of it, so that no command has
/// to repeat its options for the environment.
package struct OptionDescription: Decodable, Hashable, Sendable {
    package enum Kind: String, Decodable, Sendable {
        case positional, option, flag
    }
    package struct Name: Decodable, Hashable, Sendable {
        var kind: String
        var name: String
        /// As typed: `--table`, `-t`.
        package var spelling: String { (kind == "long" ? "--" : "-") + name }
    }

    package var kind: Kind
    package var names: [Name]?

    var longName: String? { names?.first { $0.kind == "long" }?.name }

    /// `--kubelet-port` is read from `MIZZEN_KUBELET_PORT`.
    static func environmentVariable(forLongName name: String) -> String {
        "MIZZEN_" + name.uppercased().map { $0 == "-" || $0 == "." ? "_" : String($0) }.joined()
    }

    /// Made once for each command: the library takes tens of milliseconds, and a start asks more than once.
    private static let known = Mutex<[ObjectIdentifier: [OptionDescription]]>([:])

    package static func options(of command: any ParsableCommand.Type) -> [OptionDescription] {
        known.withLock { known in
            let key = ObjectIdentifier(command)
            if let options = known[key] { return options }
            let options = (command as? any OptionLister.Type).map { listed($0.optionList) } ?? described(command)
            known[key] = options
            return options
        }
    }

    private static func listed(_ text: String) -> [OptionDescription] {
        text.split(whereSeparator: \.isWhitespace).map { word in
            let names = (word.last == "=" ? word.dropLast() : word).split(separator: "|").map { name in
                name.hasPrefix("--")
                    ? Name(kind: "long", name: String(name.dropFirst(2))) : Name(kind: "short", name: String(name.dropFirst()))
            }
            return OptionDescription(kind: word.last == "=" ? .option : .flag, names: names)
        }
    }

    /// As the library describes them.
    package static func described(_ command: any ParsableCommand.Type) -> [OptionDescription] {
        struct Tool: Decodable { var command: Command }
        struct Command: Decodable { var arguments: [OptionDescription]? }
        // The description is made by the library in this process; it decodes, or there are no defaults to learn.
        let tool = try? JSONDecoder().decode(Tool.self, from: Data(command._dumpHelp().utf8))
        return tool?.command.arguments ?? []
    }
}

/// A command that has its options written down: asking the library costs a start some ten milliseconds of processor time. A test must hold the
/// list to what the library says.
package protocol OptionLister: ParsableCommand {
    /// Separated by blanks, in the order of the help: `--flag`, `--option=`, and with several names `--option|-o=`.
    static var optionList: String { get }
}

extension CommandInvocation {
    /// Finds the subcommand that `words` name and completes its arguments from the environment.
    ///
    /// Subcommands are parsed on their own, not through their parents: an option that both have belongs to the one that
    /// runs. Options may stand before a subcommand's name.
    ///
    /// - Throws: code 64 for a flag with a value that is neither true nor false, 78 for such a variable.
    static func resolve(
        _ root: any ParsableCommand.Type, words: [String], environment: [String: String]
    ) throws(ProcessError) -> CommandInvocation {
        var scan = ArgumentScan(command: root)
        for (index, word) in words.enumerated() {
            try scan.take(word, isFirst: index == 0)
        }
        if scan.request == .run { try scan.applyEnvironment(environment) }
        return CommandInvocation(
            command: scan.command, arguments: scan.defaults + scan.arguments, request: scan.request)
    }
}

/// One pass over the words of a command line.
private struct ArgumentScan {
    private(set) var command: any ParsableCommand.Type
    private(set) var arguments: [String] = []
    private(set) var defaults: [String] = []
    private(set) var request = CommandInvocation.Request.run
    private var options: [OptionDescription]
    private var mentioned: Set<String> = []
    private var descends = true
    private var nextIsValue = false
    private var literal = false

    init(command: any ParsableCommand.Type) {
        self.command = command
        self.options = OptionDescription.options(of: command)
    }

    mutating func take(_ word: String, isFirst: Bool) throws(ProcessError) {
        if nextIsValue || literal {
            nextIsValue = false
            arguments.append(word)
        } else if word == "--" {
            literal = true
            arguments.append(word)
        } else if word.hasPrefix("-"), word != "-" {
            try takeOption(word)
        } else {
            takeWord(word, isFirst: isFirst)
        }
    }

    private mutating func takeWord(_ word: String, isFirst: Bool) {
        guard descends else {
            arguments.append(word)
            return
        }
        let subcommands = command.configuration.subcommands
        if let next = subcommands.first(where: {
            $0._commandName == word || $0.configuration.aliases.contains(word)
        }) {
            command = next
            options = OptionDescription.options(of: next)
        } else if isFirst, word == "help", !subcommands.isEmpty {
            request = .help
        } else {
            descends = false
            arguments.append(word)
        }
    }

    private mutating func takeOption(_ word: String) throws(ProcessError) {
        switch word {
        case "--help", "-h", "-help": request = request == .run ? .help : request
        case "--version": request = request == .run ? .version : request
        default: break
        }
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let spelling = String(parts[0])
        guard let option = options.first(where: { $0.names?.contains { $0.spelling == spelling } == true }) else {
            arguments.append(word)
            return
        }
        for name in option.names ?? [] { mentioned.insert(name.name) }
        switch (option.kind, parts.count) {
        case (.flag, 2):
            guard let value = Self.truth(parts[1]) else {
                throw ProcessError(
                    code: ExitStatus.usage, message: "write true or false, not '\(parts[1])'", place: spelling)
            }
            if let word = flagWord(named: String(spelling.drop { $0 == "-" }), spelling: spelling, value: value) {
                arguments.append(word)
            }
        case (.option, 1):
            nextIsValue = true
            arguments.append(word)
        default:
            arguments.append(word)
        }
    }

    /// The word that sets a flag to `value`: none if it is off anyway and has no `--no-` spelling.
    private func flagWord(named name: String, spelling: String, value: Bool) -> String? {
        if value { return spelling }
        let inverse = "no-" + name
        return options.contains { $0.names?.contains { $0.name == inverse } == true } ? "--" + inverse : nil
    }

    mutating func applyEnvironment(_ environment: [String: String]) throws(ProcessError) {
        for option in options {
            guard let name = option.longName, name != "help", name != "version" else { continue }
            let variable = OptionDescription.environmentVariable(forLongName: name)
            // Supervisors and container files pass unset variables on as empty ones.
            guard let value = environment[variable], !value.isEmpty else { continue }
            guard !mentioned.contains(name), !mentioned.contains("no-" + name) else { continue }
            switch option.kind {
            case .option:
                defaults.append("--\(name)=\(value)")
            case .flag:
                guard let truth = Self.truth(value[...]) else {
                    throw ProcessError(
                        code: ExitStatus.configuration, message: "write true, false, 1 or 0, not '\(value)'",
                        place: "environment variable \(variable)")
                }
                if let word = flagWord(named: name, spelling: "--" + name, value: truth) { defaults.append(word) }
            case .positional:
                continue
            }
        }
    }

    private static func truth(_ text: Substring) -> Bool? {
        switch text.lowercased() {
        case "true", "t", "1": true
        case "false", "f", "0": false
        default: nil
        }
    }
}
