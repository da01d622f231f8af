import Testing

@testable import KubernetesObjects

@Suite("Leases")
struct LeaseObjectTests {
    static let text = """
        {"kind":"Lease", "apiVersion":"coordination.k8s.io/v1","metadata":{"name":"m","namespace":"n","resourceVersion":"17",
        "labels":{"a":"b\\"c"}},"spec":{"strategy":"OldestEmulationVersion","holderIdentity":"host-a_1","leaseDurationSeconds":15,
        "acquireTime":"2026-11-25T20:57:00.000001Z","renewTime":"2026-11-25T20:58:00.000002Z","leaseTransitions":3,
        "preferredHolder":null},"added":[1,{"later":true}]}
        """

    static func record(_ holder: String, transitions: Int) -> LeaseRecord {
        var record = LeaseRecord()
        record.holderIdentity = holder
        record.leaseDurationSeconds = 15
        record.acquireTime = "2026-11-25T20:57:00.000001Z"
        record.renewTime = "2026-11-25T20:58:00.000002Z"
        record.leaseTransitions = transitions
        return record
    }

    @Test("a record is read from the fields that client-go writes")
    func read() throws {
        #expect(try LeaseObject(json: Array(Self.text.utf8)).record == Self.record("host-a_1", transitions: 3))
    }

    @Test("another record takes the place of the old one, and every other field stays as the server sent it")
    func replace() throws {
        let object = try LeaseObject(json: Array(Self.text.utf8))
        let changed = try object.json(replacing: Self.record("host-b_2", transitions: 4))
        #expect(
            String(decoding: changed, as: UTF8.self) == """
                {"kind":"Lease","apiVersion":"coordination.k8s.io/v1","metadata":{"name":"m","namespace":"n","resourceVersion":"17",
                "labels":{"a":"b\\"c"}},"added":[1,{"later":true}],"spec":{"holderIdentity":"host-b_2","leaseDurationSeconds":15,\
                "acquireTime":"2026-11-25T20:57:00.000001Z","renewTime":"2026-11-25T20:58:00.000002Z","leaseTransitions":4,\
                "strategy":"OldestEmulationVersion","preferredHolder":null}}
                """)
        #expect(try LeaseObject(json: changed).record == Self.record("host-b_2", transitions: 4))
    }

    @Test(
        "what a Lease does not say is read as nothing",
        arguments: [
            #"{}"#, #"{"spec":null}"#, #"{"spec":{}}"#,
            #"{"spec":{"holderIdentity":null,"leaseDurationSeconds":null,"acquireTime":null,"renewTime":null,"leaseTransitions":null}}"#,
        ])
    func empty(text: String) throws {
        let object = try LeaseObject(json: Array(text.utf8))
        #expect(object.record == LeaseRecord())
        let changed = try object.json(replacing: Self.record("x", transitions: 0))
        #expect(try LeaseObject(json: changed).record == Self.record("x", transitions: 0))
    }

    @Test("a new Lease says what it is, and holds its record")
    func new() throws {
        let text = LeaseObject.json(namespace: "n", name: "m", Self.record("a\"b", transitions: 0))
        #expect(
            String(decoding: text, as: UTF8.self) == """
                {"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"m","namespace":"n"},"spec":{\
                "holderIdentity":"a\\"b","leaseDurationSeconds":15,"acquireTime":"2026-11-25T20:57:00.000001Z",\
                "renewTime":"2026-11-25T20:58:00.000002Z","leaseTransitions":0}}
                """)
    }

    @Test(
        "what is not a Lease is refused with the place",
        arguments: [#"{"spec":{"leaseTransitions":"3"}}"#, #"{"spec":[]}"#, #"{"spec":{}"#, #"[]"#, #"{} {}"#, ""])
    func refused(text: String) {
        #expect(throws: ObjectDecodingError.self) { try LeaseObject(json: Array(text.utf8)) }
    }
}
