import MizzenSystem
import TestSupport
import Testing

@testable import KubernetesClient
@testable import KubernetesObjects

@Suite("The order of events")
struct EventOrderTests {
    private static func started(at version: String) -> EventOrder {
        var order = EventOrder()
        order.restart(at: version)
        return order
    }

    @Test("an event that is repeated or older than what is known of its object changes nothing")
    func repeated() {
        var order = Self.started(at: "100")
        #expect(order.judge(key: "a", version: "102") == .news)
        #expect(order.judge(key: "a", version: "102") == .old)
        #expect(order.judge(key: "a", version: "101") == .old)
        #expect(order.judge(key: "b", version: "101") == .news)
    }

    @Test("versions are compared as numbers and not as text")
    func numbers() {
        var order = Self.started(at: "9")
        #expect(order.judge(key: "a", version: "10") == .news)
        #expect(order.judge(key: "a", version: "9") == .old)
        #expect(order.judge(bookmark: "11") == .news)
    }

    @Test("what lies before the list needs a new list, and versions that are no numbers are taken as they come")
    func unclear() {
        var order = Self.started(at: "100")
        #expect(order.judge(key: "a", version: "50") == .unclear)
        #expect(order.judge(bookmark: "50") == .unclear)
        #expect(order.judge(bookmark: "100") == .news)
        #expect(order.judge(key: "a", version: "x17") == .news)
        #expect(order.judge(key: "a", version: "x3") == .news)
    }

    @Test("a server that goes back to older versions for good is not ignored for long")
    func goneBack() {
        var order = Self.started(at: "100")
        for version in 101...500 { #expect(order.judge(key: "\(version % 5)", version: "\(version)") == .news) }
        var verdicts: [EventOrder.Verdict] = []
        for version in 300..<400 {
            verdicts.append(order.judge(key: "\(version % 5)", version: "\(version)"))
            if verdicts.last == .unclear { break }
        }
        #expect(verdicts.count == EventOrder.patience + 1)
        #expect(verdicts.last == .unclear)

        order = Self.started(at: "100")
        #expect(order.judge(bookmark: "500") == .news)
        let bookmarks = (300..<310).map { order.judge(bookmark: "\($0)") }
        #expect(bookmarks.firstIndex(of: .unclear) == EventOrder.patience / EventOrder.bookmarkWeight)
    }

    @Test("memory is bounded, and what is forgotten is unclear rather than news")
    func bounded() {
        var order = Self.started(at: "0")
        for version in 1...(EventOrder.memory * 3) {
            #expect(order.judge(key: "k\(version)", version: "\(version * 2)") == .news)
        }
        #expect(order.judge(key: "late", version: "1") == .unclear)
        #expect(order.judge(key: "late", version: "\(EventOrder.memory * 6 - 1)") == .news)
    }

    /// Whatever a server repeats or swaps, the last state wins or a list is asked for.
    @Test("events swapped and repeated at random end in the newest state of each object", arguments: 1...50)
    func random(seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        var order = Self.started(at: "10")
        var held: [Int: Int] = [:]
        var truth: [Int: Int] = [:]
        var events: [(object: Int, version: Int)] = []
        for version in 11...400 {
            let object = Int.random(in: 0..<7, using: &random)
            truth[object] = version
            events.append((object, version))
            if Bool.random(using: &random) { events.append((object, version)) }
        }
        for index in events.indices.dropLast(3) where Bool.random(using: &random) {
            events.swapAt(index, index + Int.random(in: 0...3, using: &random))
        }
        for event in events {
            switch order.judge(key: "\(event.object)", version: "\(event.version)") {
            case .news: held[event.object] = event.version
            case .old: break
            case .unclear: Issue.record("nothing is from before the list")
            }
        }
        #expect(held == truth)
    }
}
