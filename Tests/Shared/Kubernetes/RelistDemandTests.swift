import KubernetesClient
import KubernetesObjects
import Testing

@Suite("A new list that is asked for from outside", .timeLimit(.minutes(1)))
struct RelistDemandTests {
    /// Runs a reflector, of which a list was demanded before it began, until `body` has looked.
    private func reflect(watchList: Bool, _ body: (RelistDemand, ReflectorTests.Bench, ScriptedServer) async throws -> Void) async throws {
        let bench = ReflectorTests.Bench()
        let server = try await ScriptedServer { request, answer in
            if request.query["watch"] == nil { return try await answer.reply(200, ReflectorTests.list([], 5)) }
            try await answer.head(200, "application/json")
            if request.query["sendInitialEvents"] != nil { try await answer.write(ReflectorTests.bookmark(5, end: true)) }
            try await answer.write(ReflectorTests.bookmark(7))
        }
        let client = try APIClient(ClientConfiguration(server: server.url), logger: quiet)
        var options = Reflector.Options()
        options.usesWatchList = watchList
        let demand = RelistDemand()
        demand.demand("before it began")
        let watched = WatchedServer(
            client, limits: SilenceLimits(quiet: .seconds(10_000), answer: .seconds(75)), clock: bench.clock, logger: quiet)
        let reflector = Reflector(
            server: watched, resource: .services, sink: bench.sink, observer: bench.observer, options: options,
            random: { 0 }, demand: demand, logger: quiet)
        let running = Task { await reflector.run() }
        let result: Result<Void, any Error>
        do { result = .success(try await body(demand, bench, server)) } catch { result = .failure(error) }
        running.cancel()
        await running.value
        try await client.shutdown()
        try await server.stop()
        try result.get()
    }

    @Test(
        "what was demanded before a list began is answered by that list, which goes on; later there is another", arguments: [false, true])
    func before(watchList: Bool) async throws {
        try await reflect(watchList: watchList) { demand, bench, server in
            #expect(await bench.sink.calls(until: "bookmark 7") == ["list", "listed 5", "bookmark 7"])
            #expect(bench.observer["failed drift"] == 0 && bench.observer["lists"] == 1)
            demand.demand("while it watches")
            #expect(await bench.sink.calls(until: "bookmark 7") == ["list", "listed 5", "bookmark 7"])
            #expect(bench.observer["failed drift"] == 1 && bench.observer["lists"] == 2)
        }
    }
}
