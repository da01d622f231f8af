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
        // What this run's other tests hold is passed over.
        let script = """
            import socket, time
            held, ports = [], []
            for port in \(Array(portsForTests().prefix(1000))):
                one = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                try:
                    one.bind('\\0mizzen-test-port-%d' % port)
                except OSError:
                    continue
                held.append(one)
                ports.append(port)
                if len(held) == 50:
                    break
            print('held', *ports, 'all', flush=True)
            time.sleep(600)
            """
        let other = try RunningProcess("/usr/bin/env", ["python3", "-c", script], in: folder)
        try await eventually("it holds them") { other.output.contains("all") }
        let held = other.output.split(separator: " ").compactMap { UInt16($0) }
        try #require(held.count == 50)
        #expect(!held.contains(freePort(among: held + Array(portsForTests()))))
        try await other.kill()
        #expect(held.contains(freePort(among: held + Array(portsForTests()))))
    }

    @Test("no port is given that the kernel gives away by itself")
    func kernelRange() throws {
        let kernel = try #require(kernelPorts)
        #expect(!portsForTests().contains { kernel.contains($0) })
        #expect(portsForTests().contains { _ in true })
    }
}
