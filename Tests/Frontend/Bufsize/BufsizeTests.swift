import Testing

@testable import Frontend

@Suite("bufsize")
struct BufsizeTests {
    static let zone =
        "big.test. 300 TXT \"\(String(repeating: "a", count: 250))\"\nbig.test. 300 TXT \"\(String(repeating: "b", count: 250))\"\nbig.test. 300 TXT \"\(String(repeating: "c", count: 250))\"\ntest. 300 SOA ns.test. h.test. 1 2 3 4 5"

    @Test(
        "a larger size than the block's is taken for the block's, a smaller one stays",
        arguments: [(4096 as UInt16, 700), (600, 600), (512, 512)])
    func sizes(asked: UInt16, taken: Int) throws {
        let upstream = try TestUpstream(Self.zone)
        let answer = try frontendAnswer(
            of: " bufsize 700", to: try TestPacket.query("big.test", .txt, advertisedSize: asked), upstream: upstream)
        #expect(try MessageText(answer).flags.contains("TC"))
        #expect(answer.count <= taken)
        upstream.stop()
    }

    @Test("what fits the block's size is whole")
    func whole() throws {
        let upstream = try TestUpstream(Self.zone)
        let answer = try frontendAnswer(
            of: " bufsize", to: try TestPacket.query("big.test", .txt, advertisedSize: 4096), upstream: upstream)
        #expect(try MessageText(answer).answer.count == 3)
        upstream.stop()
    }

    @Test("sizes from 512 to 4096 are taken", arguments: ["bufsize 511", "bufsize 4097", "bufsize x", "bufsize 512 512"])
    func mistakes(line: String) {
        #expect(mistake(of: BufsizeSettings.row, line) != nil)
    }
}
