import ProcessRuntime
import SharedCounters
import Testing

@testable import Frontend

@Suite("Answers of several frontends")
struct JointAnswerTests {
    private static func member(
        _ process: Int, _ stage: MemberCard.Stage = .serving, waiting: [String] = [], fault: String = "", silence: UInt64 = 0
    ) -> CounterFolder.Member {
        var card = MemberCard(place: .init(networkNamespace: 1, table: "/t"), release: "1")
        (card.stage, card.waiting, card.fault) = (stage, waiting, fault)
        return CounterFolder.Member(
            id: "\(process)", process: process, started: 0, card: card, isAlive: true, silence: silence * 1_000_000_000)
    }

    private static let readiness: [(String, MemberCard.Stage, [String], [CounterFolder.Member], Int, String)] = [
        ("alone and ready", .serving, [], [], 200, "OK"),
        ("alone and waiting", .serving, ["kubernetes"], [], 503, "kubernetes"),
        ("alone and going", .draining, [], [], 503, "Shutting down"),
        ("ready beside one that waits", .serving, [], [member(7, waiting: ["kubernetes"])], 503, "frontend 7: kubernetes"),
        (
            "ready beside one that comes and one that goes", .serving, [], [member(7, .starting, waiting: ["x"]), member(8, .draining)],
            200, "OK"
        ),
        ("going beside one that is ready", .draining, [], [member(7)], 200, "OK"),
        ("going beside one that goes", .draining, [], [member(7, .draining)], 503, "Shutting down"),
        ("ready beside a silent one", .serving, [], [member(7, silence: 6), member(8)], 503, "frontend 7: no sign of life for 6s"),
        (
            "all wait", .serving, ["kubernetes"], [member(7, waiting: ["kubernetes"])], 503,
            "kubernetes\nfrontend 7: kubernetes"
        ),
    ]

    @Test("an address is ready when all that take queries are, and one at least does", arguments: readiness.indices)
    func ready(index: Int) {
        let (name, stage, waiting, others, status, body) = Self.readiness[index]
        let answer = JointAnswer.ready(stage, waiting: waiting, others: others)
        #expect(answer.status == status && String(decoding: answer.body, as: UTF8.self) == body, "\(name)")
    }

    @Test("an address is healthy when all are, and names those that are not")
    func health() {
        #expect(JointAnswer.health(own: "", others: [Self.member(7), Self.member(8, .draining)]).status == 200)
        let answer = JointAnswer.health(own: "own", others: [Self.member(7, fault: "stuck"), Self.member(8, silence: 9)])
        #expect(answer.status == 503)
        #expect(String(decoding: answer.body, as: UTF8.self) == "own\nfrontend 7: stuck\nfrontend 8: no sign of life for 9s\n")
    }

    @Test("cells of a zone's counters are where the series say")
    func layout() {
        let series = ServerCounters.series(server: "s", zone: "z", view: "")
        var place = 0
        let places = series.map { series in
            defer { place += series.cellCount }
            return (series.name, place)
        }
        typealias Layout = ServerCounters.Layout
        let expected = [
            ("requests_total", Layout.requests), ("responses_total", Layout.responses), ("request_duration_seconds", Layout.duration),
            ("request_size_bytes", Layout.requestSize), ("response_size_bytes", Layout.responseSize),
            ("do_requests_total", Layout.wantsDNSSEC),
        ]
        #expect(places.map(\.0) == expected.map { "coredns_dns_\($0.0)" } && places.map(\.1) == expected.map(\.1))
        #expect(place == Layout.count)
    }
}
