import Foundation
import TestSupport
import Testing

@Suite("Ports for tests")
struct FreePortProcessTests {
    @Test("a port that was given is not given again, though nobody has bound it yet")
    func givenOnce() {
        let first = freePort()
        let second = freePort(among: [first, first] + Array(portsForTests()))
        #expect(second != first)
        #expect(![first, second].contains(freePort(among: [second, first] + Array(portsForTests()))))
    }

    @Test("a port that another test run was given is not given here, until that has ended")
    func otherRuns() async throws {
        let folder = try TemporaryFolder()
        let free = Array(portsForTests().prefix(50))
        let script = """
            import socket, time
            held = [socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(50)]
            for one, port in zip(held, \(free)): one.bind('\\0mizzen-test-port-%d' % port)
            print('held', flush=True)
            time.sleep(600)
            """
        let other = try RunningProcess("/usr/bin/env", ["python3", "-c", script], in: folder)
        try await eventually("it holds them") { other.output.contains("held") }
        #expect(!free.contains(freePort(among: free + Array(portsForTests()))))
        try await other.kill()
        #expect(free.contains(freePort(among: free + Array(portsForTests()))))
    }

    @Test("no port is given that the kernel gives away by itself")
    func kernelRange() throws {
        let kernel = try #require(kernelPorts)
        #expect(!portsForTests().contains { kernel.contains($0) })
        #expect(portsForTests().contains { _ in true })
    }
}
