import Foundation
import Logging

/// `root`: the folder of files that other directives name without a leading slash.
struct RootSettings: DirectiveSettings {
    var path = ""

    /// Whatever is looked for there is not found, which each directive says in its own way.
    static func makeSources(_ statements: [Self], _ setup: BlockSetup) -> [any DirectiveSource] {
        for settings in statements where !FileManager.default.fileExists(atPath: settings.path) {
            setup.logger.warning(
                "the folder of 'root' does not exist",
                metadata: ["path": "\(settings.path)", "place": "\(setup.block.file):\(setup.block.line)"])
        }
        return []
    }

    static let row = DirectiveRow<RootSettings>(
        name: "root",
        summary: "Files that other directives name are looked for here, unless their names begin with a slash.",
        repetition: .last,
        arguments: .custom("FOLDER", "The folder.") { settings, line throws(CorefileError) in
            try line.expectWords(1...1)
            settings.path = line.words[0].text
        })
}

extension String {
    /// A file's path: this one if it begins with a slash, else below `root`; empty is the working directory.
    func below(root: String) -> String { hasPrefix("/") || root.isEmpty ? self : "\(root)/\(self)" }
}
