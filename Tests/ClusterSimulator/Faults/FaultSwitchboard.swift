public import NIOCore
import Synchronization

/// The faults that are switched on, what they hit, and how often the server was asked.
public final class FaultSwitchboard: ServerConduct {
    private let state = Mutex(State())
    private let clock = ContinuousClock()
    private let began = ContinuousClock.now

    private struct Active {
        var fault: Fault
        var hits = 0
        var passed = 0
        var end: ContinuousClock.Instant?

        func isOver(at now: ContinuousClock.Instant) -> Bool {
            if let count = fault.count, hits >= count { return true }
            return end.map { now >= $0 } ?? false
        }
    }

    private struct State {
        var active: [Active] = []
        /// A frame that waits for the next one of its watch.
        var held: [UInt64: ByteBuffer] = [:]
        /// Seconds since the beginning, by resource; the newest ``FaultSwitchboard/rememberedRequests``.
        var requests: [String: [Double]] = [:]
        var requestCounts: [String: Int] = [:]
        var kubeletRequests: [Fault.KubeletPath: Int] = [:]
        var kubeletConnections = 0
        /// Connections that a kubelet has now, and the most that it had, by node.
        var openConnections: [String: Int] = [:]
        var mostConnections: [String: Int] = [:]
        /// What kubelets that have something wrong remember, by node.
        var lapses: [String: KubeletLapse] = [:]
        /// Milliseconds since the beginning, by node; the newest ``FaultSwitchboard/rememberedScrapes``.
        var scrapes: [String: [Int64]] = [:]
    }

    private static let rememberedRequests = 20_000
    private static let rememberedScrapes = 200

    public init() {}

    public func switchOn(_ faults: [Fault]) {
        let now = clock.now
        state.withLock { state in
            for fault in faults {
                state.active.append(Active(fault: fault, end: fault.seconds.map { now + .milliseconds(Int($0 * 1000)) }))
            }
        }
    }

    /// Ends every fault and forgets what they hit.
    public func clear() { state.withLock { $0.active = [] } }

    /// The faults in the order in which they were switched on, with how often each was met.
    public var hits: [(fault: Fault, hits: Int)] {
        state.withLock { $0.active.map { ($0.fault, $0.hits) } }
    }

    /// How many lists and watches of a resource were asked for since the start.
    public func requestCount(_ resource: String) -> Int { state.withLock { $0.requestCounts[resource] ?? 0 } }

    /// How many times kubelets were asked for this since the start.
    public func requestCount(ofKubelets path: Fault.KubeletPath) -> Int { state.withLock { $0.kubeletRequests[path] ?? 0 } }

    /// How many connections kubelets have taken since the start.
    public var kubeletConnections: Int { state.withLock { $0.kubeletConnections } }

    /// The most connections that this node's kubelet had at a time.
    public func mostConnections(ofKubelet node: String) -> Int { state.withLock { $0.mostConnections[node] ?? 0 } }

    /// - Returns: how many seconds the handshake is to wait.
    func connectedToKubelet(of node: String) -> Int {
        state.withLock { state in
            state.kubeletConnections += 1
            let open = (state.openConnections[node] ?? 0) + 1
            state.openConnections[node] = open
            state.mostConnections[node] = max(open, state.mostConnections[node] ?? 0)
            return hit(&state) { $0.kubelet != nil && $0.kind == .slowHandshake && ($0.node ?? node) == node }?.offset ?? 0
        }
    }

    func disconnectedFromKubelet(of node: String) { state.withLock { $0.openConnections[node, default: 1] -= 1 } }

    /// When each node's kubelet was asked for its resource metrics lately: milliseconds since the start.
    public var scrapes: [String: [Int64]] { state.withLock { $0.scrapes } }

    func scraped(_ node: String) {
        let (seconds, attoseconds) = (clock.now - began).components
        state.withLock { state in
            state.scrapes[node, default: []].append(seconds * 1000 + attoseconds / 1_000_000_000_000_000)
            if state.scrapes[node, default: []].count > Self.rememberedScrapes { state.scrapes[node]?.removeFirst() }
        }
    }

    /// The most requests for a resource within any second.
    public func busiestSecond(_ resource: String) -> Int {
        let times = state.withLock { $0.requests[resource] ?? [] }
        var most = 0
        var first = 0
        for index in times.indices {
            while times[index] - times[first] >= 1 { first += 1 }
            most = max(most, index - first + 1)
        }
        return most
    }

    /// From here on requests are counted anew.
    public func forgetRequests() {
        state.withLock { state in
            state.requests = [:]
            state.requestCounts = [:]
            state.kubeletRequests = [:]
            state.kubeletConnections = 0
            state.scrapes = [:]
        }
    }

    var report: JSONValue {
        let resources = state.withLock { $0.requestCounts }
        let faults = hits.map { fault, hits in
            JSONValue.present([
                "kind": .string(fault.kind.rawValue), "resource": fault.resource.map(JSONValue.string),
                "verb": fault.verb.map { .string($0.rawValue) }, "kubelet": fault.kubelet.map { .string($0.rawValue) },
                "hits": .integer(Int64(hits)),
            ])
        }
        let requests = resources.sorted { $0.key < $1.key }.map { name, count in
            JSONValue.present([
                "resource": .string(name), "count": .integer(Int64(count)),
                "busiestSecond": .integer(Int64(busiestSecond(name))),
            ])
        }
        let kubelets = Fault.KubeletPath.allCases.map { path in
            JSONValue.present(["path": .string(path.path), "count": .integer(Int64(requestCount(ofKubelets: path)))])
        }
        let scrapes = scrapes.sorted { $0.key < $1.key }.map { node, times in
            JSONValue.present(["node": .string(node), "times": .array(times.map { .integer($0) })])
        }
        return [
            "faults": .array(faults), "requests": .array(requests), "kubelets": .array(kubelets), "scrapes": .array(scrapes),
        ]
    }

    /// The first fault that meets this request, counted as a hit.
    private func hit(_ state: inout State, _ request: RequestDescription, _ wanted: (Fault) -> Bool) -> Fault? {
        hit(&state) { $0.concerns(request) && wanted($0) }
    }

    private func hit(_ state: inout State, _ wanted: (Fault) -> Bool) -> Fault? {
        let now = clock.now
        for index in state.active.indices {
            let fault = state.active[index].fault
            guard wanted(fault), !state.active[index].isOver(at: now) else { continue }
            guard state.active[index].passed >= fault.skip else {
                state.active[index].passed += 1
                continue
            }
            state.active[index].hits += 1
            return fault
        }
        return nil
    }

    /// What the kubelet of `node` answers: what an honest one would, unless a fault meets the request.
    /// - Parameters:
    ///   - now: milliseconds since 1970.
    ///   - honest: makes what is answered by a kubelet with such a lapse.
    func answer(
        ofKubelet path: Fault.KubeletPath, of node: String, now: Int64, _ honest: (KubeletLapse) -> KubeletListener.Answer
    ) -> KubeletListener.Answer {
        let (fault, lapse) = state.withLock { state in
            state.kubeletRequests[path, default: 0] += 1
            let fault = hit(&state) { $0.kubelet == path && $0.kind != .slowHandshake && ($0.node ?? node) == node }
            var lapse = state.lapses[node] ?? KubeletLapse()
            lapse.meet(fault, now: now)
            state.lapses[node] = lapse
            return (fault, lapse)
        }
        guard let fault else { return honest(lapse) }
        let text =
            switch honest(lapse) {
            case .text(let text), .json(let text): text
            default: ""
            }
        switch fault.kind {
        case .drip: return .drip(text)
        case .storm: return .last(text)
        case .odd: return .text(OddExposition.text(around: text))
        case .duplicate:
            return state.withLock { state in
                let last = state.lapses[node]?.lastText ?? text
                state.lapses[node]?.lastText = last
                return .text(last)
            }
        case .hang: return .nothing
        case .disconnect: return .end
        case .status: return .failure(fault.code)
        case .cut: return .half(of: text)
        case .garbage: return .text("{\"node\": <<<not what belongs here>>>\n\0\u{1}")
        case .huge: return .huge(text, mebibytes: fault.mebibytes, isChunked: fault.isChunked)
        default: return honest(lapse)
        }
    }

    // MARK: ServerConduct

    public func willAnswer(_ request: RequestDescription) async -> RequestConduct {
        let seconds = Double((clock.now - began) / .milliseconds(1)) / 1000
        let fault = state.withLock { state -> Fault? in
            if let resource = request.resource, request.verb == .list || request.verb == .watch {
                state.requestCounts[resource, default: 0] += 1
                state.requests[resource, default: []].append(seconds)
                if state.requests[resource, default: []].count > Self.rememberedRequests {
                    state.requests[resource]?.removeFirst(Self.rememberedRequests / 2)
                }
            }
            return hit(&state, request) { fault in
                switch fault.kind {
                case .hang, .disconnect, .status, .unwell: true
                case .cut: request.verb == .list
                case .withoutWatchList: request["sendInitialEvents"] != nil
                case .withoutProtobuf, .refuseProtobuf: request.accept.contains(Representation.protobufType)
                default: false
                }
            }
        }
        switch fault?.kind {
        case .hang: return .hang
        case .disconnect: return .disconnect
        case .status, .unwell: return .fail(.scripted(code: fault?.code ?? 500, retryAfter: fault?.retryAfter))
        case .cut: return .cutAnswer(afterBytes: 200)
        case .withoutWatchList: return .fail(.watchListDisabled)
        case .withoutProtobuf: return .proceedWithoutProtobuf
        case .refuseProtobuf: return .fail(.notAcceptable)
        default: return .proceed
        }
    }

    public func willSend(
        _ frame: ByteBuffer, of request: RequestDescription, isInitial: Bool
    ) async -> FrameConduct {
        state.withLock { state in
            let kind = FrameKind(frame)
            if let waiting = state.held.removeValue(forKey: request.id) { return .replace([frame, waiting]) }
            let fault = hit(&state, request) { fault in
                switch fault.kind {
                case .skipBookmarks: kind == .bookmark
                case .endlessInitialEvents: kind == .initialEnd
                case .cut, .expired, .garbage: kind == .object
                case .lose: kind == .object && !isInitial
                case .reorder, .duplicate: kind == .object
                case .silence: true
                default: false
                }
            }
            switch fault?.kind {
            case .skipBookmarks, .endlessInitialEvents, .lose: return .drop
            case .cut: return .cut(afterBytes: frame.readableBytes / 2)
            case .expired: return .end(with: WatchFrame.expiry(like: frame))
            case .garbage: return .replace([ByteBuffer(bytes: (0..<64).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) })])
            case .duplicate: return .replace([frame, frame])
            case .silence: return .hang
            case .reorder:
                state.held[request.id] = frame
                return .drop
            default: return .send
            }
        }
    }
}

/// What a frame of a watch carries, as far as faults care.
private enum FrameKind {
    case object
    case bookmark
    case initialEnd

    init(_ frame: ByteBuffer) {
        let view = frame.readableBytesView
        let head = view.prefix(64)
        guard head.contains("BOOKMARK") else {
            self = .object
            return
        }
        self = view.prefix(4096).contains("initial-events-end") ? .initialEnd : .bookmark
    }
}

extension ByteBufferView {
    fileprivate func contains(_ text: String) -> Bool {
        let wanted = Array(text.utf8)
        guard count >= wanted.count else { return false }
        return (startIndex...(endIndex - wanted.count)).contains { self[$0..<$0 + wanted.count].elementsEqual(wanted) }
    }
}

extension WatchFrame {
    /// An ERROR event with 410 in the encoding of another frame of the watch.
    static func expiry(like frame: ByteBuffer) -> ByteBuffer {
        let isJSON = frame.readableBytesView.first == UInt8(ascii: "{")
        return error(
            StatusError(code: 410, reason: "Expired", message: "too old resource version: made up by a fault plan"),
            Representation(encoding: isJSON ? .json : .protobuf, view: .whole))
    }
}

extension StatusError {
    static func scripted(code: Int, retryAfter: Int?) -> StatusError {
        let reasons = [
            429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable", 401: "Unauthorized", 410: "Expired",
            403: "Forbidden",
        ]
        return StatusError(
            code: code, reason: reasons[code] ?? "", message: "made up by a fault plan",
            details: retryAfter.map { Details(retryAfterSeconds: $0) })
    }

    static let watchListDisabled = StatusError(
        code: 422, reason: "Invalid",
        message: "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: "
            + "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled")
}
