@testable import Frontend

/// One answer of a frontend with this block's lines, which serves for as long as that takes.
func frontendAnswer(
    of lines: String, to packet: [UInt8], upstream: TestUpstream? = nil, zone: String = "."
) async throws -> [UInt8] {
    let forward = upstream.map { " forward . \($0.address)\n" } ?? ""
    let frontend = try await RunningFrontend("\(zone):0 {\n bind 127.0.0.1\n\(lines)\n\(forward)}")
    let address = frontend.address
    let octets = try await onThread { try TestClient.ask(packet, address) }
    try await frontend.stop()
    return octets
}
