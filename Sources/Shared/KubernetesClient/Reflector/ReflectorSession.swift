import KubernetesObjects
import Logging

/// The doing half of a reflector: requests, decoding, and what sink, observer and log are told.
struct ReflectorSession: Sendable {
    private let reflector: Reflector
    private var machine: ReflectorStateMachine
    private var listStarted: Duration = .zero
    private var listedItems = 0
    private var hasLoggedUndecodable = false
    private var hasLoggedRepeated = false
    private var order = EventOrder()
    /// Objects of a list that the sink has not had yet: those of one chunk go to it together.
    private var gathered: [WatchedObject] = []

    init(_ reflector: Reflector) {
        self.reflector = reflector
        machine = ReflectorStateMachine(
            usesWatchList: reflector.options.usesWatchList, watchTimeout: reflector.options.watchTimeout)
    }

    private var resource: Resource { reflector.resource }
    private var sink: any ReflectorSink { reflector.sink }
    private var observer: any ReflectorObserver { reflector.observer }

    mutating func conclude(_ outcome: ReflectorStateMachine.Outcome) async -> ReflectorStateMachine.Step {
        // What arrived before a list broke off.
        await handOver()
        if case .failed(let fault) = outcome {
            observer.failed(resource, cause: fault.cause)
            reflector.logger.debug(
                "a list or watch failed",
                metadata: ["resource": "\(resource)", "error": "\(fault.explanation(resource))"])
            if fault.cause == "expired" {
                // Part of a cluster's life, and not reported as a failure; a new list is worth a line all the same.
                reflector.logger.info(
                    "the API server has forgotten where this watch or list stood; listing anew",
                    metadata: ["resource": "\(resource)", "error": "\(fault.explanation(resource))"])
            }
        }
        let decision = machine.conclude(outcome, now: reflector.server.clock.now(), draw: reflector.random())
        await tell(decision.notices)
        return decision.step
    }

    private mutating func observe(_ signal: ReflectorStateMachine.Signal) async {
        await tell(machine.observe(signal, now: reflector.server.clock.now()))
    }

    private mutating func tell(_ notices: [ReflectorStateMachine.Notice]) async {
        if !notices.isEmpty { await handOver() }
        for notice in notices {
            switch notice {
            case .listBegan:
                listedItems = 0
                await sink.listBegan(resource)
            case .listEnded(let version):
                order.restart(at: version)
                await sink.listEnded(resource, resourceVersion: version)
                observer.listEnded(resource, items: listedItems, duration: reflector.server.clock.now() - listStarted)
                reflector.logger.debug(
                    "listed",
                    metadata: ["resource": "\(resource)", "items": "\(listedItems)", "resourceVersion": "\(version)"])
            case .bookmark(let version):
                await sink.bookmark(resource, resourceVersion: version)
            case .report(let fault, let wait): reflector.server.report(fault, of: resource, retryAfter: wait)
            }
        }
    }
}

// MARK: - Lists

extension ReflectorSession {
    mutating func list(
        _ request: ListRequest, _ watchdog: SilenceWatchdog
    ) async -> ReflectorStateMachine.Outcome {
        switch request.page {
        case .first, .whole: noteListStart()
        case .next: break
        }
        do {
            watchdog.waits(.due)
            let stream = try await reflector.server.client.open(
                APIRequest(
                    path: resource.listPath, query: request.query(pageSize: reflector.options.pageSize),
                    accept: request.offer.accept(for: resource, list: true)))
            watchdog.works()
            guard let encoding = ObjectEncoding(contentType: stream.contentType) else {
                return .failed(.unexpectedContentType(stream.contentType))
            }
            reflector.server.answered(resource)
            await observe(.accepted)
            var decoder = ListDecoder(encoding: encoding, resource: resource)
            var chunks = stream.body.makeAsyncIterator()
            while true {
                watchdog.waits(.due)
                guard let chunk = try await chunks.next() else { break }
                watchdog.works()
                decoder.append(chunk)
                while let item = try await nextItem(&decoder) {
                    listedItems += 1
                    if let object = await publishable(item) { gathered.append(object) }
                }
                await handOver()
            }
            watchdog.works()
            return .pageEnded(try decoder.finish())
        } catch {
            return .failed(ReflectorFault(error))
        }
    }

    /// Gives the sink what was gathered for it: at a chunk's end, and before it is told of anything else.
    private mutating func handOver() async {
        guard !gathered.isEmpty else { return }
        await sink.upsert(gathered)
        gathered.removeAll(keepingCapacity: false)
    }

    private mutating func noteListStart() {
        listStarted = reflector.server.clock.now()
        observer.listStarted(resource)
    }

    /// The object as the sink may have it, or nil for one that cannot be decoded, which the sink was told of.
    private mutating func publishable(_ arrived: ArrivedObject) async -> WatchedObject? {
        do {
            return try arrived.watched(as: resource)
        } catch {
            await undecodable(error.description)
            return nil
        }
    }

    /// The next item; those that are too large are counted and passed over.
    private mutating func nextItem(_ decoder: inout ListDecoder) async throws -> ArrivedObject? {
        while true {
            do {
                return try decoder.next()
            } catch {
                guard case .tooLarge = error.reason, decoder.canContinue else { throw error }
                listedItems += 1
                await undecodable(error.description)
            }
        }
    }

    /// As `nextItem`, for the events of a watch.
    private mutating func nextFrame(_ decoder: inout WatchFrameDecoder) async throws -> WatchFrame? {
        while true {
            do {
                return try decoder.next()
            } catch {
                guard case .tooLarge = error.reason, decoder.canContinue else { throw error }
                await undecodable(error.description)
            }
        }
    }

    private mutating func undecodable(_ reason: String) async {
        if !hasLoggedUndecodable {
            hasLoggedUndecodable = true
            reflector.logger.warning(
                "an object cannot be decoded and is skipped; further ones are only counted",
                metadata: ["resource": "\(resource)", "error": "\(reason)"])
        }
        await handOver()
        await sink.undecodable(resource, reason: reason)
    }
}

// MARK: - Watches

extension ReflectorSession {
    /// Asks for one object of a list that is not older than `version`, and of it for the metadata: a server that has not got so far says
    /// so instead, after it has waited a few seconds for its cache.
    mutating func confirm(_ version: String, _ watchdog: SilenceWatchdog) async -> ReflectorStateMachine.Outcome {
        do {
            watchdog.waits(.due)
            let request = ListRequest(page: .first(.notOlderThan(version)), offer: .protobufOrJSON)
            let stream = try await reflector.server.client.open(
                APIRequest(path: resource.listPath, query: request.query(pageSize: 1), accept: MetadataForm.accept(list: true)))
            for try await _ in stream.body { watchdog.waits(.due) }
            watchdog.works()
            reflector.server.answered(resource)
            reflector.server.cameBack()
            return .confirmed
        } catch APIError.status(let status) where status.isResourceVersionTooLarge {
            return .failed(.rewound)
        } catch {
            return .failed(ReflectorFault(error))
        }
    }

    mutating func watch(
        _ request: WatchRequest, _ watchdog: SilenceWatchdog
    ) async -> ReflectorStateMachine.Outcome {
        observer.watchStarted(resource)
        if case .initialEvents = request.start { noteListStart() }
        do {
            watchdog.waits(.due)
            let end = reflector.server.clock.now() + .seconds(request.timeout)
            let stream = try await reflector.server.client.open(
                APIRequest(
                    path: resource.listPath, query: request.query,
                    accept: request.offer.accept(for: resource, list: false)))
            watchdog.works()
            guard let encoding = ObjectEncoding(contentType: stream.contentType) else {
                return .failed(.unexpectedContentType(stream.contentType))
            }
            reflector.server.answered(resource)
            await observe(.accepted)
            var decoder = WatchFrameDecoder(
                encoding: encoding, maximumFrameSize: reflector.options.maximumFrameSize)
            var chunks = stream.body.makeAsyncIterator()
            while true {
                watchdog.waits(isListing ? .due : .watch(end: end))
                guard let chunk = try await chunks.next() else { break }
                watchdog.works()
                decoder.append(chunk)
                while let frame = try await nextFrame(&decoder) {
                    if let fault = await take(frame) { return .failed(fault) }
                }
                await handOver()
            }
            watchdog.works()
            return decoder.isInsideFrame ? .failed(.cut) : .ended
        } catch {
            return .failed(ReflectorFault(error))
        }
    }

    private var isListing: Bool {
        switch machine.state {
        case .initialEvents, .listing: true
        case .idle, .confirming, .watching, .waiting: false
        }
    }

    /// - Returns: the fault when the frame is the server's word that the watch has failed.
    private mutating func take(_ frame: WatchFrame) async -> ReflectorFault? {
        switch frame {
        case .added(let object): return await take(object, .added)
        case .modified(let object): return await take(object, .modified)
        case .deleted(let object): return await take(object, .deleted)
        case .bookmark(let version, let isEnd):
            if !isListing { observer.event(resource, kind: .bookmark) }
            // A bookmark without a version says nothing.
            guard !version.isEmpty else { return nil }
            if isListing {
                if !isEnd { return .unmarkedInitialEvents }
            } else {
                switch order.judge(bookmark: version) {
                case .news: break
                case .old: return nil
                case .unclear: return .disordered
                }
            }
            await observe(isEnd ? .initialEventsEnded(resourceVersion: version) : .bookmark(resourceVersion: version))
        case .error(let status):
            observer.event(resource, kind: .error)
            return .status(APIStatus(status))
        }
        return nil
    }

    private mutating func repeated() {
        observer.repeated(resource)
        guard !hasLoggedRepeated else { return }
        hasLoggedRepeated = true
        reflector.logger.warning(
            "the API server sent an event twice or late; it changes nothing, and further ones are only counted",
            metadata: ["resource": "\(resource)"])
    }

    private mutating func take(_ arrived: ArrivedObject, _ kind: WatchEventKind) async -> ReflectorFault? {
        if isListing { listedItems += 1 } else { observer.event(resource, kind: kind) }
        if let object = await publishable(arrived) {
            if !isListing {
                let identity = object.identity
                switch order.judge(key: "\(identity.namespace)/\(identity.name)", version: identity.resourceVersion) {
                case .news: break
                case .old:
                    repeated()
                    return nil
                case .unclear: return .disordered
                }
            }
            if isListing, kind != .deleted {
                gathered.append(object)
                return nil
            }
            await handOver()
            if kind == .deleted { await sink.delete(object) } else { await sink.upsert(object) }
            if !object.identity.resourceVersion.isEmpty {
                await observe(.changed(resourceVersion: object.identity.resourceVersion))
            }
        }
        return nil
    }
}
