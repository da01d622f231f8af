package import KubernetesObjects

/// What a benchmark measures of the way from a delta's object to the lines of a scrape.
package struct RenderingProbe: Sendable {
    private let renderer: ResourceRenderer

    /// With every family that is served by default; nil for a resource without families.
    package init?(_ resource: Resource) {
        guard let families = FamilyRegistry.families(of: resource), let filter = try? FamilyFilter() else { return nil }
        renderer = families.renderer(filter)
    }

    /// The size of the object's lines in bytes.
    package func render(_ object: EncodedObject) throws(ObjectDecodingError) -> Int {
        try renderer.record(object)?.samples.count ?? 0
    }
}
