import Collector
import ProcessRuntime

@main
enum Main {
    static func main() async {
        await ProcessMain.run(CollectorCommand.self, rewriting: CollectorCommand.words)
    }
}
