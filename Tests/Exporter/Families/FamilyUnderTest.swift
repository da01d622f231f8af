import Foundation
import KubernetesObjects
import Testing

@testable import Exporter

/// The samples of one family for one object `x`, in their order, without name and identity: `phase="Bound" 1`.
func samples(
    _ family: String, of resource: Resource, _ body: String = "", metadata: String = "", flags: [String] = []
) throws -> [String] {
    let exporter = try ExporterUnderTest(["--resources=\(resource.plural)"] + flags)
    try #require(FamilyRegistry.families(of: resource)?.families.contains { $0.name == family } == true, "\(family)")
    let identity = [#""name":"x","uid":"u""#, resource.isNamespaced ? #""namespace":"n""# : "", metadata]
    let members = [#""metadata":{\#(joined(identity))}"#, body]
    exporter.upsert(try object(resource, "{\(joined(members))}"))
    return try exporter.lines().filter { $0.hasPrefix("\(family){") }.map { line in
        let identity = try #require(line.firstRange(of: #"="x""#))
        var rest = line[identity.upperBound...]
        if rest.hasPrefix(#",uid="u""#) { rest = rest.dropFirst(8) }
        return rest.drop { $0 == "," }.replacing("} ", with: " ").trimmingCharacters(in: .whitespaces)
    }
}

private func joined(_ members: [String]) -> String { members.filter { !$0.isEmpty }.joined(separator: ",") }
