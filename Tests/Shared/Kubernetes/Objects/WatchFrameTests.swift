import MizzenSystem
import Testing

@testable import KubernetesObjects

@Suite struct WatchFrameTests {
    @Test("each captured watch has the same events in either encoding", arguments: ClusterFixtures.watches)
    func sameEvents(watch: String) throws {
        let json = try ClusterFixtures.frames(watch, .json)
        let protobuf = try ClusterFixtures.frames(watch, .protobuf)
        #expect(!json.isEmpty && json.count == protobuf.count)
        for (json, protobuf) in zip(json, protobuf) {
            switch (json, protobuf) {
            case (.added(let json), .added(let protobuf)), (.modified(let json), .modified(let protobuf)),
                (.deleted(let json), .deleted(let protobuf)):
                try expectSameObject(json, protobuf, watch)
            default: #expect(json == protobuf)
            }
        }
    }

    private func expectSameObject(_ json: ArrivedObject, _ protobuf: ArrivedObject, _ watch: String) throws {
        #expect(json.encoding == .json && protobuf.encoding == .protobuf)
        switch watch.prefix(while: { $0 != "." }) {
        case "services": #expect(try viewTree(json.object, .services) == viewTree(protobuf.object, .services))
        case "endpointslices": #expect(try viewTree(json.object, .endpointSlices) == viewTree(protobuf.object, .endpointSlices))
        default: #expect(try viewTree(json.object, .namespaces) == viewTree(protobuf.object, .namespaces))
        }
    }

    @Test(
        "a WatchList tells its objects and then, with a bookmark, that these were all",
        arguments: [ObjectEncoding.json, .protobuf])
    func watchList(encoding: ObjectEncoding) throws {
        let frames = try ClusterFixtures.frames("services.watchlist", encoding)
        let end = try #require(frames.firstIndex { if case .bookmark(_, true) = $0 { true } else { false } })
        #expect(end == 52)
        for frame in frames[..<end] {
            guard case .added(let object) = frame else {
                Issue.record("\(frame) among the initial events")
                continue
            }
            #expect(try !ObjectIdentity(object).resourceVersion.isEmpty)
        }
    }

    @Test(
        "resuming from a lost resourceVersion is an error event with code 410",
        arguments: [ObjectEncoding.json, .protobuf])
    func expired(encoding: ObjectEncoding) throws {
        let frames = try ClusterFixtures.frames("services.expired", encoding)
        guard case .error(let status) = try #require(frames.last) else {
            Issue.record("no error event")
            return
        }
        #expect(
            status.code == 410 && status.reason == "Expired" && status.status == "Failure" && !status.message.isEmpty)
    }

    @Test("a watch decodes the same however it is cut", arguments: [ObjectEncoding.json, .protobuf])
    func cuts(encoding: ObjectEncoding) throws {
        var random = SeededRandom(seed: 3)
        for watch in ClusterFixtures.watches {
            let body = try ClusterFixtures.bytes("watch/\(watch).\(encoding.suffix)")
            let whole = try ClusterFixtures.frames(watch, encoding)
            for _ in 0..<20 {
                let pieces = (0..<50).map { _ in Int.random(in: 0...body.count, using: &random) }.sorted()
                #expect(try ClusterFixtures.frames(watch, encoding, pieces: pieces) == whole)
            }
            #expect(try ClusterFixtures.frames(watch, encoding, pieces: Array(1..<min(20_000, body.count))) == whole)
        }
    }

    @Test(
        "an event beyond the limit is refused before it has arrived whole, and passed over", arguments: [ObjectEncoding.json, .protobuf])
    func tooLarge(encoding: ObjectEncoding) throws {
        let body = try ClusterFixtures.bytes("watch/services.watchlist.\(encoding.suffix)")
        var decoder = WatchFrameDecoder(encoding: encoding, maximumFrameSize: 100)
        decoder.append(Array(body.prefix(150)))
        let error = #expect(throws: ObjectDecodingError.self) { try decoder.next() }
        guard case .tooLarge(let size, 100) = error?.reason else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(size > 100 && decoder.canContinue && decoder.isInsideFrame)
        var held: [Int] = []
        for byte in body.dropFirst(150) {
            decoder.append([byte])
            do { while try decoder.next() != nil {} } catch { held.append(1) }
        }
        // Every further event is too large as well, and each is said once.
        #expect(held.count > 1 && !decoder.isInsideFrame)
    }

    @Test("an event that cannot be read is an error, and the next one is still there")
    func brokenEvent() throws {
        let text = #"{"type":"NONSENSE","object":{}}"# + "\n" + #"{"type":"ADDED","object":{"metadata":{}}}"# + "\n"
        var decoder = WatchFrameDecoder(encoding: .json, maximumFrameSize: 1000)
        decoder.append(Array(text.utf8))
        let error = #expect(throws: ObjectDecodingError.self) { try decoder.next() }
        #expect(error?.field == "type" && decoder.canContinue)
        #expect(try decoder.next() == .added(ArrivedObject(encoding: .json, bytes: Array(#"{"metadata":{}}"#.utf8)[...])))
        #expect(try decoder.next() == nil)
        #expect(!decoder.isInsideFrame)
    }

    @Test("a frame made here is read back")
    func madeFrame() throws {
        let object = try #require(try ClusterFixtures.items(.services, .protobuf).items.first)
        let envelope = ProtobufEnvelope.wrap(object.bytes, kind: "Service", apiVersion: "v1")
        var decoder = WatchFrameDecoder(encoding: .protobuf, maximumFrameSize: 1 << 20)
        decoder.append(watchFrame(type: "MODIFIED", object: envelope))
        #expect(try decoder.next() == .modified(ArrivedObject(object)))
        var status = StatusObject()
        status.code = 429
        status.reason = "TooManyRequests"
        status.message = "wait"
        status.retryAfterSeconds = 3
        let failure = ProtobufEnvelope.wrap(status.protobuf, kind: "Status", apiVersion: "v1")
        decoder.append(watchFrame(type: "ERROR", object: failure))
        #expect(try decoder.next() == .error(status))
        #expect(try StatusObject(body: failure, encoding: .protobuf) == status)
    }

    @Test("broken watch bodies never crash and their errors lie inside", arguments: [ObjectEncoding.json, .protobuf])
    func mutations(encoding: ObjectEncoding) throws {
        var random = SeededRandom(seed: 11)
        let body = try ClusterFixtures.bytes("watch/services.resume.\(encoding.suffix)")
        var refused = 0
        for _ in 0..<300 {
            var broken = body
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                broken[Int.random(in: 0..<broken.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            var decoder = WatchFrameDecoder(encoding: encoding, maximumFrameSize: 1 << 20)
            decoder.append(broken)
            for _ in 0..<200 {
                do {
                    guard try decoder.next() != nil else { break }
                } catch {
                    refused += 1
                    #expect(error.offset >= 0 && error.offset <= broken.count)
                    if !decoder.canContinue { break }
                }
            }
        }
        #expect(refused > 10)
    }
}
