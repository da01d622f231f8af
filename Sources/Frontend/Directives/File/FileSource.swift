/// All `file` statements of a block: a query belongs to the longest of their zones, whatever statement it is in.
final class FileSource: DirectiveSource {
    let statements: [ZoneSource]

    init(_ statements: [ZoneSource]) { self.statements = statements }

    func makeHandler(_ setup: HandlerSetup) -> DirectiveHandler? { ZoneHandler(statements) }

    func follow(_ now: ContinuousClock.Instant) {
        for statement in statements { statement.follow(now) }
    }
}
