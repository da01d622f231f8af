"""How soon an exporter has everything again, and what it holds: `scripts/bench restart`, and `scripts/bench size`.

`restart`: an exporter of 50,000 pods is started again and again beside a watcher that runs; measured is the time from the start of the
process to the first scrape that is answered whole, and to the first that is answered at all with --keep. Both cores are everybody's.
MIZZEN_BENCH_BASELINE=/path/to/another/mizzen-exporter measures that one too, in turns with this one: only what one run says of both can be
compared.

`size`: an exporter of all 39 resources on 150,000 pods: bytes for each pod, the first byte of a scrape, ten scrapes at once.
"""

import http.client
import os
import re
import statistics
import subprocess
import threading
import time

from scrape import connect, drain

ROUNDS = 7
LIMIT, KEPT_LIMIT = 1.0, 1.0


class Exporter:
    def __init__(self, run, bench, program, *options):
        self.run, self.port, self.telemetry = run, bench.free_port(), bench.free_port()
        self.began = time.monotonic()
        self.process = run.start(
            "exporter", program, "--host", "127.0.0.1", "--port", str(self.port), "--telemetry-host", "127.0.0.1", "--telemetry-port",
            str(self.telemetry), "--samples", "", "--deltas", f"ipc://{run.path('deltas')}", "--snapshots",
            f"ipc://{run.path('snapshots')}", *options)

    def head(self):
        """Status and headers of a scrape without its body; None while nobody listens."""
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            connection.request("HEAD", "/metrics")
            answer = connection.getresponse()
            return answer.status, answer.getheader("Age")
        except OSError:
            return None

    def until(self, condition, seconds=60):
        """Seconds since its start until a scrape is answered so."""
        while time.monotonic() < self.began + seconds:
            answer = self.head()
            if answer and condition(*answer):
                return time.monotonic() - self.began
            time.sleep(0.005)
        raise SystemExit(f"bench: the exporter did not serve within {seconds} s; logs are in {self.run.folder}")

    def stop(self):
        self.run.stop(self.process)


def start(run, bench, pods, services, nodes, *options):
    bench.PODS, bench.SERVICES, bench.NODES = pods, services, nodes
    cluster = run.cluster()
    run.health = bench.free_port()
    watcher = run.start(
        "watcher", f"{bench.BIN}/mizzen-watcher", "--kubeconfig", run.kubeconfig, "--table", run.path("table"),
        "--deltas", f"ipc://{run.path('deltas')}", "--snapshots", f"ipc://{run.path('snapshots')}",
        "--http", f"127.0.0.1:{run.health}", *options)
    bench.until("the watcher's full lists", lambda: bench.get(f"http://127.0.0.1:{run.health}/readyz"), 600)
    # The simulated controllers and the watcher's own housekeeping after a list.
    time.sleep(25)
    return cluster, watcher


def bench_restart(run, bench):
    pods = int(os.environ.get("RESTART_PODS", 50_000))
    print(f"An exporter of {pods} pods is started again", flush=True)
    cluster, watcher = start(run, bench, pods, pods // 10, pods // 100)
    programs = {"this exporter": f"{bench.BIN}/mizzen-exporter"}
    if baseline := os.environ.get("MIZZEN_BENCH_BASELINE"):
        programs["the baseline"] = baseline
    times = {name: [] for name in programs}
    used = {name: [] for name in programs}
    for _ in range(ROUNDS):
        for name, program in programs.items():
            watched = bench.cpu_of_all(watcher.pid)
            exporter = Exporter(run, bench, program)
            times[name].append(exporter.until(lambda status, age: status == 200))
            used[name].append((bench.cpu_of_all(exporter.process.pid), bench.cpu_of_all(watcher.pid) - watched))
            exporter.stop()
    for name in programs:
        middle = statistics.median(times[name])
        own, its = (statistics.median(values) for values in zip(*used[name]))
        print(f"  {name}: whole after {middle:.2f} s ({min(times[name]):.2f} to {max(times[name]):.2f}); processor time {own:.2f} s,"
              f" the watcher's {its:.2f} s", flush=True)
    bench.verdict("from the start to the whole (median)", statistics.median(times["this exporter"]), LIMIT, " s")
    keep = ["--keep", run.path("kept"), "--keep-interval", "3s"]
    exporter = Exporter(run, bench, programs["this exporter"], *keep)
    exporter.until(lambda status, age: status == 200)
    bench.until("the first file", lambda: os.path.exists(run.path("kept")))
    before = bench.cpu_of_all(exporter.process.pid)
    time.sleep(30)
    cost = (bench.cpu_of_all(exporter.process.pid) - before) / 10
    size = os.path.getsize(run.path("kept"))
    began = time.monotonic()
    exporter.stop()
    print(f"  --keep: {size / 1e6:.0f} MB, {size / pods:.0f} bytes for each pod; {cost * 1000:.0f} ms of processor time a write;"
          f" a stop takes {time.monotonic() - began:.2f} s", flush=True)
    kept, whole = [], []
    for _ in range(ROUNDS):
        exporter = Exporter(run, bench, programs["this exporter"], *keep)
        kept.append(exporter.until(lambda status, age: status == 200))
        whole.append(exporter.until(lambda status, age: status == 200 and age is None))
        exporter.stop()
    print(f"  with --keep: served after {statistics.median(kept):.2f} s, current after {statistics.median(whole):.2f} s", flush=True)
    bench.verdict("from the start to what was kept (median)", statistics.median(kept), KEPT_LIMIT, " s")
    run.stop(watcher)
    run.stop(cluster)


BYTES, FIRST_BYTE, RESIDENT, SCRAPERS = 6000, 50, 1.6, 10


def bench_size(run, bench):
    pods = int(os.environ.get("SIZE_PODS", 150_000))
    print(f"All 39 resources on {pods} pods", flush=True)
    cluster, watcher = start(run, bench, pods, pods // 10, pods // 100)
    program = f"{bench.BIN}/mizzen-exporter"
    manual = subprocess.run([program, "families", "--markdown"], capture_output=True, text=True, check=True).stdout
    resources = re.findall(r"^### (\w+)$", manual, re.MULTILINE)
    exporter = Exporter(run, bench, program, f"--resources={','.join(resources)}", "--enable-gzip-encoding")
    print(f"  whole after {exporter.until(lambda status, age: status == 200):.2f} s")
    # What only the start took is given back some seconds after it.
    time.sleep(8)
    resident = lambda: bench.memory(exporter.process.pid, "VmRSS") * 2**20
    at_start = resident()
    size, _ = drain(connect(exporter.port))
    print(f"  {size / 1e6:.0f} MB of text, {size / pods:.0f} bytes for each pod; resident {at_start / 2**20:.0f} MiB", flush=True)
    bench.verdict("resident bytes for each pod", at_start / pods, BYTES)
    connection = connect(exporter.port)
    bench.verdict("first byte of a scrape (median of 9)", statistics.median(drain(connection)[1] for _ in range(9)) * 1000, FIRST_BYTE, " ms")
    with open(f"/proc/{exporter.process.pid}/clear_refs", "w") as file:
        file.write("5")
    scrapers = [threading.Thread(target=lambda: drain(connect(exporter.port))) for _ in range(SCRAPERS)]
    for scraper in scrapers:
        scraper.start()
    for scraper in scrapers:
        scraper.join()
    peak = bench.memory(exporter.process.pid, "VmHWM") * 2**20
    print(f"  {SCRAPERS} scrapes at once: at most {peak / 2**20:.0f} MiB, {(peak - at_start) / 2**20:.0f} more than before any", flush=True)
    bench.verdict(f"resident memory during {SCRAPERS} scrapes at once", peak / size, RESIDENT, " texts")
    exporter.stop()
    run.stop(watcher)
    run.stop(cluster)
