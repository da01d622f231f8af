import ArgumentParser
import Logging
import Testing

@testable import ProcessRuntime

private struct Root: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "mizzen-test", subcommands: [Sub.self])
    @Option var table = "default"
    @Option var deltas: [String] = []
    @Flag var quick = false
    @Flag(inversion: .prefixedNo) var color = true
    @Option(name: .shortAndLong) var verbosity = 0
    @OptionGroup var logging: LoggingOptions
}

private struct Sub: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "sub", aliases: ["s"])
    @Option var table = "sub default"
    @Argument var name: String?
}

@Suite("Command lines")
struct CommandLineTests {
    private func root(_ words: [String], _ environment: [String: String] = [:]) throws -> Root {
        let invocation = try CommandInvocation.resolve(Root.self, words: words, environment: environment)
        return try #require(try invocation.command.parseAsRoot(invocation.arguments) as? Root)
    }

    @Test("an option that is not on the command line comes from the environment")
    func environment() throws {
        let command = try root(
            ["--quick"],
            ["MIZZEN_TABLE": "-x=y z", "MIZZEN_LOG_LEVEL": "debug", "MIZZEN_DELTAS": "a", "MIZZEN_COLOR": "false"])
        #expect(command.table == "-x=y z")
        #expect(command.logging.logLevel == .debug)
        #expect(command.deltas == ["a"])
        #expect(command.quick && !command.color)
    }

    @Test("the command line wins over the environment", arguments: [["--table", "b"], ["--table=b"]])
    func precedence(words: [String]) throws {
        #expect(try root(words, ["MIZZEN_TABLE": "a"]).table == "b")
        #expect(try root(["--deltas=b", "-v", "3"], ["MIZZEN_DELTAS": "a", "MIZZEN_VERBOSITY": "1"]).deltas == ["b"])
        #expect(try root(["-v", "3"], ["MIZZEN_VERBOSITY": "1"]).verbosity == 3)
        #expect(try root(["--color"], ["MIZZEN_COLOR": "0"]).color)
        #expect(try root(["--quick=false"], ["MIZZEN_QUICK": "1"]).quick == false)
    }

    @Test("an empty variable counts as unset")
    func emptyVariable() throws {
        #expect(try root([], ["MIZZEN_TABLE": "", "MIZZEN_QUICK": ""]).table == "default")
    }

    @Test(
        "a flag takes a value after an equals sign",
        arguments: [("--quick=true", true), ("--quick=1", true), ("--quick=False", false), ("--quick", true)])
    func flagValues(word: String, value: Bool) throws {
        #expect(try root([word]).quick == value)
    }

    @Test("a flag that is on by default is switched off")
    func inverted() throws {
        #expect(try root(["--color=false"]).color == false)
        #expect(try root(["--no-color=false"]).color == true)
    }

    @Test("a flag with any other value is refused, and the message names the place")
    func wrongFlagValues() {
        #expect(throws: ProcessError(code: 64, message: "write true or false, not 'maybe'", place: "--quick")) {
            try root(["--quick=maybe"])
        }
        #expect(
            throws: ProcessError(
                code: 78, message: "write true, false, 1 or 0, not 'yes'", place: "environment variable MIZZEN_QUICK")
        ) { try root([], ["MIZZEN_QUICK": "yes"]) }
    }

    @Test("a subcommand has its own options, wherever they stand, and its own defaults from the environment")
    func subcommand() throws {
        for words in [["sub", "--table", "t", "n"], ["--table", "t", "sub", "n"], ["s", "n", "--table=t"]] {
            let invocation = try CommandInvocation.resolve(Root.self, words: words, environment: [:])
            let sub = try #require(try invocation.command.parseAsRoot(invocation.arguments) as? Sub)
            #expect(sub.table == "t" && sub.name == "n")
        }
        let invocation = try CommandInvocation.resolve(
            Root.self, words: ["sub", "sub"], environment: ["MIZZEN_TABLE": "e", "MIZZEN_DELTAS": "x"])
        let sub = try #require(try invocation.command.parseAsRoot(invocation.arguments) as? Sub)
        #expect(sub.table == "e" && sub.name == "sub")
    }

    @Test("an option's value is never taken for a subcommand, a flag or a question")
    func values() throws {
        #expect(try root(["--table", "sub"]).table == "sub")
        #expect(
            try CommandInvocation.resolve(Root.self, words: ["--table", "--version"], environment: [:]).request == .run)
        #expect(
            try CommandInvocation.resolve(Root.self, words: ["sub", "--", "--help"], environment: [:]).request == .run)
    }

    @Test("help and version are known on every command")
    func questions() throws {
        for words in [["--help"], ["sub", "--help"], ["-h"], ["help"], ["help", "sub"]] {
            #expect(try CommandInvocation.resolve(Root.self, words: words, environment: [:]).request == .help)
        }
        for words in [["--version"], ["sub", "--version"]] {
            #expect(try CommandInvocation.resolve(Root.self, words: words, environment: [:]).request == .version)
        }
    }

    @Test("an unknown option is a usage error")
    func unknownOption() async {
        #expect(await ProcessMain.status(Root.self, words: ["--nonsense"], environment: [:]) == 64)
        #expect(await ProcessMain.status(Root.self, words: ["--verbosity", "x"], environment: [:]) == 64)
    }

    @Test("an error is one line")
    func oneLine() {
        let error = ProcessError(code: 78, message: "first\nsecond", place: "a:1", cause: "why\r\nso")
        #expect(error.description == "a:1: first second (why so)")
    }
}
