/// `root`: the folder of files that other directives name without a leading slash.
struct RootSettings: DirectiveSettings {
    var path = ""

    static let row = DirectiveRow<RootSettings>(
        name: "root",
        summary: "Files that other directives name are looked for here, unless their names begin with a slash.",
        arguments: .custom("FOLDER", "The folder.") { settings, line throws(CorefileError) in
            try line.expectWords(1...1)
            settings.path = line.words[0].text
        })
}

extension String {
    /// A file's path: this one if it begins with a slash, else below `root`; empty is the working directory.
    func below(root: String) -> String { hasPrefix("/") || root.isEmpty ? self : "\(root)/\(self)" }
}
