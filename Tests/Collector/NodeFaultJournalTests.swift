import Testing

@testable import Collector

@Suite("What the log says of nodes that cannot be scraped")
struct NodeFaultJournalTests {
    private typealias Line = NodeFaultJournal.Line

    @Test("a node is told once, once more when its fault changes, and once when it is well")
    func one() {
        var journal = NodeFaultJournal()
        #expect(journal.note("a", nil, now: .seconds(0)) == [])
        #expect(journal.note("a", .refused, reason: "r", now: .seconds(1)) == [Line(condition: .refused, nodes: ["a"], reason: "r")])
        for second in 2..<3600 { #expect(journal.note("a", .refused, reason: "other words", now: .seconds(second)) == []) }
        #expect(journal.due == nil && journal.count(.refused) == 1)
        #expect(journal.note("a", .timeout, reason: "t", now: .seconds(3600)) == [Line(condition: .timeout, nodes: ["a"], reason: "t")])
        #expect(journal.count(.refused) == 0 && journal.count(.timeout) == 1)
        #expect(journal.note("a", nil, now: .seconds(3601)) == [Line(condition: nil, nodes: ["a"], reason: "")])
        #expect(journal.note("a", nil, now: .seconds(3602)) == [] && journal == noneHeld(journal))
    }

    /// The same without any node.
    private func noneHeld(_ journal: NodeFaultJournal) -> NodeFaultJournal {
        var journal = journal
        journal.forget("a")
        return journal
    }

    @Test("5,000 nodes that go at once, and come back, are two lines each")
    func many() {
        var journal = NodeFaultJournal()
        let names = (0..<5000).map { "node-\($0)" }
        var lines: [Line] = []
        for (index, name) in names.enumerated() { lines += journal.note(name, .unreachable, reason: "no route", now: .milliseconds(index)) }
        #expect(lines == [Line(condition: .unreachable, nodes: ["node-0"], reason: "no route")])
        #expect(journal.due == .seconds(10) && journal.lines(now: .milliseconds(9999)) == [])
        let gathered = journal.lines(now: .seconds(10))
        #expect(gathered.count == 1 && gathered[0].nodes.count == 4999 && gathered[0].nodes == gathered[0].nodes.sorted())
        #expect(journal.due == nil && journal.count(.unreachable) == 5000)
        lines = names.enumerated().flatMap { journal.note($1, nil, now: .seconds(20) + .milliseconds($0)) }
        lines += journal.lines(now: .seconds(60))
        #expect(lines.map(\.nodes.count) == [1, 4999] && lines.allSatisfy { $0.condition == nil })
        #expect(journal.due == nil && journal.count(.unreachable) == 0)
    }

    @Test("what changes back before it is told is not told")
    func backAgain() {
        var journal = NodeFaultJournal()
        #expect(journal.note("a", .refused, now: .seconds(0)).count == 1)
        #expect(journal.note("b", .refused, now: .seconds(1)) == [] && journal.due == .seconds(10))
        #expect(journal.note("b", nil, now: .seconds(2)) == [] && journal.due == nil)
        // Told as failing; well and failing again while another's recovery is told.
        #expect(journal.note("b", .refused, now: .seconds(3)) == [])
        #expect(journal.lines(now: .seconds(10)).map(\.nodes) == [["b"]])
        #expect(journal.note("a", nil, now: .seconds(11)).map(\.nodes) == [["a"]])
        #expect(journal.note("b", nil, now: .seconds(12)) == [])
        #expect(journal.note("b", .refused, now: .seconds(13)) == [])
        #expect(journal.lines(now: .seconds(1000)) == [] && journal.count(.refused) == 1)
    }

    @Test("a node that leaves is told no more; under its name it begins anew")
    func leaves() {
        var journal = NodeFaultJournal()
        #expect(journal.note("a", .refused, now: .seconds(0)).count == 1)
        #expect(journal.note("b", .refused, now: .seconds(0)) == [])
        journal.forget("a")
        journal.forget("b")
        #expect(journal.due == nil && journal.lines(now: .seconds(100)) == [])
        #expect(journal.note("a", .refused, now: .seconds(200)).count == 1)
    }

    @Test("nodes that come and go for hours are told ever less often")
    func flapping() {
        var journal = NodeFaultJournal()
        var times: [Int] = []
        for second in 0..<7200 {
            let lines =
                journal.note("a", second % 2 == 0 ? .closed : nil, now: .seconds(second))
                + journal.note("b", second % 3 == 0 ? .closed : nil, now: .seconds(second))
            if lines.contains(where: { $0.condition == .closed }) { times.append(second) }
        }
        #expect(times.prefix(3) == [0, 10, 30] || times.prefix(3) == [0, 12, 32], "\(times)")
        // The longest pause is 320 s.
        #expect(times.count < 35 && times.count > 20, "\(times)")
    }

    @Test("whatever happens, who reads the log knows each node's state once it has lasted")
    func random() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            var journal = NodeFaultJournal()
            var (now, truth, told) = (0, [String: KubeletFault](), [String: KubeletFault]())
            func read(_ lines: [Line]) { for line in lines { for node in line.nodes { told[node] = line.condition } } }
            for _ in 0..<300 {
                now += Int.random(in: 0...4, using: &generator)
                let node = "n\(Int.random(in: 0..<4, using: &generator))"
                switch Int.random(in: 0..<10, using: &generator) {
                case 0:
                    journal.forget(node)
                    (truth[node], told[node]) = (nil, nil)
                case 1...5:
                    let fault: KubeletFault = [.refused, .timeout].randomElement(using: &generator) ?? .refused
                    truth[node] = fault
                    read(journal.note(node, fault, now: .seconds(now)))
                default:
                    truth[node] = nil
                    read(journal.note(node, nil, now: .seconds(now)))
                }
            }
            while let due = journal.due { read(journal.lines(now: due)) }
            #expect(told == truth)
        }
    }
}
