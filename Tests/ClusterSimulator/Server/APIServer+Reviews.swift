import HTTPTypes
import KubernetesObjects

/// Questions about callers: TokenReview and SubjectAccessReview, answered from the tokens that the simulator issued.
extension APIServer {
    /// - Returns: `nil` when the path is not a review.
    func review(_ call: Call, _ segments: [String]) throws(StatusError) -> Answer? {
        guard segments.count == 4, segments[0] == "apis", segments[2] == "v1" else { return nil }
        let answer: (JSONValue) -> JSONValue
        switch (segments[1], segments[3]) {
        case ("authentication.k8s.io", "tokenreviews"): answer = tokenReview
        case ("authentication.k8s.io", "selfsubjectreviews"): answer = { _ in ["userInfo": call.user.json] }
        case ("authorization.k8s.io", "subjectaccessreviews"): answer = accessReview
        case ("authorization.k8s.io", "selfsubjectaccessreviews"):
            answer = { _ in ["allowed": .bool(call.user.isAllowed)] }
        default: return nil
        }
        guard call.method == .post else { throw .methodNotAllowed }
        var body = try body(of: call, plural: segments[3])
        body["status"] = answer(body)
        if body["metadata"] == nil { body["metadata"] = [:] }
        return .json(body, status: 201)
    }

    /// Reviews of oneself say nothing that matters, and have no schema: in protobuf only their type is read.
    private func body(of call: Call, plural: String) throws(StatusError) -> JSONValue {
        if let resource = Resource.reviewsAndMetrics.first(where: { $0.plural == plural }) {
            guard let tree = try call.tree(resource) else { throw .badRequest("the request has no body") }
            return tree
        }
        if call.body.starts(with: ProtobufEnvelope.magic) {
            let type = ProtobufFields.bytes(1, in: call.body.dropFirst(ProtobufEnvelope.magic.count)) ?? []
            func text(_ field: Int) -> JSONValue {
                .string(String(decoding: ProtobufFields.bytes(field, in: type) ?? [], as: UTF8.self))
            }
            return ["kind": text(2), "apiVersion": text(1)]
        }
        guard let tree = try call.tree(nil) else { throw .badRequest("the request has no body") }
        return tree
    }

    private func tokenReview(_ review: JSONValue) -> JSONValue {
        guard let user = authenticator.user(token: review.at("spec", "token")?.string ?? "") else {
            return ["user": [:], "error": "invalid bearer token"]
        }
        let audiences = review.at("spec", "audiences")
        return .present(["authenticated": true, "user": user.json, "audiences": audiences])
    }

    private func accessReview(_ review: JSONValue) -> JSONValue {
        let name = review.at("spec", "user")?.string ?? ""
        let groups = (review.at("spec", "groups")?.array ?? []).compactMap(\.string)
        let isAllowed = groups.contains("system:masters") || authenticator.isAllowed(userName: name)
        return isAllowed
            ? ["allowed": true, "reason": "the simulator issued credentials that may do this"]
            : ["allowed": false]
    }
}
