import Frontend
import ProcessRuntime

@main
struct Main {
    static func main() async {
        await ProcessMain.run(FrontendCommand.self)
    }
}
