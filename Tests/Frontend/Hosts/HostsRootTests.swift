import TestSupport
import Testing

@testable import Frontend

@Suite("hosts and root")
struct HostsRootTests {
    @Test("a file without a leading slash lies in the folder of root")
    func relative() throws {
        let folder = try TemporaryFolder()
        try folder.write(Array("192.0.2.9 one.test\n".utf8), to: "names")
        let root = folder.path("names").dropLast("/names".count)
        let answer = try frontendAnswer(of: " root \(root)\n hosts names", to: try TestPacket.query("one.test", .a))
        #expect(try MessageText(answer).answer == ["one.test. 3600 IN A 192.0.2.9"])
    }

    @Test("a folder that is not there is said", arguments: [("/nonexistent", 1), ("/", 0)])
    func missing(folder: String, lines: Int) throws {
        let log = RecordedLog()
        let configuration = try FrontendConfiguration.parse(Array(".:53 {\n root \(folder)\n whoami\n}".utf8), file: "Corefile")
        _ = try ServingPlan(configuration, metrics: FrontendMetrics(), logger: log.logger)
        #expect(log.count("the folder of 'root' does not exist path=\(folder) place=Corefile:1") == lines)
    }
}
