import Testing

@testable import Frontend

@Suite("Domain names")
struct DNSNameTests {
    static func read(_ octets: [UInt8], at offset: Int = 0) throws(WireError) -> (name: DNSName, end: Int) {
        var name = DNSName()
        let end = try name.read(octets.span, at: offset)
        return (name, end)
    }

    @Test("a name is read label by label, letters kept")
    func plain() throws {
        let (name, end) = try Self.read(
            octets(
                """
                03 57 65 62      ; Web
                03 73 76 63      ; svc
                00               ; root
                FF               ; not part of it
                """))
        #expect(name.description == "Web.svc.")
        #expect(name.labelCount == 2)
        #expect(name.length == 9)
        #expect(end == 9)
    }

    @Test("a pointer leads backwards, and the name ends behind the first one")
    func pointers() throws {
        let message = octets(
            """
            05 6C 6F 63 61 6C 00   ; 0: local
            01 61 C0 00            ; 7: a, then 0
            01 62 C0 07            ; 11: b, then 7
            """)
        let (name, end) = try Self.read(message, at: 11)
        #expect(name.description == "b.a.local.")
        #expect(end == 15)
    }

    @Test(
        "what breaks a rule is refused where it breaks it",
        arguments: [
            ("01 61", WireError.truncated(at: 2)),  // no root
            ("05 61 62", .truncated(at: 3)),  // label runs out
            ("", .truncated(at: 0)),
            ("C0", .truncated(at: 1)),  // half a pointer
            ("C0 00", .forwardPointer(at: 0)),  // to itself
            ("01 61 C0 02", .forwardPointer(at: 2)),  // to the pointer itself
            ("C0 05 00 00 00 00", .forwardPointer(at: 0)),  // ahead
            ("40 61 00", .reservedLabelType(at: 0)),
            ("01 61 80 00", .reservedLabelType(at: 2)),
        ])
    func refused(hex: String, error: WireError) {
        #expect(throws: error) { try Self.read(octets(hex)) }
    }

    @Test("a label has at most 63 octets, a name at most 255")
    func lengths() throws {
        let label = [UInt8(63)] + [UInt8](repeating: 0x61, count: 63)
        let longest = label + label + label + [61] + [UInt8](repeating: 0x62, count: 61) + [0]
        #expect(longest.count == 255)
        #expect(try Self.read(longest).name.length == 255)
        let over = label + label + label + [62] + [UInt8](repeating: 0x62, count: 62) + [0]
        #expect(throws: WireError.nameTooLong(at: 192)) { try Self.read(over) }
        #expect(throws: WireError.labelTooLong(at: 0)) { try DNSName(String(repeating: "a", count: 64)) }
    }

    @Test("a chain of pointers is followed for a while and then refused")
    func pointerChain() throws {
        // Two octets of root and padding, then pointers, each to the one before.
        var message: [UInt8] = [0, 0]
        for index in 0..<20 { message += [0xC0, index == 0 ? 0 : UInt8(2 * index)] }
        #expect(try Self.read(message, at: 2 + 2 * 15).name.labelCount == 0)
        #expect(throws: WireError.tooManyPointers(at: 2)) { try Self.read(message, at: 2 + 2 * 16) }
    }

    @Test(
        "presentation text is read with its escapes and written the same way",
        arguments: [
            ("web.shop.svc.cluster.local.", "web.shop.svc.cluster.local."), ("a\\.b.c", "a\\.b.c."), (".", "."), ("", "."),
            ("\\000\\255.x", "\\000\\255.x."), ("_http._tcp.web", "_http._tcp.web."),
        ])
    func text(text: String, written: String) throws {
        #expect(try DNSName(text).description == written)
        #expect(try DNSName(written) == DNSName(text))
    }

    @Test(
        "broken presentation text is refused",
        arguments: [
            ("a..b", WireError.emptyLabel(at: 2)), (".a", .emptyLabel(at: 0)), ("a\\", .badEscape(at: 1)),
            ("a\\25", .badEscape(at: 1)), ("a\\256", .badEscape(at: 1)),
        ])
    func brokenText(text: String, error: WireError) {
        #expect(throws: error) { try DNSName(text) }
    }

    @Test("a name is in a zone only from a label's beginning on")
    func suffixes() throws {
        let name = try DNSName("web.cluster.local")
        #expect(name.hasSuffix(try DNSName("cluster.local")))
        #expect(name.hasSuffix(try DNSName(".")))
        #expect(name.hasSuffix(name))
        #expect(!name.hasSuffix(try DNSName("ster.local")))
        #expect(!name.hasSuffix(try DNSName("a.web.cluster.local")))
        // The octets agree, the labels do not: "\003com" inside a label.
        #expect(!(try DNSName("x\\003com").hasSuffix(try DNSName("com"))))
    }

    @Test("appending refuses what would make the name too long and leaves it as it was")
    func appending() throws {
        var name = try DNSName(String(repeating: "abcdefg.", count: 31))
        let before = name
        #expect(name.length == 249)
        #expect(!name.append(try DNSName("abcdef")))
        #expect(name == before)
        #expect(name.append(try DNSName("abcde")))
        #expect(name.length == 255)
        #expect(name.labelCount == 32)
    }
}
