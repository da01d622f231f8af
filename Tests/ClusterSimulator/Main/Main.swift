import ClusterSimulator
import ProcessRuntime

@main
enum Main {
    static func main() async { await ProcessMain.run(SimulatorCommand.self) }
}
