import Crypto
import FoundationEssentials

/// One document as it is served, with the mark by which clients know that it has not changed.
struct OpenAPIDocument: Sendable {
    let json: [UInt8]
    /// Without the quotes that HTTP puts around it.
    let etag: String

    init(_ value: JSONValue) {
        // As API servers do: no line end.
        json = Array(value.json(pretty: false).dropLast(1))
        etag = SHA512.hash(data: json).hexadecimal
    }
}

/// The API in OpenAPI: what `kubectl explain` prints and API servers put together with those of others. They are the same for as long as the
/// process lives.
enum OpenAPIDocuments {
    /// `/openapi/v2`: all of it.
    static let v2 = OpenAPIDocument(
        .members([
            "swagger": .string("2.0"), "info": info, "paths": paths(OpenAPIOperation.all, .v2),
            "definitions": schemas(OpenAPIOperation.all, .v2),
            "securityDefinitions": .object([.init(key: bearerTokenName, value: bearerToken)]), "security": security,
        ]))

    /// `/openapi/v3/…`: a document for each path under which there is something.
    static let v3: [String: OpenAPIDocument] = Dictionary(grouping: OpenAPIOperation.all, by: \.place).mapValues { operations in
        OpenAPIDocument(
            .members([
                "openapi": .string("3.0.0"), "info": info, "paths": paths(operations, .v3),
                "components": .members([
                    "schemas": schemas(operations, .v3),
                    "securitySchemes": .object([.init(key: bearerTokenName, value: bearerToken)]),
                ]), "security": security,
            ]))
    }

    /// `/openapi/v3`: where the documents are. Their marks stand in their addresses, so that clients may keep them for good.
    static let v3Index = OpenAPIDocument(
        .members([
            "paths": .object(
                v3.sorted { $0.key < $1.key }.map { place, document in
                    .init(key: place, value: .members(["serverRelativeURL": .string(address(place, document))]))
                })
        ]))

    static func address(_ place: String, _ document: OpenAPIDocument) -> String { "/openapi/v3/\(place)?hash=\(document.etag)" }

    static let title = "Mizzen metrics API"
    static let version = "v1beta1"
    static let bearerTokenName = "BearerToken"
    static let bearerTokenDescription = "Token that the API server knows"

    private static let info = JSONValue.members(["title": .string(title), "version": .string(version)])

    private static let bearerToken = JSONValue.members([
        "description": .string(bearerTokenDescription), "in": .string("header"), "name": .string("authorization"),
        "type": .string("apiKey"),
    ])

    private static let security = JSONValue.array([.object([.init(key: bearerTokenName, value: .array([]))])])

    private static func schemas(_ operations: [OpenAPIOperation], _ version: OpenAPIVersion) -> JSONValue {
        .object(
            OpenAPISchemas.closure(of: operations.map(\.result)).map { .init(key: $0.name, value: version.schema($0)) })
    }

    private static func paths(_ operations: [OpenAPIOperation], _ version: OpenAPIVersion) -> JSONValue {
        .object(
            operations.sorted { $0.path < $1.path }.map { operation in
                .init(key: operation.path, value: .members(["get": operation.document(version)]))
            })
    }
}
