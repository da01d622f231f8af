import KubernetesObjects
import MizzenSystem
import Testing

@testable import KubernetesClient

/// When silence becomes a question, and when a verdict.
@Suite("Signs of life")
struct SignsOfLifeTests {
    static let limits = SilenceLimits(quiet: .seconds(30), answer: .seconds(15))

    private func signs() -> SignsOfLife { SignsOfLife(limits: Self.limits, now: .zero) }

    @Test("client-go's limits are the default")
    func defaults() {
        #expect(SilenceLimits() == Self.limits)
    }

    @Test("a silent peer is asked once after the first limit and dead after the second")
    func dead() {
        var signs = signs()
        #expect(signs.judge(now: .seconds(10), waitingSince: .zero) == .waits(.seconds(20)))
        #expect(signs.judge(now: .seconds(30), waitingSince: .zero) == .asks)
        #expect(signs.judge(now: .seconds(31), waitingSince: .zero) == .waits(.seconds(14)))
        #expect(signs.judge(now: .seconds(45), waitingSince: .zero) == .isDead(silence: .seconds(45)))
        // Who else waits hears the same.
        #expect(signs.judge(now: .seconds(46), waitingSince: .seconds(1)) == .isDead(silence: .seconds(45)))
    }

    @Test("whatever arrives after the question is an answer, and a later silence is another one")
    func answered() {
        var signs = signs()
        #expect(signs.judge(now: .seconds(30), waitingSince: .zero) == .asks)
        signs.heard(now: .seconds(44))
        #expect(signs.judge(now: .seconds(45), waitingSince: .zero) == .waits(.seconds(29)))
        #expect(signs.judge(now: .seconds(74), waitingSince: .zero) == .asks)
        #expect(signs.judge(now: .seconds(89), waitingSince: .zero) == .isDead(silence: .seconds(45)))
    }

    @Test("silence from before anything was expected says nothing, and neither does a question of that time")
    func nobodyWaits() {
        var signs = signs()
        #expect(signs.judge(now: .seconds(30), waitingSince: .zero) == .asks)
        #expect(signs.judge(now: .seconds(600), waitingSince: .seconds(590)) == .waits(.seconds(20)))
        #expect(signs.judge(now: .seconds(620), waitingSince: .seconds(590)) == .asks)
        #expect(signs.judge(now: .seconds(635), waitingSince: .seconds(590)) == .isDead(silence: .seconds(45)))
    }

    @Test("a server that stops at any moment is noticed within 60 s, however its watches began", arguments: 0..<200)
    func noticedInTime(seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        var signs = SignsOfLife(limits: SilenceLimits(quiet: .seconds(45), answer: .seconds(15)), now: .zero)
        let stops = Duration.milliseconds(Int(random.next() % 300_000))
        var now = Duration.zero
        // Signs of life at random, up to the moment at which the server stops.
        var last = Duration.zero
        while true {
            now += .milliseconds(Int(random.next() % 40_000))
            guard now < stops else { break }
            signs.heard(now: now)
            last = now
        }
        // A watch that waits since some moment before, and judges when it is told to.
        let since = last * (Double(random.next() % 1000) / 1000)
        now = max(last, since)
        while true {
            switch signs.judge(now: now, waitingSince: since) {
            case .waits(let duration): now += duration
            case .asks: break
            case .isDead:
                #expect(now - stops <= .seconds(60))
                return
            }
        }
    }
}

@Suite("Silence of an answer")
struct AnswerSilenceTests {
    private func answer(_ phase: AnswerSilence.Phase, since: Duration?) -> AnswerSilence {
        AnswerSilence(listLimit: .seconds(75), watchLimit: .seconds(75), phase: phase, waitingSince: since)
    }

    @Test("an answer that is due is given up after its limit")
    func due() {
        let answer = answer(.due, since: .seconds(10))
        #expect(answer.judge(now: .seconds(84)) == .waits(.seconds(1)))
        #expect(answer.judge(now: .seconds(85)) == .isSilent(.silent(.seconds(75))))
    }

    @Test("a watch is never given up for its own silence before the server was to end it")
    func quietWatch() {
        let answer = answer(.watch(end: .seconds(300)), since: .seconds(2))
        for second in 2..<375 {
            #expect(
                answer.judge(now: .seconds(second))
                    == .dependsOnServer(silentSince: .seconds(2), atMost: .seconds(375 - second)))
        }
        #expect(answer.judge(now: .seconds(375)) == .isSilent(.overdue(.seconds(75))))
    }

    @Test("a server that goes on after the end it was asked for is judged by its last byte")
    func endless() {
        let answer = answer(.watch(end: .seconds(300)), since: .seconds(400))
        #expect(answer.judge(now: .seconds(474)) == .dependsOnServer(silentSince: .seconds(400), atMost: .seconds(1)))
        #expect(answer.judge(now: .seconds(475)) == .isSilent(.overdue(.seconds(75))))
    }

    @Test("the time that the sink takes is nobody's silence")
    func working() {
        #expect(answer(.due, since: nil).judge(now: .seconds(10_000)) == .waits(.seconds(75)))
        #expect(answer(.watch(end: .zero), since: nil).judge(now: .seconds(10_000)) == .waits(.seconds(75)))
    }
}

@Suite("Fault journal")
struct FaultJournalTests {
    @Test("what strikes many at once is news once")
    func many() {
        var journal = FaultJournal()
        #expect(journal.isNews("gone", now: .zero) == true)
        for _ in 0..<38 { #expect(journal.isNews("gone", now: .milliseconds(3)) == false) }
        #expect(journal.isNews("another", now: .milliseconds(4)) == true)
    }

    @Test("an outage is one fault, however long it lasts")
    func outage() {
        var journal = FaultJournal()
        #expect(journal.isNews("refused", now: .zero) == true)
        for minute in 1..<600 { #expect(journal.isNews("refused", now: .seconds(60 * minute)) == false) }
    }

    @Test("watches that come back one by one do not report again what they all went through")
    func stragglers() {
        var journal = FaultJournal()
        #expect(journal.isNews("gone", now: .zero) == true)
        journal.answered(now: .seconds(1))
        #expect(journal.isNews("gone", now: .seconds(2)) == false)
        #expect(journal.isNews("gone", now: .seconds(59)) == false)
    }

    @Test("the same fault after a time of health is news again")
    func again() {
        var journal = FaultJournal()
        #expect(journal.isNews("gone", now: .zero) == true)
        journal.answered(now: .seconds(1))
        #expect(journal.isNews("gone", now: .seconds(61)) == true)
        #expect(journal.isNews("gone", now: .seconds(200)) == false)
    }

    @Test("its memory is bounded, and what does not fit is reported rather than lost")
    func bounded() {
        var journal = FaultJournal()
        for number in 0..<10_000 { #expect(journal.isNews("fault \(number)", now: .zero) == true) }
        #expect(journal.isNews("fault 9999", now: .zero) == true)
        #expect(journal.isNews("later", now: .seconds(61)) == true)
        #expect(journal.isNews("later", now: .seconds(62)) == false)
    }
}

@Suite("Refusal journal")
struct RefusalJournalTests {
    @Test("what a starting server refuses for each of 39 resources is told of the first, and of those that it goes on refusing")
    func starting() {
        var journal = RefusalJournal()
        var verdicts: [RefusalJournal.Verdict] = []
        for resource in Resource.all { verdicts.append(journal.met(403, resource, now: .milliseconds(3))) }
        #expect(verdicts.count == 39 && verdicts.prefix(2) == [.reportsNow, .gathers])
        #expect(verdicts.dropFirst(2).allSatisfy { $0 == .isKnown })
        for resource in Resource.all where resource != .pods && resource != .secrets { journal.answered(resource) }
        #expect(journal.gathered(403) == [.pods, .secrets])
        #expect(journal.gathered(403) == [])
    }

    @Test("a role that lacks two resources is two lines, however long it lacks them")
    func lasting() {
        var journal = RefusalJournal()
        #expect(journal.met(403, .pods, now: .zero) == .reportsNow)
        #expect(journal.met(403, .nodes, now: .seconds(1)) == .gathers)
        #expect(journal.gathered(403) == [.nodes])
        for minute in 1..<600 {
            #expect(journal.met(403, .pods, now: .seconds(60 * minute)) == .isKnown)
            #expect(journal.met(403, .nodes, now: .seconds(60 * minute + 1)) == .isKnown)
        }
    }

    @Test("a refusal of another kind is told by itself, and so is one after a time of health")
    func again() {
        var journal = RefusalJournal()
        #expect(journal.met(403, .pods, now: .zero) == .reportsNow)
        #expect(journal.met(429, .pods, now: .seconds(1)) == .reportsNow)
        journal.answered(.pods)
        #expect(journal.met(403, .pods, now: .seconds(30)) == .isKnown)
        journal.answered(.pods)
        #expect(journal.met(403, .pods, now: .seconds(91)) == .reportsNow)
    }
}
