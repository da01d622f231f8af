import Names
import Testing

@Suite("IP networks")
struct IPNetworkTests {
    @Test(
        "text is read, and bits behind the prefix do not count",
        arguments: [
            ("10.0.0.0/8", "10.0.0.0/8"), ("10.1.2.3/8", "10.0.0.0/8"), ("0.0.0.0/0", "0.0.0.0/0"), ("192.0.2.7/32", "192.0.2.7/32"),
            ("192.0.2.7", "192.0.2.7/32"), ("2001:db8::1", "2001:db8::1/128"), ("2001:db8:ffff::/32", "2001:db8::/32"), ("::/0", "::/0"),
            ("2001:db8::ff00:1/121", "2001:db8::ff00:0/121"), ("10.0.0.0/08", "10.0.0.0/8"),
        ])
    func reading(text: String, network: String) {
        #expect(IPNetwork(text)?.description == network)
    }

    @Test(
        "anything else is refused",
        arguments: [
            "", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0/8", "2001:db8::/129", "10.0.0.0/8/8", "10.0.0.0/ 8",
        ])
    func refused(text: String) {
        #expect(IPNetwork(text) == nil)
    }

    @Test(
        "a network holds its addresses and no others",
        arguments: [
            ("10.0.0.0/8", "10.0.0.0", true), ("10.0.0.0/8", "10.255.255.255", true), ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "9.255.255.255", false), ("0.0.0.0/0", "255.1.2.3", true), ("0.0.0.0/0", "::1", false),
            ("192.0.2.7/32", "192.0.2.7", true), ("192.0.2.7/32", "192.0.2.6", false), ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::", false), ("2001:db8::/64", "2001:db8::ffff:ffff:ffff:ffff", true),
            ("2001:db8::/64", "2001:db8:0:1::", false), ("2001:db8::/96", "2001:db8::1:0:0", false), ("::/0", "ffff::", true),
            ("::/0", "1.2.3.4", false), ("2001:db8::1/128", "2001:db8::1", true), ("2001:db8::1/128", "2001:db8::2", false),
        ])
    func containing(network: String, address: String, isInside: Bool) throws {
        let network = try #require(IPNetwork(network))
        #expect(network.contains(try #require(IPAddress(address))) == isInside)
    }
}
