import Exporter
import ProcessRuntime

@main
enum Main {
    static func main() async {
        await ProcessMain.run(ExporterCommand.self, rewriting: ExporterCommand.words)
    }
}
