import ArgumentParser

/// `mizzen-exporter families`: what can be served, without serving it.
struct FamiliesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "families", abstract: "Prints the metric families that can be served, each with what it says.")

    @Flag(help: "Print docs/object-metrics.md: also types and stability, by API groups and resources.")
    var markdown = false

    func run() async throws {
        print(markdown ? FamilyManual.markdown : FamilyManual.plain, terminator: "")
    }
}
