public import DeltaStream
public import ProcessRuntime
public import ServiceLifecycle

extension ProcessError {
    /// The one exit code for each way in which a stream's endpoints and keys can be unusable.
    public init(_ error: DeltaStreamError) {
        let code =
            switch error.kind {
            case .badArgument: ExitStatus.usage
            case .keys: ExitStatus.configuration
            case .notCreated: ExitStatus.cannotCreate
            case .unavailable: ExitStatus.unavailable
            case .fault: ExitStatus.software
            }
        self.init(code: code, message: error.message, place: error.place, cause: error.cause)
    }
}

/// Runs a publisher or a subscriber as a service; its errors end the process with their exit code.
public struct StreamService: Service {
    private let body: @Sendable () async throws -> Void

    public init(_ body: @escaping @Sendable () async throws -> Void) {
        self.body = body
    }

    public func run() async throws {
        do {
            try await CancellableService(body).run()
        } catch let error as DeltaStreamError {
            throw ProcessError(error)
        }
    }
}
