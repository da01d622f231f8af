// counter-probe COMMAND FOLDER …: one process of those that share counters (Tests/Shared/SharedCounters).
//
//   count FOLDER N         counts to N in two series and a histogram, says "done", and stays until it is killed
//   work FOLDER            counts, and makes new series, until it is killed
//   fold FOLDER            adds up those that have ended, again and again, until it is killed
//   fold FOLDER STEP       once, and kills itself before that step

import Glibc
import ProcessRuntime
import SharedCounters

func fail(_ message: String) -> Never {
    print("FAULT \(message)")
    exit(1)
}

func say(_ word: String) {
    print(word)
    // Nil stands for every stream.
    fflush(nil)
}

let arguments = CommandLine.arguments
guard arguments.count > 2 else { fail("expected a command and a folder") }

let card = MemberCard(
    place: .init(networkNamespace: 1, table: "/table"), endpoints: ["127.0.0.1:9153/metrics"], release: "probe")

func open() -> CounterFolder {
    do throws(CounterError) {
        return try CounterFolder(path: arguments[2]) { fail("\($0)") }
    } catch {
        fail("\(error)")
    }
}

func segment() -> CounterSegment {
    do throws(CounterError) { return try open().makeSegment(card) } catch { fail("\(error)") }
}

switch arguments[1] {
case "count":
    guard arguments.count > 3, let number = Int(arguments[3]) else { fail("expected a number") }
    let registry = MetricsRegistry(memory: segment())
    let counters = ["a", "b"].map { registry.counter("probe_total", help: "Counted.", labels: [("kind", $0)]) }
    let histogram = registry.histogram("probe_seconds", help: "Observed.", buckets: [0.25, 1])
    for index in 0..<number {
        counters[index % 2].add()
        histogram.observe(0.1)
    }
    say("done")
    while true { pause() }
case "work":
    let registry = MetricsRegistry(memory: segment())
    say("working")
    var round = 0
    while true {
        let counter = registry.counter("probe_total", help: "Counted.", labels: [("kind", "\(round % 200)")])
        for _ in 0..<1000 { counter.add() }
        round += 1
    }
case "fold":
    let folder = open()
    if arguments.count > 3, let step = Int(arguments[3]) {
        _ = folder.foldEnded { if $0 == step { kill(getpid(), SIGKILL) } }
        say("folded")
    } else {
        say("folding")
        while true { folder.foldEnded() }
    }
default: fail("unknown command")
}
