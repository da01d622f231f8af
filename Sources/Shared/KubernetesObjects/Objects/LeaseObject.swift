/// Who holds a Lease, as its `spec` says (coordination.k8s.io/v1, `LeaseSpec`).
public struct LeaseRecord: Hashable, Sendable {
    /// Empty when nobody holds it.
    public var holderIdentity = ""
    /// 0 when the record does not say.
    public var leaseDurationSeconds = 0
    /// `MicroTime` as text: compared for being the same, never by a clock. Empty when the record does not say.
    public var acquireTime = ""
    public var renewTime = ""
    /// How often the lease has passed from one holder to another.
    public var leaseTransitions = 0

    public init() {}
}

/// A Lease with all that the server keeps in it, so that a change of its record leaves the rest as it is.
public struct LeaseObject: Hashable, Sendable {
    public let record: LeaseRecord
    private let bytes: [UInt8]

    /// - Throws: ``ObjectDecodingError`` for what is not JSON, or has other types in the fields of the record.
    public init(json: [UInt8]) throws(ObjectDecodingError) {
        var record = LeaseRecord()
        var cursor = JSONCursor(json)
        try cursor.readObject { key, cursor throws(ObjectDecodingError) in
            guard key.elementsEqual("spec".utf8) else {
                try cursor.skip()
                return
            }
            guard try !cursor.readNull() else { return }
            try cursor.readObject { key, cursor throws(ObjectDecodingError) in try record.read(key, &cursor) }
        }
        try cursor.expectEnd()
        self.record = record
        bytes = json
    }

    /// The same object with another record: fields that are not the record's are copied as they came, `resourceVersion`
    /// among them, by which the server notices that somebody else was faster.
    public func json(replacing record: LeaseRecord) throws(ObjectDecodingError) -> [UInt8] {
        var cursor = JSONCursor(bytes)
        var text = [UInt8(ascii: "{")]
        var isFirst = true
        var spec: [UInt8] = []
        try cursor.readObject { key, cursor throws(ObjectDecodingError) in
            guard key.elementsEqual("spec".utf8) else {
                text.appendJSONKey(key, isFirst: &isFirst)
                text += cursor.bytes[try cursor.skip()]
                return
            }
            guard try !cursor.readNull() else { return }
            try cursor.readObject { key, cursor throws(ObjectDecodingError) in
                let value = try cursor.skip()
                guard !LeaseRecord.fields.contains(String(decoding: key, as: UTF8.self)) else { return }
                spec.append(UInt8(ascii: ","))
                spec.appendJSONString(key)
                spec.append(UInt8(ascii: ":"))
                spec += cursor.bytes[value]
            }
        }
        text.appendJSONKey("spec".utf8, isFirst: &isFirst)
        return text + record.members + spec + Array("}}".utf8)
    }

    /// A Lease that does not exist yet.
    public static func json(namespace: String, name: String, _ record: LeaseRecord) -> [UInt8] {
        var text = Array(#"{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"#.utf8)
        text.appendJSONString(name.utf8)
        text += Array(#","namespace":"#.utf8)
        text.appendJSONString(namespace.utf8)
        text += Array(#"},"spec":"#.utf8)
        return text + record.members + Array("}}".utf8)
    }
}

extension LeaseRecord {
    fileprivate static let fields: Set<String> = [
        "holderIdentity", "leaseDurationSeconds", "acquireTime", "renewTime", "leaseTransitions",
    ]

    fileprivate mutating func read(_ key: [UInt8], _ cursor: inout JSONCursor) throws(ObjectDecodingError) {
        switch String(decoding: key, as: UTF8.self) {
        case "holderIdentity": holderIdentity = try cursor.readNull() ? "" : cursor.readString()
        case "leaseDurationSeconds": leaseDurationSeconds = try cursor.readNull() ? 0 : Int(cursor.readInteger())
        case "acquireTime": acquireTime = try cursor.readNull() ? "" : cursor.readString()
        case "renewTime": renewTime = try cursor.readNull() ? "" : cursor.readString()
        case "leaseTransitions": leaseTransitions = try cursor.readNull() ? 0 : Int(cursor.readInteger())
        default: try cursor.skip()
        }
    }

    /// A JSON object of the fields, without its closing brace.
    fileprivate var members: [UInt8] {
        var text = [UInt8(ascii: "{")]
        var isFirst = true
        text.appendJSONKey("holderIdentity".utf8, isFirst: &isFirst)
        text.appendJSONString(holderIdentity.utf8)
        text.appendJSONKey("leaseDurationSeconds".utf8, isFirst: &isFirst)
        text += Array("\(leaseDurationSeconds)".utf8)
        for (name, time) in [("acquireTime", acquireTime), ("renewTime", renewTime)] where !time.isEmpty {
            text.appendJSONKey(name.utf8, isFirst: &isFirst)
            text.appendJSONString(time.utf8)
        }
        text.appendJSONKey("leaseTransitions".utf8, isFirst: &isFirst)
        return text + Array("\(leaseTransitions)".utf8)
    }
}
