/// An object of the catalog, with what was rendered of it for answers. Another one takes its place when the object changes, so what is
/// rendered of it depends on its samples alone.
final class Listed<Object: Sendable>: Sendable {
    let object: Object
    let pieces = RenderedPieces()

    init(_ object: Object) { self.object = object }
}
