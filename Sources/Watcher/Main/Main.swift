import ProcessRuntime
import Watcher

@main
enum Main {
    static func main() async { await ProcessMain.run(WatcherCommand.self) }
}
