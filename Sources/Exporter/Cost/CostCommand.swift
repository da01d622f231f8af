import ArgumentParser
import Foundation
import MizzenSystem
import ProcessRuntime

/// `mizzen-exporter cost`: what the families of an exposition cost, and what leaving them out would save.
struct CostCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cost",
        abstract: "Tells which families make an exposition large: series, bytes, and the labels that make them.",
        discussion: "curl -s http://127.0.0.1:8080/metrics | mizzen-exporter cost")

    @Argument(help: ArgumentHelp("A file with a scrape's text; without it the text comes from standard input.", valueName: "file"))
    var file: String?

    @Option(help: ArgumentHelp("How many families are listed, the dearest first.", valueName: "number"), transform: OptionValue.count)
    var top = 20

    func run() async throws {
        let text: [UInt8]
        if let file {
            do throws(SystemError) {
                text = try FileContents.read(file)
            } catch {
                throw ProcessError(
                    code: ExitStatus.usage, message: "cannot be read: \(error)", place: file)
            }
        } else {
            text = Array(FileHandle.standardInput.readDataToEndOfFile())
        }
        print(CostTable.text(ExpositionCost(text), top: top), terminator: "")
    }
}

/// A cost as a table.
enum CostTable {
    /// - Parameter top: how many families.
    static func text(_ cost: ExpositionCost, top: Int) -> String {
        guard cost.series > 0 else {
            return "There are no samples in it\(cost.unread > 0 ? ", and \(cost.unread) lines are no samples" : "").\n"
        }
        let shown = cost.families.prefix(top)
        let width = max(6, shown.map(\.name.utf8.count).max() ?? 0)
        var lines = ["\(cost.series) series, \(size(cost.bytes)), in \(cost.families.count) families"]
        if cost.unread > 0 { lines.append("\(cost.unread) lines are no samples") }
        lines += [
            "",
            "\(right("series", 9)) \(right("share", 6)) \(right("size", 9))  \(left("family", width))  labels and how many values they have",
        ]
        for family in shown {
            let labels = family.labels.map { "\($0.name) \($0.values)" }.joined(separator: ", ")
            lines.append(
                "\(right("\(family.series)", 9)) \(right(share(family.series, of: cost.series), 6)) \(right(size(family.bytes), 9))  "
                    + "\(left(family.name, width))  \(labels)")
        }
        lines += ["", "What --metric-denylist would save:"]
        var (series, bytes, names) = (0, 0, [String]())
        for family in shown {
            series += family.series
            bytes += family.bytes
            names.append(family.name)
            guard [1, 3, 10].contains(names.count) || names.count == shown.count else { continue }
            lines.append(
                "\(right("\(series)", 9)) \(right(share(series, of: cost.series), 6)) \(right(size(bytes), 9))  "
                    + "--metric-denylist=\(names.map { "^\($0)$" }.joined(separator: ","))")
        }
        let limits = shown.prefix(3).map { "\($0.name)=\(limit(for: $0.series))" }.joined(separator: ",")
        lines += ["", "What keeps the dearest from growing by more than a half: --series-limit=\(limits)"]
        return lines.joined(separator: "\n") + "\n"
    }

    /// Half as many again, rounded up to two digits.
    private static func limit(for series: Int) -> Int {
        var (limit, unit) = ((series * 3 + 1) / 2, 1)
        while limit > 99 { (limit, unit) = ((limit + 9) / 10, unit * 10) }
        return limit * unit
    }

    private static func share(_ part: Int, of whole: Int) -> String { "\((part * 1000 / whole + 5) / 10) %" }

    private static func size(_ bytes: Int) -> String {
        switch bytes {
        case ..<1000: "\(bytes) B"
        case ..<1_000_000: "\(bytes / 1000) kB"
        default: "\(bytes / 1_000_000).\(bytes / 100_000 % 10) MB"
        }
    }

    private static func right(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }

    private static func left(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(0, width - text.count)) }
}
