import KubernetesObjects
import Logging
import Testing

@testable import DeltaStream

@Suite("What a subscriber's log says")
struct FollowingJournalTests {
    private let second: Int64 = 1_000_000_000

    @Test("39 resources that fall behind and catch up with a new publisher are two lines")
    func together() {
        var journal = FollowingJournal()
        for resource in Resource.all { journal.stale(resource, .newStream, now: 0) }
        for resource in Resource.all { journal.joined(resource, synced: true, now: second / 2) }
        #expect(journal.lines(now: second / 2) == [])
        let lines = journal.lines(now: second)
        #expect(lines.map(\.level) == [.warning, .info])
        #expect(lines.allSatisfy { Set($0.resources) == Set(Resource.all) })
        #expect(lines.first?.reason == "the publisher began a new stream")
        #expect(journal.lines(now: 10 * second) == [])
    }

    @Test("the last word on a resource is the state that it is in")
    func lastWord() {
        var journal = FollowingJournal()
        journal.joined(.pods, synced: true, now: 0)
        journal.joined(.nodes, synced: false, now: 0)
        journal.stale(.pods, .gap, now: 1)
        journal.stale(.pods, .gap, now: 2)
        journal.stale(.services, .silence, now: 3)
        let lines = journal.lines(now: second)
        #expect(lines.map(\.resources) == [[.pods], [.services], [.nodes]])
        #expect(lines.map(\.reason) == ["a delta was lost", "heartbeats are missing", nil])
    }

    @Test("nothing that was noted is lost at the end")
    func end() {
        var journal = FollowingJournal()
        journal.stale(.pods, .gap, now: 5 * second)
        #expect(journal.lines(now: 0, isEnd: true).count == 1)
        #expect(journal.lines(now: 0, isEnd: true) == [])
    }
}
