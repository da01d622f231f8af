import Foundation
import MizzenSystem
import Names
import Testing

@testable import Frontend

@Suite("Zone files")
struct ZoneFileTests {
    /// Files by path, each with an inode of its own.
    private static func contents(_ files: [String: String]) -> ZoneFileReader.Contents {
        let paths = files.keys.sorted()
        return { path, limit throws(RegularFile.Fault) in
            guard let text = files[path], let inode = paths.firstIndex(of: path) else {
                throw .failed(SystemError(call: "open", code: 2))
            }
            guard text.utf8.count <= limit else { throw .tooLarge(limit: limit) }
            return (
                Array(text.utf8),
                RegularFile.Identity(device: 1, inode: UInt64(inode), size: Int64(text.utf8.count), modified: 0, changed: 0)
            )
        }
    }

    private func read(_ text: String, _ others: [String: String] = [:]) throws -> Zone {
        var reader = ZoneFileReader(
            origin: try DNSName("z."), contents: Self.contents(others.merging(["/d/zone": text]) { $1 }))
        return try reader.zone("/d/zone")
    }

    /// All records, in canonical order of names, as `ZoneQuestion.line` has them but without data where it is long.
    private func records(_ zone: Zone, _ type: RecordType) -> [String] {
        zone.sets.filter { $0.type == type }.flatMap { set in
            set.records.map { index in
                var owner = DNSName()
                zone.read(nameOf: set.node, into: &owner)
                let data = zone.octets[zone.records[index].data]
                let text = type == .txt ? String(decoding: data.dropFirst(), as: UTF8.self) : data.map(String.init).joined(separator: ".")
                return "\(owner) \(zone.records[index].ttl) \(text)"
            }
        }
    }

    private static let head = "@ 300 SOA ns h 1 2 3 4 5\n"

    @Test("owner, TTL and class may be left out, lines may be joined, and names are relative to the origin")
    func fields() throws {
        let zone = try read(
            """
            ; a comment
            $TTL 1h ; another
            @ IN SOA ns.z. h (
                7 ; serial
                1h 2m 1w 5m )
            a A 192.0.2.1
              A 192.0.2.2
              60 IN A 192.0.2.3
            $ORIGIN b
            \tIN 30 A 192.0.2.4
            @ A 192.0.2.5
            c.d A 192.0.2.6
            $origin z.
            E A 192.0.2.7
            E A 192.0.2.7
            """)
        #expect(
            records(zone, .a) == [
                "a.z. 3600 192.0.2.1", "a.z. 3600 192.0.2.2", "a.z. 60 192.0.2.3", "a.z. 30 192.0.2.4", "b.z. 3600 192.0.2.5",
                "c.d.b.z. 3600 192.0.2.6", "e.z. 3600 192.0.2.7",
            ])
        #expect(zone.serial == 7)
    }

    @Test("without $TTL the last TTL said goes on, with it it does not")
    func timesToLive() throws {
        #expect(
            records(try read(Self.head + "a A 192.0.2.1\nb 5 A 192.0.2.1\nc A 192.0.2.1"), .a).map { $0.split(separator: " ")[1] } == [
                "300", "5", "5",
            ])
        #expect(
            records(try read("$TTL 9\n" + Self.head + "b 5 A 192.0.2.1\nc A 192.0.2.1"), .a).map { $0.split(separator: " ")[1] } == [
                "5", "9",
            ])
    }

    @Test("an included file has an origin and defaults of its own, and ends without a trace")
    func include() throws {
        let zone = try read(
            Self.head + "a A 192.0.2.1\n$INCLUDE sub/x s\n  A 192.0.2.4\n$INCLUDE /e/y\n",
            ["/d/sub/x": "@ A 192.0.2.2\n$ORIGIN q\n$TTL 9\n$INCLUDE w", "/d/sub/w": "b A 192.0.2.3", "/e/y": "y A 192.0.2.5"])
        #expect(
            records(zone, .a) == [
                "a.z. 300 192.0.2.1", "a.z. 300 192.0.2.4", "s.z. 300 192.0.2.2", "b.q.s.z. 9 192.0.2.3", "y.z. 300 192.0.2.5",
            ])
    }

    @Test("$GENERATE makes records of a range, with offset, width and base as BIND has them")
    func generate() throws {
        let zone = try read(
            Self.head + """
                $GENERATE 1-3 a$ A 192.0.2.$
                $GENERATE 8-10/2 h-${1,4,x} 60 IN A 10.0.0.${-8}
                $GENERATE 5-5 n TXT "$ ${0,2,d} ${250,0,X} ${0,5,n} \\$ $$ ${3,3,o}"
                """)
        #expect(
            records(zone, .a) == [
                "a1.z. 300 192.0.2.1", "a2.z. 300 192.0.2.2", "a3.z. 300 192.0.2.3", "h-0009.z. 60 10.0.0.0", "h-000b.z. 60 10.0.0.2",
            ])
        #expect(records(zone, .txt) == ["n.z. 300 5 05 FF 5.0.0 $ $ 010"])
    }

    @Test("a fault refuses the zone with the file's name, the line, and what was expected")
    func faults() {
        let cases: [(String, String)] = [
            ("", "/d/zone: expected a SOA record of z., found none"),
            ("a 5 A 192.0.2.1", "/d/zone: expected a SOA record of z., found none"),
            ("x. 5 A 192.0.2.1", "/d/zone: expected a SOA record of z., found none; its records are of other zones, like x."),
            (Self.head + "@ SOA ns h 2 2 3 4 5", "/d/zone: expected one SOA record, found 2 that differ"),
            ("y.z. 5 SOA a b 1 2 3 4 5", "/d/zone:1: expected the SOA record of z., found that of y.z.: name that zone in the Corefile"),
            ("\n@ SOA ns h 1 2 3 4 5", "/d/zone:2: expected a TTL: neither this record, one before it nor $TTL says any"),
            (Self.head + "a A\n\n", "/d/zone:2: expected an IPv4 address, found the end of the record"),
            (Self.head + "a (\n A\n x )", "/d/zone:4: expected an IPv4 address, found 'x'"),
            (Self.head + "a TXT (\n\n", "/d/zone:2: expected a ')' for this '('"),
            (Self.head + "a CH A 192.0.2.1", "/d/zone:2: expected records of class IN"),
            (Self.head + "a NSEC3PARAM 1 0 0 -", "/d/zone:2: NSEC3 is not supported: sign the zone with NSEC"),
            ("$ORIGIN", "/d/zone:1: expected '$ORIGIN NAME', found 0 words after it"),
            ("$TTL x", "/d/zone:1: expected a TTL, like 300 or 1h30m, found 'x'"),
            ("$BOGUS x", "/d/zone:1: expected $ORIGIN, $TTL, $INCLUDE, $GENERATE or a record, found '$BOGUS'"),
            ("$INCLUDE nope", "/d/zone:1: expected a file to include, cannot read '/d/nope': no such file or directory"),
            ("\n$INCLUDE zone", "/d/zone:2: expected a file that does not include itself, found '/d/zone'"),
            ("$INCLUDE loop", "/d/loop:3: expected a file that does not include itself, found '/d/zone'"),
            ("$INCLUDE bad", "/d/bad:2: expected an IPv6 address, found '192.0.2.1'"),
            ("$INCLUDE 1", "/d/7:1: expected at most 7 includes inside one another and 10000 files in all"),
            ("$GENERATE 1-2", "/d/zone:1: expected '$GENERATE START-STOP[/STEP] OWNER [TTL] [CLASS] TYPE DATA'"),
            (
                "$GENERATE 2-1 a A b c",
                "/d/zone:1: expected a range START-STOP[/STEP] of at most 65536 numbers below 2147483648, found '2-1'"
            ),
            (
                "$GENERATE 0-65536 a A b c",
                "/d/zone:1: expected a range START-STOP[/STEP] of at most 65536 numbers below 2147483648, found '0-65536'"
            ),
            (
                "$GENERATE 1-2/0 a A b c",
                "/d/zone:1: expected a range START-STOP[/STEP] of at most 65536 numbers below 2147483648, found '1-2/0'"
            ),
            (
                "$GENERATE 1-2 a${x} A 192.0.2.1",
                "/d/zone:1: expected each '$' alone, as '\\$', or as ${OFFSET,WIDTH,BASE} with a width of at most 255 and base d, o, x, X, n or N"
            ),
            (Self.head + "\n$GENERATE 254-256 a$ A 192.0.2.$", "/d/zone:3: expected an IPv4 address, found '192.0.2.256'"),
        ]
        var others = ["/d/loop": "\n\n$INCLUDE zone", "/d/bad": "\na 5 AAAA 192.0.2.1"]
        for depth in 1...8 { others["/d/\(depth)"] = "$INCLUDE \(depth + 1)" }
        for (text, description) in cases {
            let error = #expect(throws: ZoneFileError.self, "\(text)") { try read(text, others) }
            #expect(error?.description == description)
        }
    }

    @Test("a file that is not there is told from one with a fault, and too large ones are refused")
    func missing() throws {
        var reader = ZoneFileReader(origin: try DNSName("z."), contents: Self.contents([:]))
        let error = #expect(throws: ZoneFileError.self) { try reader.zone("/d/zone") }
        #expect(error?.isMissing == true)
        #expect(error?.description == "/d/zone: the zone file cannot be read: no such file or directory")
        var large = ZoneFileReader(origin: try DNSName("z.")) { _, limit throws(RegularFile.Fault) in throw .tooLarge(limit: limit) }
        let other = #expect(throws: ZoneFileError.self) { try large.zone("/d/zone") }
        #expect(other?.description == "/d/zone: the zone file cannot be read: it is larger than 536870912 bytes")
    }

    @Test("a zone file has the records that dnspython reads from it")
    func peer() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Fixtures/records").standardizedFileURL
        var reader = ZoneFileReader(origin: try DNSName("example.org."))
        let zone = try reader.zone(folder.appending(path: "zone.db").path)
        func hexadecimal(_ range: Range<Int>) -> String {
            zone.octets[range].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
        let lines = zone.sets.flatMap { set in
            set.records.map { index in
                let record = zone.records[index]
                return "\(hexadecimal(zone.nodes[set.node].name))\t\(record.ttl)\t\(set.type.rawValue)\t\(hexadecimal(record.data))"
            }
        }
        let wanted = try String(contentsOf: folder.appending(path: "zone.tsv"), encoding: .utf8).split(separator: "\n").map(String.init)
        #expect(wanted.count == 28)
        #expect(lines.sorted() == wanted)
        #expect(reader.files.count == 2)
    }

    @Test("records outside of the zone are left out with a warning")
    func outside() throws {
        let zone = try read(Self.head + "x. A 192.0.2.1\nza. A 192.0.2.1\na A 192.0.2.2")
        #expect(zone.warnings == ["left out 2 records outside of the zone, the first of x."])
        #expect(records(zone, .a) == ["a.z. 300 192.0.2.2"])
    }
}
