import KubernetesObjects
import Logging
import Synchronization

/// Answers requests on the ROUTER socket. Pull-based: nothing is kept for an asker between two requests.
struct SnapshotServer: ~Copyable {
    /// 256 buckets and thousands of namespaces fit; libzmq drops connections that send more.
    static let longestRequest: Int64 = 256 << 10

    let socket: ZeroMQSocket
    private let answerBytes: Int
    private var encoder = EnvelopeEncoder()
    private var asker = ZeroMQFrame()
    private var frame = ZeroMQFrame()

    init(socket: consuming ZeroMQSocket, answerBytes: Int) {
        self.socket = socket
        self.answerBytes = answerBytes
    }

    /// Frames of a request: the asker's identity (ROUTER puts it there), an empty one if the asker's socket is a REQ, the
    /// request.
    mutating func serveOne(from outlet: borrowing Mutex<Outlet>, logger: Logger) {
        guard socket.receive(into: &asker) else { return }
        let identity = asker.bytes
        guard asker.hasMore, socket.receive(into: &frame) else {
            outlet.withLock { $0.statistics.refusedRequests += 1 }
            return
        }
        var hasDelimiter = false
        if frame.count == 0 && frame.hasMore {
            hasDelimiter = true
            _ = socket.receive(into: &frame)
        }
        guard !frame.hasMore else {
            socket.skipRest(&frame)
            outlet.withLock { $0.statistics.refusedRequests += 1 }
            logger.debug("a snapshot request has too many frames")
            return
        }
        let answer: SnapshotAnswer
        do {
            let request = try readRequest(outlet)
            answer = self.answer(request, outlet)
        } catch {
            logger.debug("a snapshot request is refused", metadata: ["reason": "\(error.message)"])
            answer = outlet.withLock { outlet in
                outlet.statistics.refusedRequests += 1
                return SnapshotAnswer(
                    requestID: error.requestID, status: error.status, message: error.message,
                    streamID: outlet.store.streamID)
            }
        }
        send(answer, to: identity, hasDelimiter: hasDelimiter, outlet)
    }

    private func readRequest(_ outlet: borrowing Mutex<Outlet>) throws(RefusedRequest) -> SnapshotRequest {
        outlet.withLock { $0.statistics.requests += 1 }
        let resources = outlet.withLock { $0.store.announced }
        let parsed = unsafe frame.withBytes { bytes -> Result<SnapshotRequest, RefusedRequest> in
            do throws(RefusedRequest) {
                return .success(
                    try unsafe EnvelopeDecoder.request(bytes) { group, version, plural in
                        resources.first { $0.plural == plural && $0.group == group && $0.version == version }
                    })
            } catch {
                return .failure(error)
            }
        }
        return try parsed.get()
    }

    /// The store is locked for one bucket at a time, and only to take references.
    private func answer(_ request: SnapshotRequest, _ outlet: borrowing Mutex<Outlet>) -> SnapshotAnswer {
        var answer = SnapshotAnswer(requestID: request.id, streamID: outlet.withLock { $0.store.streamID })
        switch request.subject {
        case .catalog:
            answer.catalog = outlet.withLock { outlet in
                let store = outlet.store
                return store.announced.map { CatalogEntry(resource: $0, synced: store.isSynced($0)) }
            }
        case .buckets(let resource, let buckets, let namespaces):
            var bytes = 0
            answer.synced = outlet.withLock { $0.store.isSynced(resource) }
            for bucket in buckets {
                // Who has only some namespaces of a bucket cannot say with one number what it has.
                let known = request.known?.streamID == answer.streamID && namespaces == nil ? request.known?.sequences[bucket] : nil
                guard bytes < answerBytes,
                    // A relay may move to its upstream's new stream between two buckets.
                    let held = outlet.withLock({ outlet in
                        outlet.store.streamID == answer.streamID
                            ? outlet.store.part(resource, bucket: bucket, after: known, past: request.wantsPast && namespaces == nil) : nil
                    })
                else { break }
                var part = held
                if let namespaces { part.objects.removeAll { !namespaces.contains($0.namespace) } }
                for object in part.frames { bytes += object.object.bytes.count + 256 }
                answer.buckets.append(part)
            }
        }
        return answer
    }

    /// Sends without waiting: for an asker whose queue is full, or who has gone, libzmq drops the whole answer.
    private mutating func send(
        _ answer: SnapshotAnswer, to identity: [UInt8], hasDelimiter: Bool, _ outlet: borrowing Mutex<Outlet>
    ) {
        asker.fill(identity)
        guard socket.send(&asker, more: true) else { return }
        if hasDelimiter {
            frame.fill([])
            socket.send(&frame, more: true)
        }
        answer.encodeHead(into: &frame)
        var bytes = frame.count
        var left = answer.buckets.reduce(0) { $0 + $1.frames.count }
        let count = answer.buckets.reduce(0) { $0 + $1.objects.count }
        socket.send(&frame, more: left > 0)
        for bucket in answer.buckets {
            for object in bucket.frames {
                encoder.encode(object, into: &frame)
                bytes += frame.count
                left -= 1
                socket.send(&frame, more: left > 0)
            }
        }
        outlet.withLock { outlet in
            outlet.statistics.snapshotBuckets += UInt64(answer.buckets.count)
            outlet.statistics.snapshotObjects += UInt64(count)
            outlet.statistics.snapshotBytes += UInt64(bytes)
            for bucket in answer.buckets {
                outlet.statistics.replayedDeltas += UInt64(bucket.past.count)
                guard bucket.isDeltas else { continue }
                outlet.statistics.replayedBuckets += 1
                outlet.statistics.replayedDeltas += UInt64(bucket.objects.count)
            }
        }
    }
}
