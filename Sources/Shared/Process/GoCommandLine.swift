package import ArgumentParser

/// Makes of a command line for a program that Go's pflag and klog read, such as kube-state-metrics and metrics-server, one that says the
/// same to our parser.
///
/// An option and its value become one word (`--node n1`, `--node=n1`; also where the value is empty or begins with a hyphen), of a flag that
/// is given several times the last counts (`--x --x=false`), and `-v2`, `-v=2` and `-v 2` are `--v=2`. As with pflag, long names have two
/// hyphens, lists that are given several times add up, and of a single value the last counts. Words that belong to no option of
/// the command stay as they are, for the parser to complain of.
package enum GoCommandLine {
    /// A flag of the other program that says nothing to ours.
    package struct Ignored: Sendable {
        package var name: String
        /// Whether a value can be what it says it is; nil for a flag without a value.
        package var takes: (@Sendable (String) -> Bool)?
        /// For a value that cannot.
        package var expected: String

        package init(_ name: String, takes: (@Sendable (String) -> Bool)? = nil, expected: String = "") {
            (self.name, self.takes, self.expected) = (name, takes, expected)
        }
    }

    /// - Parameters:
    ///   - ignored: are taken away, and handed to `option` as one list, if any was given.
    ///   - option: for example `--without-effect`.
    /// - Throws: 64 for a flag with a value that is no truth value, and for what is ignored and could not have been taken either.
    package static func rewritten(
        _ words: [String], for command: any ParsableCommand.Type, ignoring ignored: [Ignored] = [], option: String = ""
    ) throws(ProcessError) -> [String] {
        guard let first = words.first else { return [] }
        if first == "version" { return ["--version"] }
        guard first.hasPrefix("-") else { return words }
        let kinds = kinds(command)
        let unused = Dictionary(ignored.map { ("--\($0.name)", $0) }) { first, _ in first }
        var written: [String] = []
        var passedOver: [String] = []
        var flags: [(spelling: String, value: Bool)] = []
        var rest = words[...]
        while let word = rest.popFirst() {
            if word == "--" {
                rest = [word] + rest
                break
            }
            let (spelling, value) = parts(word)
            if let flag = unused[spelling] {
                try check(flag, value, &rest)
                if !passedOver.contains(spelling) { passedOver.append(spelling) }
                continue
            }
            switch kinds[spelling] {
            case .option:
                // A missing value is the parser's to complain of.
                guard let value = value ?? rest.popFirst() else {
                    written.append(spelling)
                    break
                }
                // The parser takes `--node=` for an option without a value.
                written += value.isEmpty ? [spelling, value] : ["\(spelling)=\(value)"]
            case .flag:
                flags.removeAll { $0.spelling == spelling }
                flags.append((spelling, try truth(value, of: spelling)))
            case .positional, nil: written.append(word)
            }
        }
        // The frame of all processes takes `=false` away where nothing else is there to switch off.
        if !passedOver.isEmpty { written.append("\(option)=\(passedOver.joined(separator: ","))") }
        return written + flags.map { $0.value ? $0.spelling : "\($0.spelling)=false" } + rest
    }

    private static func check(_ flag: Ignored, _ value: String?, _ rest: inout ArraySlice<String>) throws(ProcessError) {
        guard let takes = flag.takes else {
            _ = try truth(value, of: "--\(flag.name)")
            return
        }
        guard let value = value ?? rest.popFirst() else {
            throw ProcessError(code: ExitStatus.usage, message: "give it a value, \(flag.expected)", place: "--\(flag.name)")
        }
        guard takes(value) else {
            throw ProcessError(code: ExitStatus.usage, message: "'\(value)' is not \(flag.expected)", place: "--\(flag.name)")
        }
    }

    private static func kinds(_ command: any ParsableCommand.Type) -> [String: OptionDescription.Kind] {
        var kinds: [String: OptionDescription.Kind] = [:]
        for option in OptionDescription.options(of: command) {
            for name in option.names ?? [] { kinds[name.spelling] = option.kind }
        }
        // They end the process, and are looked for by themselves.
        for name in ["--help", "-h", "--version"] { kinds[name] = nil }
        return kinds
    }

    private static func parts(_ word: String) -> (spelling: String, value: String?) {
        if word == "-v" { return ("--v", nil) }
        if word.hasPrefix("-v="), word.count > 3 { return ("--v", String(word.dropFirst(3))) }
        if word.hasPrefix("-v"), word.dropFirst(2).allSatisfy(\.isNumber) { return ("--v", String(word.dropFirst(2))) }
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        return (String(parts[0]), parts.count == 2 ? String(parts[1]) : nil)
    }

    /// As Go's `strconv.ParseBool` reads it; a flag alone is true.
    private static func truth(_ text: String?, of spelling: String) throws(ProcessError) -> Bool {
        switch text {
        case nil, "1", "t", "T", "true", "True", "TRUE": return true
        case "0", "f", "F", "false", "False", "FALSE": return false
        case let text?: throw ProcessError(code: ExitStatus.usage, message: "write true or false, not '\(text)'", place: spelling)
        }
    }
}
