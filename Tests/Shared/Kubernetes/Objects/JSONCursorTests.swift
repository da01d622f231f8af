import Testing

@testable import KubernetesObjects

@Suite struct JSONCursorTests {
    @Test(
        "strings lose their escapes",
        arguments: [
            (#""""#, ""), (#""a\"b\\c\/d""#, #"a"b\c/d"#), (#""\b\f\n\r\t""#, "\u{8}\u{c}\n\r\t"),
            (#""\u00e9\u20AC""#, "é€"), (#""\ud83d\ude00""#, "😀"), (#""\ud83d!""#, "\u{fffd}!"),
            (#""\udE00""#, "\u{fffd}"), (#""\ud83d\u0041""#, "\u{fffd}A"), ("\"é😀\"", "é😀"),
        ])
    func strings(text: String, value: String) throws {
        var cursor = JSONCursor(Array(text.utf8))
        #expect(try cursor.readString() == value)
        try cursor.expectEnd()
        var written: [UInt8] = []
        written.appendJSONString(value.utf8)
        var again = JSONCursor(written)
        #expect(try again.readString() == value)
    }

    @Test(
        "text that is not JSON is refused inside it",
        arguments: [
            "", " ", "{", "[", "{]", "[1,]", "{\"a\":1,}", "{\"a\"}", "{a:1}", "[1 2]", "01", "-", "1.", "1e", ".5",
            "+1",
            "tru", "nul", "\"a", "\"\\x\"", "\"\\u12g4\"", "\"\n\"", "1 1", "NaN", "'a'", "[\"a\":1]",
        ])
    func malformed(text: String) {
        let bytes = Array(text.utf8)
        let error = #expect(throws: ObjectDecodingError.self) {
            var cursor = JSONCursor(bytes)
            try cursor.skip()
            try cursor.expectEnd()
        }
        if let error { #expect(error.offset >= 0 && error.offset <= bytes.count) }
    }

    @Test("nesting without end is refused")
    func nesting() throws {
        for opening in ["[", #"{"a":"#] {
            let text = String(repeating: opening, count: 100_000)
            let error = #expect(throws: ObjectDecodingError.self) {
                var cursor = JSONCursor(Array(text.utf8))
                try cursor.skip()
            }
            #expect(error?.reason == .nestedTooDeep)
        }
        let text = "{\"metadata\":{\"name\":\"p\"},\"x\":" + String(repeating: "[", count: 100_000)
        let error = #expect(throws: ObjectDecodingError.self) {
            try EncodedObject(encoding: .json, bytes: Array(text.utf8)).read(as: Pod.self) { _ in }
        }
        #expect(error?.reason == .nestedTooDeep && error?.resource == "pods")
    }

    @Test("values of the wrong kind name the field and the place")
    func wrongKinds() throws {
        let cases: [(json: String, field: String)] = [
            (#"{"metadata":{"name":7}}"#, "metadata.name"),
            (#"{"spec":{"ports":[{"port":"x"}]}}"#, "spec.ports.port"),
            (#"{"spec":{"ports":[{"port":4294967296}]}}"#, "spec.ports.port"),
            (#"{"spec":{"publishNotReadyAddresses":"yes"}}"#, "spec.publishNotReadyAddresses"),
            (#"{"metadata":{"creationTimestamp":"yesterday"}}"#, "metadata.creationTimestamp"),
            (#"{"metadata":{"labels":{"a":1}}}"#, "metadata.labels.a"),
            (#"{"spec":[]}"#, "spec"),
        ]
        for (json, field) in cases {
            let error = #expect(throws: ObjectDecodingError.self) {
                try EncodedObject(encoding: .json, bytes: Array(json.utf8)).read(as: Service.self) { _ in }
            }
            #expect(error?.field == field && error?.resource == "services" && (error?.offset ?? 0) > 0, "\(json)")
        }
        let quantity = #expect(throws: ObjectDecodingError.self) {
            let json = Array(#"{"status":{"capacity":{"cpu":"many"}}}"#.utf8)
            try EncodedObject(encoding: .json, bytes: json).read(as: Node.self) { _ in }
        }
        #expect(quantity?.field == "status.capacity.cpu")
    }

    @Test("null stands for absence, and of two members with one key the last counts")
    func nulls() throws {
        let text =
            #"{"metadata":{"name":"a","name":"b","creationTimestamp":null,"labels":null},"spec":null,"status":{"loadBalancer":{}}}"#
        try EncodedObject(encoding: .json, bytes: Array(text.utf8)).read(as: Service.self) { service in
            #expect(service.metadata.name == "b" && service.metadata.creationTimestamp == nil)
            #expect(service.spec.tree.members.isEmpty)
        }
    }
}
