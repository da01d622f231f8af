import KubernetesObjects

/// One Lease at the API server, in the words of ``LeaseElection``.
struct LeaseClient {
    let api: APIClient
    let name: LeaseName
    /// As it was last read or written; an update replaces this version and no other.
    private var latest: LeaseObject?

    /// - Parameter api: of its own, so that a renewal does not wait behind a list.
    init(api: APIClient, name: LeaseName) {
        self.api = api
        self.name = name
    }

    mutating func get(within limit: Duration) async -> LeaseElection.Event {
        let request = APIRequest(path: path)
        switch await send(request, limit) {
        case .failure(let fault): return .failed(fault)
        case .success(let response):
            // Whether the namespace is there either is what a create will tell.
            if response.status == 404 { return .absent }
            return keep(response) { .found($0) }
        }
    }

    mutating func create(_ record: LeaseRecord, within limit: Duration) async -> LeaseElection.Event {
        let request = APIRequest(
            .post, path: Resource.leases.listPath(namespace: name.namespace),
            body: LeaseObject.json(namespace: name.namespace, name: name.name, record), contentType: "application/json")
        switch await send(request, limit) {
        case .failure(let fault): return .failed(fault)
        case .success(let response):
            if response.status == 409 { return .conflict }
            return keep(response) { _ in .written }
        }
    }

    mutating func update(_ record: LeaseRecord, within limit: Duration) async -> LeaseElection.Event {
        guard let latest else { return .conflict }
        let body: [UInt8]
        do { body = try latest.json(replacing: record) } catch { return .failed(LeaseFault(.undecodable, "\(error)")) }
        let request = APIRequest(.put, path: path, body: body, contentType: "application/json")
        switch await send(request, limit) {
        case .failure(let fault): return .failed(fault)
        case .success(let response):
            if response.status == 409 { return .conflict }
            if response.status == 404 { return .absent }
            return keep(response) { _ in .written }
        }
    }

    private var path: String { Resource.leases.path(namespace: name.namespace, name: name.name) }

    private func send(_ request: APIRequest, _ limit: Duration) async -> Result<APIResponse, LeaseFault> {
        do {
            return .success(try await api.send(request, timeout: limit, limit: 4 << 20))
        } catch {
            return .failure(LeaseFault(.unanswered, "\(error)"))
        }
    }

    private mutating func keep(
        _ response: APIResponse, _ event: (LeaseRecord) -> LeaseElection.Event
    ) -> LeaseElection.Event {
        do {
            let object = try LeaseObject(json: response.checked().body)
            latest = object
            return event(object.record)
        } catch APIError.status(let status) {
            return .failed(LeaseFault(status))
        } catch {
            return .failed(LeaseFault(.undecodable, "\(error)"))
        }
    }
}
