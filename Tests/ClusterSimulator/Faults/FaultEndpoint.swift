import HTTPTypes

/// `/simulator/faults`: POST adds a plan, GET says what faults hit, DELETE ends them all.
struct FaultEndpoint {
    static let path = "/simulator/faults"

    let server: APIServer

    func answer(_ method: HTTPRequest.Method, _ body: [UInt8]) throws(StatusError) -> APIServer.Answer {
        switch method {
        case .get: break
        case .delete: server.switchboard.clear()
        case .post:
            let plan: FaultPlan
            do throws(ManifestError) {
                plan = try FaultPlan(yaml: String(decoding: body, as: UTF8.self), place: "fault plan")
            } catch {
                throw .badRequest("\(error)")
            }
            do { for action in plan.actions { try server.perform(action) } } catch {
                throw .badRequest("\(error)")
            }
            server.switchboard.switchOn(plan.faults)
        default: throw .methodNotAllowed
        }
        return .json(server.switchboard.report)
    }
}
