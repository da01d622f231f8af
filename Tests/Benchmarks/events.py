"""Instructions of one event, and memory of many pods: `make bench BENCH="events memory"`, or `scripts/bench events memory`.

event-bench feeds captured bytes to the watcher's decoder, committer, table and publisher, without network and API server.

Instructions: it runs twice under callgrind, for few and for many rounds over the captured cluster; what the rounds between cost is
divided by their events. That does not depend on the machine's mood, only a little on its libraries.

Memory: copies of the captured pods, each with name and UID of its own, are listed; what the process then has of its own (anonymous pages:
neither the table, which is a file, nor the program) is compared with the objects' bytes. Of an exporter all that is resident counts.
"""

import re
import subprocess
import tempfile
import time

INSTRUCTIONS = 65_000
FEW, MANY = 2, 12
PODS_AND_ANONYMOUS = ((5_235, 45), (150_000, None))
PER_OBJECT = 700
SCRAPES, EXPORTER_RESIDENT = 25, 56


def fixtures(bench):
    return f"{bench.ROOT}/Tests/Fixtures/cluster-a/lists"


def count(bench, rounds):
    with tempfile.TemporaryDirectory(prefix="mizzen-events-") as folder:
        # valgrind 3.19 gives up over Swift's debug information.
        subprocess.run(["strip", "--strip-debug", "-o", f"{folder}/event-bench", f"{bench.BIN}/event-bench"], check=True)
        run = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/callgrind.out", f"{folder}/event-bench", "change",
             fixtures(bench), folder, str(rounds)],
            capture_output=True, text=True, check=True)
        return int(re.search(r"Collected : (\d+)", run.stderr).group(1)), int(run.stdout)


def bench_events(bench):
    print("Instructions of one watch event, from the network's bytes to table and stream, over all captured objects", flush=True)
    few, many = count(bench, FEW), count(bench, MANY)
    events = many[1] - few[1]
    print(f"  {events} events")
    bench.verdict("instructions per event", (many[0] - few[0]) / events, INSTRUCTIONS)


def hold(bench, copies):
    with tempfile.TemporaryDirectory(prefix="mizzen-hold-") as folder:
        run = subprocess.run(
            [f"{bench.BIN}/event-bench", "hold", fixtures(bench), folder, str(copies)], capture_output=True, text=True, check=True)
        return [int(word) for word in run.stdout.split()]


def exporter_memory(run, bench):
    print(f"Memory of an exporter of the same cluster, scraped {SCRAPES} times at its start and as often once it runs", flush=True)
    port, telemetry = bench.free_port(), bench.free_port()
    exporter = run.start(
        "exporter", f"{bench.BIN}/mizzen-exporter", "--host", "127.0.0.1", "--port", str(port), "--telemetry-host", "127.0.0.1",
        "--telemetry-port", str(telemetry), "--deltas", f"ipc://{run.path('deltas')}", "--snapshots", f"ipc://{run.path('snapshots')}")
    bench.until("the exporter's full state", lambda: bench.get(f"http://127.0.0.1:{telemetry}/readyz"))
    before = bench.memory(exporter.pid, "VmRSS")
    def scrape():
        return bench.get(f"http://127.0.0.1:{port}/metrics").count(b"\n")
    lines = [scrape() for _ in range(SCRAPES)][0]
    soon = bench.memory(exporter.pid, "VmRSS")
    # What only the start took is given back some seconds after it.
    time.sleep(8)
    for _ in range(SCRAPES):
        scrape()
    print(f"  {lines} lines; resident right after the start {before:.1f} MiB, {soon:.1f} after {SCRAPES} scrapes at once,"
          f" peak {bench.memory(exporter.pid, 'VmHWM'):.1f} MiB")
    bench.verdict("resident memory", bench.memory(exporter.pid, "VmRSS"), EXPORTER_RESIDENT, " MiB")
    run.stop(exporter)


def bench_memory(run, bench):
    print(f"Memory of the watcher with {bench.PODS} simulated pods, {bench.SERVICES} services and all the other resources", flush=True)
    cluster = run.cluster()
    watcher = run.watcher()
    time.sleep(5)
    with open(f"/proc/{watcher.pid}/smaps_rollup") as file:
        anonymous = int(re.search(r"Anonymous:\s+(\d+) kB", file.read()).group(1)) / 1024
    print(f"  resident {bench.memory(watcher.pid, 'VmRSS'):.0f} MiB")
    bench.verdict("anonymous memory", anonymous, 45, " MiB")
    exporter_memory(run, bench)
    run.stop(watcher)
    run.stop(cluster)
    captured = hold(bench, 1)[0]
    for pods, limit in PODS_AND_ANONYMOUS:
        objects, size, before, after = hold(bench, -(-pods // captured))
        sizes = f"anonymous {after / 1024:.0f} MiB, before {before / 1024:.0f} MiB"
        print(f"  {objects} captured pods of together {size / 2**20:.0f} MiB: {sizes}")
        bench.verdict("bytes for each beyond its own", ((after - before) * 1024 - size) / objects, PER_OBJECT)
        if limit:
            bench.verdict("anonymous memory", after / 1024, limit, " MiB")
