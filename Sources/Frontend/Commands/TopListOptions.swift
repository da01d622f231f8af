import ArgumentParser

/// Who asks most, and what.
struct TopListOptions: ParsableArguments {
    @Option(
        help:
            "How many of the clients that ask most metrics tell, by address, namespace and pod, from 1 to \(TopLists.Settings.most). Without it: none."
    )
    var topClients: Int?

    @Option(help: "How many of the names that are asked for most metrics tell, from 1 to \(TopLists.Settings.most). Without it: none.")
    var topNames: Int?

    func validate() throws {
        for (option, number) in [("--top-clients", topClients), ("--top-names", topNames)] {
            guard let number, !(1...TopLists.Settings.most).contains(number) else { continue }
            throw ValidationError("\(option): expected a number from 1 to \(TopLists.Settings.most), found \(number)")
        }
    }

    var settings: TopLists.Settings { .init(clients: topClients, names: topNames) }
}
