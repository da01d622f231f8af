/// A message's fields, read without a schema: the tests' own reader, so that the simulator is not judged by its writer.
struct MessageFields {
    var fields: [(number: Int, bytes: [UInt8])] = []

    struct Malformed: Error {}

    init(_ message: [UInt8]) throws {
        var rest = message[...]
        func varint() throws -> Int {
            var value = 0
            var shift = 0
            while let byte = rest.popFirst() {
                value |= Int(byte & 0x7f) << shift
                shift += 7
                if byte & 0x80 == 0 { return value }
            }
            throw Malformed()
        }
        while !rest.isEmpty {
            let tag = try varint()
            switch tag & 7 {
            case 0: fields.append((tag >> 3, [UInt8(truncatingIfNeeded: try varint())]))
            case 2:
                let length = try varint()
                guard length <= rest.count else { throw Malformed() }
                fields.append((tag >> 3, Array(rest.prefix(length))))
                rest = rest.dropFirst(length)
            default: throw Malformed()
            }
        }
    }

    subscript(number: Int) -> [UInt8] { fields.first { $0.number == number }?.bytes ?? [] }
}

/// A list in Kubernetes' protobuf.
struct ListParts {
    var type: [UInt8]
    var metadata: [UInt8]
    var items: [[UInt8]]

    init(_ body: [UInt8]) throws {
        guard body.starts(with: [0x6b, 0x38, 0x73, 0x00]) else { throw MessageFields.Malformed() }
        let unknown = try MessageFields(Array(body.dropFirst(4)))
        type = unknown[1]
        let list = try MessageFields(unknown[2])
        metadata = list[1]
        items = list.fields.filter { $0.number == 2 }.map(\.bytes)
    }
}

/// A frame of a protobuf watch.
struct FrameParts {
    var type: String
    var objectType: [UInt8]
    var object: [UInt8]

    static func all(in body: [UInt8]) throws -> [FrameParts] {
        var frames: [FrameParts] = []
        var rest = body[...]
        while rest.count >= 4 {
            let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            guard rest.count >= 4 + length else { break }
            let event = try MessageFields(Array(rest.dropFirst(4).prefix(length)))
            rest = rest.dropFirst(4 + length)
            let raw = try MessageFields(event[2])[1]
            let unknown = try MessageFields(Array(raw.dropFirst(4)))
            frames.append(
                FrameParts(
                    type: String(decoding: event[1], as: UTF8.self), objectType: unknown[1], object: unknown[2]))
        }
        return frames
    }
}
