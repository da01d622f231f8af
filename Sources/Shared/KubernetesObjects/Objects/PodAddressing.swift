/// What of a pod says who has its addresses: a ``Pod`` in short, for those that read every pod and need nothing else of it.
///
/// Read from the bytes in place. Whatever else is in the pod is passed over, so it is not looked at whether that is as it should be.
public struct PodAddressing: Hashable, Sendable {
    public private(set) var namespace = ""
    public private(set) var name = ""
    public private(set) var uid = ""
    public private(set) var isDeleted = false
    public private(set) var labels: [String: String] = [:]
    public private(set) var nodeName = ""
    public private(set) var isHostNetwork = false
    public private(set) var phase = ""
    public private(set) var podIP = ""
    public private(set) var podIPs: [String] = []
    /// The condition `Ready` is true: then services answer with the pod.
    public private(set) var isReady = false

    public init(_ encoded: EncodedObject) throws(ObjectDecodingError) {
        do {
            let schema = try MessageSchema.of(.pods)
            switch encoded.encoding {
            case .protobuf: try read(encoded.bytes[...], PodFields.known)
            case .json: try read(JSONToProtobuf.convert(encoded.bytes, schema)[...], PodFields.known)
            }
        } catch {
            throw error.named(.pods)
        }
    }

    private mutating func read(_ bytes: ArraySlice<UInt8>, _ known: PodFields) throws(ObjectDecodingError) {
        var pod = WireCursor(bytes)
        while let field = try pod.next() {
            switch field.number {
            case MetadataField.inObject:
                try read(bytes, field, "metadata") { pod, member throws(ObjectDecodingError) in
                    try pod.takeMetadata(member, bytes)
                }
            case known.spec:
                try read(bytes, field, "spec") { pod, member throws(ObjectDecodingError) in pod.takeSpec(member, bytes, known) }
            case known.status:
                try read(bytes, field, "status") { pod, member throws(ObjectDecodingError) in
                    try pod.takeStatus(member, bytes, known)
                }
            default: break
            }
        }
    }

    /// Gives every field of the message in `field` to `take`.
    private mutating func read(
        _ bytes: ArraySlice<UInt8>, _ field: WireCursor.Field, _ name: String,
        _ take: (inout PodAddressing, WireCursor.Field) throws(ObjectDecodingError) -> Void
    ) throws(ObjectDecodingError) {
        guard field.type == .lengthDelimited else {
            throw ObjectDecodingError(.malformed("\(name) is not a message"), at: field.start - bytes.startIndex, field: name)
        }
        var message = WireCursor(bytes, field.payload)
        do {
            while let member = try message.next() { try take(&self, member) }
        } catch {
            throw error.inside(name)
        }
    }

    private mutating func takeMetadata(_ field: WireCursor.Field, _ bytes: ArraySlice<UInt8>) throws(ObjectDecodingError) {
        guard field.type == .lengthDelimited else { return }
        switch field.number {
        case MetadataField.name: name = field.text(in: bytes)
        case MetadataField.namespace: namespace = field.text(in: bytes)
        case MetadataField.uid: uid = field.text(in: bytes)
        // The empty message is Kubernetes' zero time and says that there is none.
        case MetadataField.deletionTimestamp: isDeleted = isDeleted || !field.payload.isEmpty
        case MetadataField.labels:
            var (key, value) = ("", "")
            var pair = WireCursor(bytes, field.payload)
            while let member = try pair.next() {
                guard member.type == .lengthDelimited else { continue }
                if member.number == 1 { key = member.text(in: bytes) }
                if member.number == 2 { value = member.text(in: bytes) }
            }
            labels[key] = value
        default: break
        }
    }

    private mutating func takeSpec(_ field: WireCursor.Field, _ bytes: ArraySlice<UInt8>, _ known: PodFields) {
        switch (field.number, field.type) {
        case (known.nodeName, .lengthDelimited): nodeName = field.text(in: bytes)
        case (known.hostNetwork, .varint): isHostNetwork = field.value != 0
        default: break
        }
    }

    private mutating func takeStatus(
        _ field: WireCursor.Field, _ bytes: ArraySlice<UInt8>, _ known: PodFields
    ) throws(ObjectDecodingError) {
        guard field.type == .lengthDelimited else { return }
        switch field.number {
        case known.phase: phase = field.text(in: bytes)
        case known.podIP: podIP = field.text(in: bytes)
        case known.podIPs:
            var address = ""
            var message = WireCursor(bytes, field.payload)
            while let member = try message.next() {
                if member.number == known.ip, member.type == .lengthDelimited { address = member.text(in: bytes) }
            }
            podIPs.append(address)
        case known.conditions:
            var (type, status) = ("", "")
            var message = WireCursor(bytes, field.payload)
            while let member = try message.next() {
                guard member.type == .lengthDelimited else { continue }
                if member.number == known.conditionType { type = member.text(in: bytes) }
                if member.number == known.conditionStatus { status = member.text(in: bytes) }
            }
            if type == "Ready" { isReady = status == "True" }
        default: break
        }
    }
}

/// Field numbers of pods, as our schema has them.
private struct PodFields: Sendable {
    let spec, status: UInt32
    let nodeName, hostNetwork: UInt32
    let phase, podIP, podIPs, ip: UInt32
    let conditions, conditionType, conditionStatus: UInt32

    static let known = PodFields()

    private init() {
        let pod = MessageSchema.object("core.Pod")
        let (spec, status) = (pod.field("spec"), pod.field("status"))
        self.spec = spec.number
        self.status = status.number
        nodeName = spec.messageSchema.field("nodeName").number
        hostNetwork = spec.messageSchema.field("hostNetwork").number
        phase = status.messageSchema.field("phase").number
        podIP = status.messageSchema.field("podIP").number
        let addresses = status.messageSchema.field("podIPs")
        podIPs = addresses.number
        ip = addresses.messageSchema.field("ip").number
        let conditions = status.messageSchema.field("conditions")
        self.conditions = conditions.number
        conditionType = conditions.messageSchema.field("type").number
        conditionStatus = conditions.messageSchema.field("status").number
    }
}

extension WireCursor.Field {
    /// A string field's text; bytes that are not UTF-8 become U+FFFD.
    fileprivate func text(in bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes[payload], as: UTF8.self) }
}
