import KubernetesObjects

@testable import DeltaStream

extension FuzzTarget {
    /// Octet 0 chooses: the rest is what follows a history file's header; or bodies of records, each behind two octets with its
    /// length, which get the frames that make them whole.
    ///
    /// Whatever the bytes, reading ends with a fault inside them or with a state. A state that is written anew, as images of
    /// buckets, is read as the same state: resources, sequences, tails, objects.
    static let historyFile = FuzzTarget(name: "history-file", longestInput: 4096) { input throws(PropertyFailure) in
        guard let first = input.first else { return }
        let rest = Array(input.dropFirst())
        let bytes = first % 2 == 0 ? rest : framed(rest)
        guard let state = try read(bytes) else { return }
        var encoder = HistoryEncoder()
        for resource in state.resources { encoder.resource(resource.resource) }
        for (number, resource) in state.resources.enumerated() {
            for bucket in UInt8.min...UInt8.max {
                let image = resource.image(bucket: bucket)
                if image.sequence > 0 { encoder.bucket(resource: UInt16(number), bucket: bucket, image) }
            }
        }
        guard let again = try read(encoder.bytes) else { throw PropertyFailure("what was read cannot be read again") }
        try expect(again.resources.map(\.resource) == state.resources.map(\.resource), "the resources are others")
        for (one, other) in zip(state.resources, again.resources) {
            for bucket in UInt8.min...UInt8.max {
                let (image, copy) = (sorted(one.image(bucket: bucket)), sorted(other.image(bucket: bucket)))
                try expect(image == copy, "bucket \(bucket) of \(one.resource): \(image) comes back as \(copy)")
            }
        }
    }

    private static func sorted(_ image: BucketImage) -> BucketImage {
        var image = image
        image.objects.sort { $0.identity.uid < $1.identity.uid }
        return image
    }

    /// - Returns: nil where the bytes are refused.
    private static func read(_ bytes: [UInt8]) throws(PropertyFailure) -> RecalledStream? {
        var stream = RecalledStream()
        let fault: HistoryFault
        do throws(HistoryFault) {
            _ = try stream.read(bytes, from: 0)
            return stream
        } catch {
            fault = error
        }
        switch fault {
        case .damaged(let at, _): try expect(at <= bytes.count, "a fault at \(at) of \(bytes.count)")
        case .cutShort(let at): throw PropertyFailure("a record cut short at \(at) is no fault of the file")
        }
        return nil
    }

    /// Frames around bodies.
    static func framed(_ input: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var rest = input[...]
        while rest.count > 2 {
            let head = Array(rest.prefix(2))
            let body = Array(rest.dropFirst(2).prefix(Int(head[0]) | Int(head[1] & 3) << 8))
            rest = rest.dropFirst(2 + body.count)
            let length = UInt32(body.count)
            for number in [length, ~length, RecordDecoder.checksum(body, 0..<body.count)] {
                result += (0..<4).map { UInt8(truncatingIfNeeded: number >> UInt32(8 * $0)) }
            }
            result += body
        }
        return result
    }
}
