@testable import KubernetesObjects

extension FuzzTarget {
    /// ``watchProtobuf``'s property for JSON bodies.
    static let watchJSON = watch(.json, "watch-json")
    /// Octet 0 names the resource, the rest is a watch's body. It gives the same events and errors however it is cut; an error's
    /// offset lies inside it; the objects of its events keep what ``ObjectProperties`` says.
    static let watchProtobuf = watch(.protobuf, "watch-protobuf")

    /// ``listProtobuf``'s property for JSON bodies.
    static let listJSON = list(.json, "list-json")
    /// Octet 0 names the resource, the rest is a list's body. It gives the same items, metadata and errors however it is cut; an
    /// error's offset lies inside it; its items keep what ``ObjectProperties`` says.
    static let listProtobuf = list(.protobuf, "list-protobuf")

    private static func watch(_ encoding: ObjectEncoding, _ name: String) -> FuzzTarget {
        FuzzTarget(name: name, longestInput: 8192) { input throws(PropertyFailure) in
            guard let first = input.first else { return }
            let resource = Resource.all[Int(first) % Resource.all.count]
            let body = Array(input.dropFirst())
            let whole = BodyReading(watch: [body], encoding)
            for pieces in Pieces.cuts(of: body) {
                let cut = BodyReading(watch: pieces, encoding)
                try expect(cut == whole, "whole: \(whole)\nin \(pieces.count) pieces: \(cut)")
            }
            try whole.check(bodySize: body.count)
            for object in whole.objects { try ObjectProperties.check(object, resource) }
        }
    }

    private static func list(_ encoding: ObjectEncoding, _ name: String) -> FuzzTarget {
        FuzzTarget(name: name, longestInput: 8192) { input throws(PropertyFailure) in
            guard let first = input.first else { return }
            let resource = Resource.all[Int(first) % Resource.all.count]
            let body = Array(input.dropFirst())
            let whole = BodyReading(list: [body], encoding, resource)
            for pieces in Pieces.cuts(of: body) {
                let cut = BodyReading(list: pieces, encoding, resource)
                try expect(cut == whole, "whole: \(whole)\nin \(pieces.count) pieces: \(cut)")
            }
            try whole.check(bodySize: body.count)
            for object in whole.objects { try ObjectProperties.check(object, resource) }
        }
    }
}

/// Everything that reading one body gave, in order.
private struct BodyReading: Equatable {
    private var frames: [WatchFrame] = []
    private(set) var objects: [EncodedObject] = []
    private var errors: [ObjectDecodingError] = []
    /// How many events stood before each error.
    private var places: [Int] = []
    private var metadata: ListMetadata?
    private var isInsideFrame = false

    init(watch pieces: [[UInt8]], _ encoding: ObjectEncoding) {
        var decoder = WatchFrameDecoder(encoding: encoding, maximumFrameSize: 1 << 20)
        for piece in pieces {
            decoder.append(piece)
            var goesOn = true
            while goesOn {
                do throws(ObjectDecodingError) {
                    let frame = try decoder.next()
                    goesOn = frame != nil
                    if let frame { take(frame) }
                } catch {
                    errors.append(error)
                    places.append(frames.count)
                    if !decoder.canContinue { return }
                }
            }
        }
        isInsideFrame = decoder.isInsideFrame
    }

    private mutating func take(_ frame: WatchFrame) {
        frames.append(frame)
        switch frame {
        case .added(let object), .modified(let object), .deleted(let object): objects.append(object.object)
        case .bookmark, .error: break
        }
    }

    init(list pieces: [[UInt8]], _ encoding: ObjectEncoding, _ resource: Resource) {
        var decoder = ListDecoder(encoding: encoding, resource: resource)
        do throws(ObjectDecodingError) {
            for piece in pieces {
                decoder.append(piece)
                while let object = try decoder.next() { objects.append(object.object) }
            }
            metadata = try decoder.finish()
        } catch {
            errors.append(error)
            places.append(objects.count)
        }
    }

    func check(bodySize: Int) throws(PropertyFailure) {
        for error in errors {
            try expect((0...bodySize).contains(error.offset), "\(error) in a body of \(bodySize) octets")
        }
    }
}

/// What holds for an object of any bytes.
enum ObjectProperties {
    /// What leaves the watcher names the same object and is not made smaller by a second pass. An object that our schema reads
    /// comes back the same from the other encoding: decode → encode → decode is equal.
    static func check(_ object: EncodedObject, _ resource: Resource) throws(PropertyFailure) {
        let watched = try? ArrivedObject(object).watched(as: resource)
        let (kept, identity) = (try? object.publishable(as: resource), try? ObjectIdentity(object))
        try expect(
            watched?.object == (identity == nil ? nil : kept) && watched?.identity == (kept == nil ? nil : identity),
            "in one pass \(text(watched?.object)), in two \(text(kept))")
        if let published = try? object.publishable(as: resource) {
            let again = try? published.publishable(as: resource)
            try expect(again == published, "published twice: \(text(again)) from \(published.bytes)")
            if let identity = try? ObjectIdentity(object) {
                let kept = try? ObjectIdentity(published)
                try expect(kept == identity, "\(identity) is published as \(kept.map { "\($0)" } ?? "nothing readable")")
            }
        }
        switch object.encoding {
        case .json:
            guard let message = try? ObjectTranscoder.protobuf(fromJSON: object.bytes, resource: resource) else { return }
            try checkMessage(message, resource)
        case .protobuf:
            guard let json = try? ObjectTranscoder.json(fromProtobuf: object.bytes, resource: resource) else { return }
            do throws(ObjectDecodingError) {
                let message = try ObjectTranscoder.protobuf(fromJSON: json, resource: resource)
                if ObjectProperties.keeps(message, resource) { return }
            } catch {
                // A quantity or time that is none stands in a message as text, and is refused where its JSON is read.
                if case .unexpectedValue = error.reason { return }
            }
            throw PropertyFailure("our own JSON does not read, or not as it was: \(String(decoding: json, as: UTF8.self))")
        }
    }

    private static func keeps(_ message: [UInt8], _ resource: Resource) -> Bool {
        do throws(PropertyFailure) { try checkMessage(message, resource) } catch { return false }
        return true
    }

    /// A message of our own making: its JSON gives the same message again.
    private static func checkMessage(_ message: [UInt8], _ resource: Resource) throws(PropertyFailure) {
        let json = try? ObjectTranscoder.json(fromProtobuf: message, resource: resource)
        guard let json else { throw PropertyFailure("our own message does not read: \(message)") }
        let again = try? ObjectTranscoder.protobuf(fromJSON: json, resource: resource)
        let twice = try? again.map { try ObjectTranscoder.json(fromProtobuf: $0, resource: resource) }
        try expect(
            twice == json,
            "\(String(decoding: json, as: UTF8.self)) comes back as \(twice.map { String(decoding: $0, as: UTF8.self) } ?? "nothing")")
    }

    private static func text(_ object: EncodedObject?) -> String { object.map { "\($0.bytes)" } ?? "nothing" }
}
