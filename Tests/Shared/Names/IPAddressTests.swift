import Names
import Testing

@Suite("IP addresses")
struct IPAddressTests {
    @Test(
        "text in canonical form reads and writes back as itself",
        arguments: [
            "0.0.0.0", "10.96.0.10", "255.255.255.255", "::", "::1", "1::", "2001:db8::1", "fd00:10:96::a",
            "2001:db8:0:1:1:1:1:1", "2001:0:0:1::1", "1:2:3:4:5:6:7:8", "::ffff:192.0.2.1", "fe80::1:0:0:1",
            "0:1:2:3:4:5:6:7", "1:2:3:4:5:6:7:0",
        ])
    func canonical(text: String) throws {
        #expect(try #require(IPAddress(text)).description == text)
    }

    @Test(
        "other spellings mean the same address",
        arguments: [
            ("2001:DB8::0001", "2001:db8::1"), ("0:0:0:0:0:0:0:0", "::"), ("1:0:0:2:0:0:0:3", "1:0:0:2::3"),
            ("1:0:0:2:3:0:0:4", "1::2:3:0:0:4"), ("64:ff9b::192.0.2.1", "64:ff9b::c000:201"),
            ("::ffff:c000:201", "::ffff:192.0.2.1"), ("1:2:3:4:5:6::8", "1:2:3:4:5:6:0:8"),
            ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
        ])
    func spellings(text: String, canonical: String) {
        #expect(IPAddress(text)?.description == canonical)
    }

    @Test(
        "anything that is not an address is refused",
        arguments: [
            "", ".", ":", ":::", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.04", "1..2.3", "1.2.3.",
            "1.2.3.4 ",
            " 1.2.3.4", "+1.2.3.4", "1.2.3.4/8", "a.b.c.d", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::",
            "g::", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3", "1.2.3.4::", "fe80::1%eth0", "[::1]", ":1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:", "1:2:3:4::5:6:7:8", "１.2.3.4",
        ])
    func refused(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test("every octet value survives text and bytes")
    func octets() {
        for octet in UInt32(0)...255 {
            for shift in [UInt32(0), 8, 16, 24] {
                let address = IPAddress.v4(octet << shift)
                #expect(IPAddress(address.description) == address)
                #expect(IPAddress(bytes: address.bytes) == address)
            }
        }
    }

    @Test("every pattern of zero and non-zero groups survives text and bytes")
    func zeroPatterns() {
        for pattern in UInt64(0)...255 {
            var halves = [UInt64(0), 0]
            for group in 0..<8 where pattern >> UInt64(group) & 1 == 1 {
                halves[group / 4] |= UInt64(0xA0 + group) << (48 - 16 * UInt64(group & 3))
            }
            let address = IPAddress.v6(high: halves[0], low: halves[1])
            #expect(IPAddress(address.description) == address)
            #expect(IPAddress(bytes: address.bytes) == address)
        }
    }

    @Test("bytes are in network order, and only 4 or 16 of them are an address")
    func bytes() {
        #expect(IPAddress("10.0.0.1")?.bytes == [10, 0, 0, 1])
        #expect(IPAddress("::1")?.bytes == [UInt8](repeating: 0, count: 15) + [1])
        for count in 0...20 where count != 4 && count != 16 {
            #expect(IPAddress(bytes: [UInt8](repeating: 1, count: count)) == nil)
        }
    }

    @Test("addresses sort by family, then by number")
    func order() {
        let sorted = ["9.0.0.0", "10.0.0.1", "200.0.0.0", "::", "::1", "1::", "fd00::"].compactMap { IPAddress($0) }
        #expect(sorted.reversed().sorted() == sorted)
    }
}
