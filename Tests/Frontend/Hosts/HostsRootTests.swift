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
}
