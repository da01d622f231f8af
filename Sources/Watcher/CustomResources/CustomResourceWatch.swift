import DeltaStream
import KubernetesClient
import KubernetesObjects
import Logging
import ProcessRuntime
import ServiceLifecycle
import Synchronization

/// Watches the custom resources that are asked for and served, each like any resource, and follows definitions that come and go.
///
/// The API server is asked again and again what it serves. A watch of the definitions themselves would be told of one sooner, but a
/// definition that is there need not be served yet, or in all of its versions; and it would need leave to read definitions, which
/// discovery does not. A resource that is gone is published as a list of nothing, and stays on the stream: its subscribers see all of
/// its objects go, and, should it come back, the same sequences go on.
final class CustomResourceWatch: ServiceLifecycle.Service {
    private struct Running {
        var task: Task<Void, Never>
        var demand: RelistDemand
    }

    private let options: CustomResourceOptions
    private let server: WatchedServer
    private let discovery: ResourceDiscovery
    private let committer: Committer
    private let publisher: Publisher
    private let metrics: WatcherMetrics
    private let reflecting: Reflector.Options
    private let logger: Logger
    private let running = Mutex<[Resource: Running]>([:])

    init(
        options: CustomResourceOptions, server: WatchedServer, client: APIClient, committer: Committer, publisher: Publisher,
        metrics: WatcherMetrics, reflecting: Reflector.Options, logger: Logger
    ) {
        self.options = options
        self.server = server
        discovery = ResourceDiscovery(client)
        self.committer = committer
        self.publisher = publisher
        self.metrics = metrics
        self.reflecting = reflecting
        self.logger = logger
    }

    /// What is watched now, and who asks for a new list of it.
    var demands: [Resource: RelistDemand] { running.withLock { $0.mapValues(\.demand) } }

    func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            var selection = CustomResourceSelection(options)
            var isFailing = false
            while !Task.isCancelled {
                let selectors = selection.now(logger)
                do {
                    let answer = try await discovery.resources(selectors)
                    await follow(answer)
                    metrics.discovered(isComplete: answer.unknown.isEmpty)
                    isFailing = false
                } catch {
                    guard !Task.isCancelled else { break }
                    metrics.discovered(isComplete: false)
                    if !isFailing {
                        logger.warning("the API server does not say which custom resources it serves", metadata: ["error": "\(error)"])
                    }
                    isFailing = true
                }
                let interval = options.customResourceInterval.duration
                // Cancelled: the loop's condition sees it.
                try? await Task.sleep(for: isFailing ? min(interval, .seconds(1)) : interval)
            }
            for resource in running.withLock({ Array($0.keys) }) { await stop(resource) }
        }
    }

    private func follow(_ answer: ResourceDiscovery.Answer) async {
        let watched = running.withLock { Set($0.keys) }
        for resource in answer.resources where !watched.contains(resource) { begin(resource) }
        for resource in watched where answer.lacks(resource) {
            await stop(resource)
            logger.notice("a custom resource is not served any more", metadata: metadata(resource))
            await forget(resource)
        }
        // Published by the process before this one, and gone since.
        let announced = publisher.withStore { store in store.announced.filter { !store.isSynced($0) } }
        for resource in announced where !Resource.all.contains(resource) && !watched.contains(resource) && answer.lacks(resource) {
            await forget(resource)
        }
        metrics.customResources(running.withLock { $0.count })
    }

    private func begin(_ resource: Resource) {
        metrics.add(resource)
        publisher.announce([resource])
        let demand = RelistDemand()
        let reflector = Reflector(
            server: server, resource: resource, sink: committer, observer: metrics, options: reflecting, demand: demand, logger: logger)
        let task = Task { await reflector.run() }
        running.withLock { $0[resource] = Running(task: task, demand: demand) }
        logger.info("watching a custom resource", metadata: metadata(resource))
    }

    private func stop(_ resource: Resource) async {
        guard let ended = running.withLock({ $0.removeValue(forKey: resource) }) else { return }
        ended.task.cancel()
        // A reflector's calls come in order, and the next ones are about the same resource.
        await ended.task.value
    }

    /// Whatever is held of the resource is gone.
    private func forget(_ resource: Resource) async {
        metrics.add(resource)
        await committer.listBegan(resource)
        await committer.listEnded(resource, resourceVersion: "")
    }

    private func metadata(_ resource: Resource) -> Logger.Metadata { ["resource": "\(resource)", "version": "\(resource.version)"] }
}

/// What the options ask for, whatever becomes of the file that they name.
struct CustomResourceSelection {
    private let options: CustomResourceOptions
    private var last: [CustomResourceSelector] = []
    private var complaint = ""

    init(_ options: CustomResourceOptions) { self.options = options }

    /// As the file is now; as it was last where it cannot be read, which is logged once.
    mutating func now(_ logger: Logger) -> [CustomResourceSelector] {
        do throws(ProcessError) {
            last = try options.selectors()
            complaint = ""
        } catch {
            if complaint != error.message {
                complaint = error.message
                logger.error(
                    "the custom resources of the configuration are unknown; those that it named before stay",
                    metadata: ["file": "\(error.place ?? "")", "error": "\(error.message)"])
            }
        }
        return last
    }
}
