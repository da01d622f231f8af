#!/usr/bin/env python3
"""Measure what Mizzen promises: ratios inside one run, counts and processor time; never a verdict on the machine.

bench.py [dns|list|latency|events|memory|table|stream|relay|relist|scrape|restart|size|usage|companions …]     without a word: all of them

The server runs on the first core, the load on the second. Exits 1 if a promise of the README does not hold.
"""
import http.client
import itertools
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

from companions import bench_companions
from events import bench_events, bench_memory
from relay import bench_relay
from relist import bench_relist
from restart import bench_restart, bench_size
from scrape import bench_scrape
from stream import bench_stream
from table import bench_table
from usage import bench_usage

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.join(ROOT, os.environ.get("MIZZEN_BENCH_BIN", ".build/release"))
SERVICES, PODS, NODES = 1_000, 5_000, 50
LATENCY_LIMIT = 10  # floors; medians of 0.9 to 2.4 were seen on busy machines, where most of both is waiting for a core
TICK = os.sysconf("SC_CLK_TCK")
failures = []


def verdict(name, value, limit, unit=""):
    holds = value <= limit
    print(f"  {name}: {value:.2f}{unit} (limit {limit}{unit}) {'holds' if holds else 'DOES NOT HOLD'}", flush=True)
    if not holds:
        failures.append(name)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_seconds(pid):
    """User and system time of a process so far, by the scheduler's nanosecond account of its threads."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
            total += int(file.read().split()[0])
    return total / 1e9


def cpu_of_all(pid):
    """As `cpu_seconds`, but with threads that have ended (in ticks of 10 ms)."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory(pid, field):
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(rf"{field}:\s+(\d+) kB", file.read()).group(1)) / 1024


def until(what, condition, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.02)
    raise SystemExit(f"bench: {what} did not happen within {seconds} s; logs are in {Run.folder}")


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read()


class Run:
    """The processes of this run, in a folder of its own."""

    folder = None

    def __init__(self):
        Run.folder = tempfile.mkdtemp(prefix="mizzen-bench-")
        self.processes = []

    def path(self, name):
        return os.path.join(Run.folder, name)

    def start(self, name, *words, core=None, environment=None):
        pin = ["taskset", "-c", str(core)] if core is not None else []
        log = open(self.path(name + ".log"), "w")
        process = subprocess.Popen(
            pin + list(words), stdout=log, stderr=log, env={**os.environ, **(environment or {})}, cwd=ROOT)
        self.processes.append(process)
        return process

    def stop(self, process):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.remove(process)

    def close(self):
        for process in list(self.processes):
            self.stop(process)
        if failures:
            print(f"logs: {Run.folder}")
        else:
            shutil.rmtree(Run.folder)

    def cluster(self, pods=PODS, nodes=NODES, options=("--no-kubelets",)):
        self.api = free_port()
        self.kubeconfig = self.path("kubeconfig")
        process = self.start(
            "cluster", f"{BIN}/cluster-simulator", "--services", str(SERVICES), "--pods", str(pods), "--nodes", str(nodes), *options,
            "--http", f"127.0.0.1:{self.api}", "--kubeconfig", self.kubeconfig, core=1)
        until("the simulated cluster", lambda: get(f"http://127.0.0.1:{self.api}/readyz") and "token" in open(self.kubeconfig).read())
        # The kubeconfig names HTTPS; the benchmark is about the watcher, so it goes the plain way with the same token.
        text = open(self.kubeconfig).read()
        self.token = re.search(r'"?token"?\s*:\s*"?([^"\s,}]+)', text).group(1)
        with open(self.kubeconfig, "w") as file:
            json.dump({
                "apiVersion": "v1", "kind": "Config", "current-context": "bench",
                "clusters": [{"name": "bench", "cluster": {"server": f"http://127.0.0.1:{self.api}"}}],
                "users": [{"name": "bench", "user": {"token": self.token}}],
                "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}]}, file)
        return process

    def watcher(self):
        self.health = free_port()
        process = self.start(
            "watcher", f"{BIN}/mizzen-watcher", "--kubeconfig", self.kubeconfig, "--table", self.path("table"),
            "--deltas", f"ipc://{self.path('deltas')}", "--snapshots", f"ipc://{self.path('snapshots')}",
            "--http", f"127.0.0.1:{self.health}", core=0)
        until("the watcher's full lists", lambda: get(f"http://127.0.0.1:{self.health}/readyz"))
        return process

    def corefile(self, kind, port, upstream):
        """`bare`: the cluster alone. `default`: what a cluster's installer writes. Both answer the same."""
        kubernetes = "    kubernetes cluster.local in-addr.arpa ip6.arpa {\n        pods verified\n    }\n"
        if kind == "bare":
            return f".:{port} {{\n    bind 127.0.0.1\n{kubernetes}}}\n"
        return (
            f".:{port} {{\n    bind 127.0.0.1\n    errors\n    health 127.0.0.1:{free_port()} {{\n        lameduck 1s\n    }}\n"
            f"    ready 127.0.0.1:{free_port()}\n{kubernetes}    prometheus 127.0.0.1:{free_port()}\n"
            "    hosts /etc/hosts {\n        192.0.2.1 host.example.org\n        fallthrough\n    }\n"
            f"    forward . 127.0.0.1:{upstream} {{\n        max_concurrent 1000\n    }}\n    cache 3600\n    loop\n    reload\n    loadbalance\n}}\n")

    def frontend(self, environment=None, kind="bare", upstream=9):
        """Started and answering; `port` is then where."""
        self.port = free_port()
        path = self.path(f"Corefile-{self.port}")
        with open(path, "w") as file:
            file.write(self.corefile(kind, self.port, upstream))
        process = self.start(
            f"frontend-{self.port}", f"{BIN}/mizzen-frontend", "--corefile", path, "--table", self.path("table"),
            "--threads", "1", core=0, environment=environment)
        until("the frontend's first answer", lambda: answers(self.port))
        return process

    def objects(self, path):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.api}{path}", headers={"Authorization": f"Bearer {self.token}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["items"]


def question(name, kind, identifier=1):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split("."))
    return struct.pack(">HHHHHH", identifier, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", kind, 1)


def answers(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.5)
        probe.sendto(question("kubernetes.default.svc.cluster.local", 1), ("127.0.0.1", port))
        return len(probe.recv(4096)) > 12


def question_mix(run):
    """Equal parts of A, AAAA, SRV, PTR and names that do not exist, over all services."""
    lines = []
    for service in run.objects("/api/v1/services"):
        name, namespace, spec = service["metadata"]["name"], service["metadata"]["namespace"], service["spec"]
        if spec.get("type") == "ExternalName":
            continue  # a CNAME, whose target is looked up elsewhere: not an answer from the table
        full = f"{name}.{namespace}.svc.cluster.local"
        lines += [f"{full} A", f"{full} AAAA", f"nothere.{full} A"]
        lines.append(f"_{spec['ports'][0].get('name') or 'x'}._tcp.{full} SRV" if spec.get("ports") else f"{full} SRV")
        address = spec.get("clusterIP", "None")
        reverse = ".".join(reversed(address.split("."))) if address.count(".") == 3 else "1.0.96.10"
        lines.append(f"{reverse}.in-addr.arpa PTR")
    random.Random(1).shuffle(lines)
    with open(run.path("questions"), "w") as file:
        file.write("\n".join(lines) + "\n")


OUTSIDE = 1_000


def outside_names(run):
    """Names of no cluster, which a cache has after the first round."""
    with open(run.path("outside"), "w") as file:
        file.write("".join(f"ok.name-{number}.test A\n" for number in range(OUTSIDE)))


def load(run, port, pid, seconds=8, questions="questions"):
    """Processor seconds per answered query, and how many were answered."""
    before = cpu_seconds(pid)
    output = subprocess.run(
        ["taskset", "-c", "1", "dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", run.path(questions),
         "-l", str(seconds), "-c", "4", "-T", "1", "-q", "100"],
        capture_output=True, text=True, check=True).stdout
    used = cpu_seconds(pid) - before
    completed = int(re.search(r"Queries completed:\s+(\d+)", output).group(1))
    return used / completed, completed


def bench_dns(run):
    print(f"DNS from the table, over {SERVICES} services and {PODS} pods: A, AAAA, SRV, PTR and NXDOMAIN in equal parts", flush=True)
    cluster, watcher = run.cluster(), None
    watcher = run.watcher()
    question_mix(run)
    outside_names(run)
    counter = run.path("allocations.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", counter, f"{ROOT}/Tests/Benchmarks/Allocations/count.c"], check=True)
    # Frontends need nobody: the cores are theirs and the load's alone.
    run.stop(watcher)
    run.stop(cluster)
    upstream = free_port()
    run.start("upstream", sys.executable, f"{ROOT}/Tests/Fixtures/servers/scripted-upstream.py", str(upstream), core=1)
    floor_port = free_port()
    floor = run.start("floor", f"{BIN}/dns-floor", str(floor_port), core=0)
    until("the floor's first answer", lambda: answers(floor_port))
    bare = run.frontend()
    bare_port = run.port
    default = run.frontend(kind="default", upstream=upstream)
    default_port = run.port
    for port, process in ((bare_port, bare), (default_port, default)):
        load(run, port, process.pid, 2)
    load(run, default_port, default.pid, 3, "outside")
    costs = {"floor": [], "bare": [], "default": [], "cached": []}
    for _ in range(3):
        costs["bare"].append(load(run, bare_port, bare.pid)[0])
        costs["floor"].append(load(run, floor_port, floor.pid)[0])
        costs["default"].append(load(run, default_port, default.pid)[0])
        costs["cached"].append(load(run, default_port, default.pid, questions="outside")[0])
    print("  processor time per query, µs: " + ", ".join(f"{name} {min(each) * 1e6:.2f}" for name, each in costs.items()))
    ratio = lambda one, other: statistics.median(a / b for a, b in zip(costs[one], costs[other]))
    verdict("cost per query in floors, bare Corefile (median of 3)", ratio("bare", "floor"), 1.5)
    verdict("cost per query of the default Corefile in those of the bare one", ratio("default", "bare"), 1.1)
    verdict("cost per cached outside name in floors", ratio("cached", "floor"), 1.6)
    for process in (bare, default, floor):
        run.stop(process)
    for kind, questions in (("bare", "questions"), ("default", "questions"), ("default", "outside")):
        bench_allocations(run, counter, kind, questions, upstream)
    # Also with more names than the lists have room for.
    bench_allocations(run, counter, "bare", "questions", upstream, {"MIZZEN_TOP_CLIENTS": "5", "MIZZEN_TOP_NAMES": "5"})
    bench_full_cache(run, upstream)


def bench_allocations(run, counter, kind, questions, upstream, options={}):
    count_file = run.path(f"allocations-{kind}-{questions}-{len(options)}")
    frontend = run.frontend({"LD_PRELOAD": counter, "MIZZEN_ALLOCATIONS": count_file} | options, kind, upstream)
    load(run, run.port, frontend.pid, 3, questions)
    read = lambda: struct.unpack("Q", open(count_file, "rb").read(8))[0]
    before = read()
    _, completed = load(run, run.port, frontend.pid, 5, questions)
    what = ", ".join([f"{kind} Corefile", questions] + [f"{name}={value}" for name, value in options.items()])
    print(f"  heap allocations during {completed} queries ({what}): {read() - before}")
    # The process has housekeeping of its own (a look at the table's status each second); per query there is nothing.
    verdict(f"heap allocations per query ({what})", (read() - before) / completed, 0.01)
    run.stop(frontend)


def bench_full_cache(run, upstream):
    with open(run.path("flood"), "w") as file:
        file.write("".join(f"ok.name-{number}.test A\n" for number in range(40_000)))
    frontend = run.frontend(kind="default", upstream=upstream)
    load(run, run.port, frontend.pid, 20, "flood")
    with open(f"/proc/{frontend.pid}/smaps_rollup") as file:
        # Clean pages are the program's file, which every process that runs it shares.
        private = sum(int(kib) for kib in re.findall(r"Private_Dirty:\s+(\d+) kB", file.read())) / 1024
    verdict("private memory with a full cache", private, 16, " MiB")
    run.stop(frontend)


def bench_list(run):
    print(f"Listing {PODS} pods, {SERVICES} services and their slices into table and stream", flush=True)
    cluster = run.cluster()
    for suffix in ("", ".1", ".2", ".3"):
        if os.path.exists(run.path("table" + suffix)):
            os.remove(run.path("table" + suffix))
    watcher = run.watcher()
    used = cpu_of_all(watcher.pid)
    time.sleep(5)
    peak, steady = memory(watcher.pid, "VmHWM"), memory(watcher.pid, "VmRSS")
    print(f"  peak memory {peak:.0f} MiB, steady {steady:.0f} MiB")
    verdict("processor time until ready", used, 0.3, " s")
    verdict("peak memory in steady memories", peak / steady, 1.5)
    run.stop(watcher)
    run.stop(cluster)


class Changes(multiprocessing.Process):
    """Patches services at a steady rate, each time a port number, over one connection. A process, since threads of one interpreter
    wait for each other, and what measures must not."""

    def __init__(self, run, services, rate):
        super().__init__(daemon=True)
        self.run_, self.services, self.interval = run, services, 1 / rate
        self.sent = multiprocessing.Value("Q", 0)

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.run_.api)
        due = time.monotonic()
        while True:
            sent = self.sent.value
            patch(connection, self.run_.token, *self.services[sent % len(self.services)], 1_000 + sent % 50_000)
            patched(connection)
            self.sent.value = sent + 1
            due += self.interval
            time.sleep(max(0, due - time.monotonic()))


def patch(connection, token, namespace, name, port):
    body = json.dumps({"spec": {"ports": [{"name": "bench", "port": port, "protocol": "TCP"}]}})
    connection.request(
        "PATCH", f"/api/v1/namespaces/{namespace}/services/{name}", body,
        {"Content-Type": "application/merge-patch+json", "Authorization": f"Bearer {token}"})


def patched(connection):
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        raise SystemExit(f"bench: the simulated cluster refused a patch with {answer.status}")


def watch_request(run, path):
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\nAuthorization: Bearer {run.token}\r\n\r\n"


class Prober:
    """Changes the port of one service, waits for the event of that in a watch of its own, then asks until the answer has changed."""

    def __init__(self, run, namespace, name):
        self.token, self.service = run.token, (namespace, name)
        self.connection = http.client.HTTPConnection("127.0.0.1", run.api)
        self.watch = socket.create_connection(("127.0.0.1", run.api), timeout=10)
        self.watch.sendall(watch_request(
            run, f"/api/v1/namespaces/{namespace}/services?watch=1&fieldSelector=metadata.name%3D{name}").encode())
        self.question = question(f"_bench._tcp.{name}.{namespace}.svc.cluster.local", 33)
        self.ports = itertools.cycle(range(60_000, 65_000))

    def change(self):
        """Changes the service, and waits for the event of that: when it arrived, and the port that an answer then has."""
        port = next(self.ports)
        patch(self.connection, self.token, *self.service, port)
        text, wanted = b"", b'"port":%d' % port
        while wanted not in text:
            received = self.watch.recv(1 << 16)
            arrived = time.perf_counter()
            if not received:
                raise SystemExit("bench: the simulated cluster ended a watch")
            text += received
        return arrived, port

    def probe(self, client):
        """Seconds from the event's arrival to the changed answer's: at least one question and its answer."""
        arrived, port = self.change()
        found = None
        while found != port:
            client.send(self.question)
            answer = client.recv(4096)
            answered = time.perf_counter()
            found = answered_port(answer)
        patched(self.connection)
        return answered - arrived

    def latencies(self, port, count, rate):
        """Of so many probes a second, sorted."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(("127.0.0.1", port))
            client.settimeout(2)
            latencies, due = [], time.monotonic()
            for _ in range(count):
                latencies.append(self.probe(client))
                due += 1 / rate
                time.sleep(max(0, due - time.monotonic()))
        return sorted(latencies)


def answered_port(packet):
    """The port of the first SRV record: fixed offsets do not do, the question's name is echoed before it."""
    if packet[6:8] == b"\0\0":
        return None
    place = 12
    while packet[place]:
        place += packet[place] + 1
    place += 5
    while packet[place] and packet[place] < 0xC0:
        place += packet[place] + 1
    place += 2 if packet[place] >= 0xC0 else 1
    return struct.unpack(">H", packet[place + 14:place + 16])[0]


def bench_latency(run, rate=500, probe_rate=50, probes=1_000, rounds=3):
    print(f"From a watch event's arrival to a changed answer, at {rate} events a second; the floor follows the same watch", flush=True)
    cluster = run.cluster()
    items = [item for item in run.objects("/api/v1/services") if item["spec"].get("clusterIP", "None") != "None"]
    services = [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in items]
    mark = f'"uid":"{items[0]["metadata"]["uid"]}"'
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {1})  # The prober is load, as are the changes, which inherit this.
    prober, changes = Prober(run, *services[0]), Changes(run, services[1:], rate - probe_rate)
    changes.start()
    figures = {"ours": [], "floor": []}
    # In turns, so that the machine's mood touches both; each is alone, with nobody else on its core.
    for subject in list(figures) * rounds:
        if subject == "ours":
            processes = [run.watcher(), run.frontend()]
            port = run.port
        else:
            port = free_port()
            request = watch_request(run, "/api/v1/services?watch=1")
            processes = [run.start("floor", f"{BIN}/dns-floor", str(port), str(run.api), request, mark, core=0)]
            until("the floor's first answer", lambda: answers(port))
        prober.latencies(port, 100, probe_rate)
        before, started = changes.sent.value, time.monotonic()
        latencies = prober.latencies(port, probes, probe_rate)
        events = (changes.sent.value - before + probes) / (time.monotonic() - started)
        median, p99 = latencies[probes // 2] * 1e3, latencies[int(probes * 0.99)] * 1e3
        figures[subject].append(p99)
        print(f"  {subject:5}: {events:.0f} events a second; median {median:.2f} ms, p99 {p99:.2f} ms", flush=True)
        if events < rate * 0.9:
            print(f"  this machine did not reach {rate} events a second, so the figure says less than it should")
        for process in reversed(processes):
            run.stop(process)
    changes.terminate()
    changes.join()
    run.stop(cluster)
    os.sched_setaffinity(0, cores)
    verdict(f"event-to-answer p99 (median of {rounds})", statistics.median(figures["ours"]), 5, " ms")
    ratios = [ours / floor for ours, floor in zip(figures["ours"], figures["floor"])]
    verdict(f"event-to-answer p99 in floors (median of {rounds})", statistics.median(ratios), LATENCY_LIMIT)


def main():
    benches = {
        "dns": bench_dns, "list": bench_list, "latency": bench_latency,
        "events": lambda run: bench_events(sys.modules[__name__]), "memory": lambda run: bench_memory(run, sys.modules[__name__]),
        "table": lambda run: bench_table(run, BIN, verdict), "stream": lambda run: bench_stream(BIN, verdict),
        "relay": lambda run: bench_relay(run, sys.modules[__name__]),
        "relist": lambda run: bench_relist(run, sys.modules[__name__]),
        "restart": lambda run: bench_restart(run, sys.modules[__name__]),
        "size": lambda run: bench_size(run, sys.modules[__name__]),
        "scrape": lambda run: bench_scrape(run, sys.modules[__name__]),
        "usage": lambda run: bench_usage(run, sys.modules[__name__]),
        "companions": lambda run: bench_companions(run, sys.modules[__name__]),
    }
    wanted = sys.argv[1:] or list(benches)
    unknown = [word for word in wanted if word not in benches]
    if unknown:
        raise SystemExit(f"bench: unknown {unknown}; there are {', '.join(benches)}")
    run = Run()
    try:
        for word in wanted:
            benches[word](run)
    except BaseException:
        failures.append("the run itself")  # keeps the logs
        raise
    finally:
        run.close()
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
