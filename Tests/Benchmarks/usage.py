"""What `kubectl top pods -A` and autoscalers cost: `scripts/bench usage`.

54 nodes with kubelets behind TLS, 5,200 pods with two containers each. The list of all pods is asked for over TLS on loopback; the same bytes
come from `tls_floor.py` too, which does nothing else. Rounds of both alternate, on one core, while the client reads on the other. Where
metrics-server is installed it is measured in the same rounds.
"""

import json
import re
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import time

NODES, PODS, CONTAINERS, RESOLUTION = 54, 5_200, 2, 15
ROUNDS, LISTS, SCRAPE_ROUNDS = 7, 5, 4
LIST, LAST_BYTE, ROUND, RESIDENT = 8, 20, 35, 40
PATH = "/apis/metrics.k8s.io/v1beta1/pods"
JSON, PROTOBUF = "application/json", "application/vnd.kubernetes.protobuf"


def connect(port):
    """A connection that is kept, as an API server keeps it. The server's certificate is its own, so it is not looked at."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=60))


def fetch(connection, path, token, accept, keep=False):
    """One answer: seconds to its last byte, octets, and the body where it is to be kept."""
    start = time.monotonic()
    connection.sendall(
        f"GET {path} HTTP/1.1\r\nHost: bench\r\nAccept: {accept}\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65536)
        if not part:
            raise SystemExit("bench: a connection ended instead of an answer")
        received += part
    head, first = received.split(b"\r\n\r\n", 1)
    length = re.search(rb"(?i)content-length: (\d+)", head)
    if b" 200" not in head.split(b"\r\n", 1)[0] or not length:
        raise SystemExit(f"bench: the answer is {head.decode(errors='replace')} {first[:500].decode(errors='replace')}")
    size, wanted, room, parts = len(first), int(length.group(1)), bytearray(1 << 20), [first]
    while size < wanted:
        got = connection.recv_into(room)
        if not got:
            raise SystemExit("bench: an answer ended early")
        size += got
        if keep:
            parts.append(bytes(room[:got]))
    return time.monotonic() - start, size, b"".join(parts) if keep else None


def cost(bench, pid, connection, token, accept):
    """Of one list: processor time and time to the last byte, in milliseconds."""
    before, times = bench.cpu_seconds(pid), []
    for _ in range(LISTS):
        times.append(fetch(connection, PATH, token, accept)[0] * 1000)
    return (bench.cpu_seconds(pid) - before) * 1000 / LISTS, statistics.median(times)


def http2_cost(bench, pid, port, token):
    """As `cost`, by curl over one connection of HTTP/2, which is how an API server asks. None where curl has none."""
    if "HTTP2" not in subprocess.run(["curl", "--version"], capture_output=True, text=True).stdout:
        return None
    urls = [f"https://127.0.0.1:{port}{PATH}"] * (LISTS + 1)
    outputs = [word for _ in urls for word in ("--output", "/dev/null")]
    before = bench.cpu_seconds(pid)
    text = subprocess.run(
        ["taskset", "-c", "1", "curl", "--silent", "--insecure", "--http2", "--header", f"Authorization: Bearer {token}", "--header",
         f"Accept: {JSON}", "--write-out", "%{http_version} %{http_code} %{time_total}\n", *outputs, *urls],
        capture_output=True, text=True, check=True).stdout
    answers = [line.split() for line in text.splitlines()]
    if [answer[:2] for answer in answers] != [["2", "200"]] * len(urls):
        raise SystemExit(f"bench: over HTTP/2 the answers were {text}")
    # The first waits for the handshake, whose processor time all share here.
    return (bench.cpu_seconds(pid) - before) * 1000 / len(urls), statistics.median(float(answer[2]) for answer in answers[1:]) * 1000


def kubelets(run):
    """The ports of the kubelets."""
    return [node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"] for node in run.objects("/api/v1/nodes")]


def reading_floor(run):
    """Processor milliseconds to read once what all kubelets say, over kept connections, and the octets: TLS and reading, nothing else."""
    connections = [connect(port) for port in kubelets(run)]
    read = lambda: sum(fetch(connection, "/metrics/resource", run.token, "*/*")[1] for connection in connections)
    read()
    before = time.process_time()
    size = read()
    return (time.process_time() - before) * 1000, size


def measured_pods(port, token):
    with connect(port) as connection:
        return len(json.loads(fetch(connection, PATH, token, JSON, keep=True)[2])["items"])


def collector(run, bench):
    """Started, and with every pod measured."""
    port, health = bench.free_port(), bench.free_port()
    process = run.start(
        "collector", f"{bench.BIN}/mizzen-collector", "--deltas", f"ipc://{run.path('deltas')}", "--snapshots",
        f"ipc://{run.path('snapshots')}", "--samples", f"ipc://{run.path('samples')}", "--kubeconfig", run.kubeconfig,
        "--metric-resolution", f"{RESOLUTION}s", "--kubelet-preferred-address-types", "InternalIP", "--kubelet-use-node-status-port",
        "--kubelet-insecure-tls", "--bind-address", "127.0.0.1", "--secure-port", str(port), "--cert-dir", run.path("serving"), "--http",
        f"127.0.0.1:{health}", "--samples-table", run.path("samples-table"), core=0)
    bench.until("the collector's readiness", lambda: bench.get(f"http://127.0.0.1:{health}/readyz"))
    bench.until("usage of every pod", lambda: measured_pods(port, run.token) == PODS, 5 * RESOLUTION)
    return process, port


def metrics_server(run, bench):
    """The peer on the same cluster, with its port; None where it is not installed."""
    program = shutil.which("metrics-server")
    if not program:
        print("  metrics-server is not installed here", flush=True)
        return None
    port = bench.free_port()
    process = run.start(
        "metrics-server", program, "--kubeconfig", run.kubeconfig, "--authentication-kubeconfig", run.kubeconfig,
        "--authorization-kubeconfig", run.kubeconfig, "--authentication-skip-lookup", "--metric-resolution", f"{RESOLUTION}s",
        "--kubelet-preferred-address-types", "InternalIP", "--kubelet-use-node-status-port", "--kubelet-insecure-tls", "--bind-address",
        "127.0.0.1", "--secure-port", str(port), "--cert-dir", run.path("peer"), core=0)
    bench.until("metrics-server's usage of every pod", lambda: measured_pods(port, run.token) == PODS, 8 * RESOLUTION)
    return process, port


def scrape_rounds(bench, pids):
    """Processor milliseconds a round of each, while nobody asks for lists."""
    before = [bench.cpu_seconds(pid) for pid in pids]
    time.sleep(SCRAPE_ROUNDS * RESOLUTION)
    return [(bench.cpu_seconds(pid) - start) * 1000 / SCRAPE_ROUNDS for pid, start in zip(pids, before)]


def bench_usage(run, bench):
    print(f"Usage of {NODES} nodes and {PODS} pods with {CONTAINERS} containers each, every {RESOLUTION} s", flush=True)
    cluster = run.cluster(PODS, NODES, ("--containers", str(CONTAINERS)))
    watcher = run.watcher()
    ours, port = collector(run, bench)
    peer = metrics_server(run, bench)
    with connect(port) as connection:
        size, body = fetch(connection, PATH, run.token, JSON, keep=True)[1:]
    with open(run.path("list"), "wb") as file:
        file.write(body)
    floor_port = bench.free_port()
    floor = run.start(
        "floor", sys.executable, f"{bench.ROOT}/Tests/Benchmarks/tls_floor.py", run.path("list"), str(floor_port),
        run.path("serving/apiserver.crt"), run.path("serving/apiserver.key"), core=0)
    bench.until("the floor", lambda: connect(floor_port).close() or True)
    subjects = {"floor": (floor, floor_port, JSON), "JSON": (ours, port, JSON), "protobuf": (ours, port, PROTOBUF)}
    if peer:
        subjects |= {"metrics-server's JSON": (*peer, JSON), "metrics-server's protobuf": (*peer, PROTOBUF)}
    figures = {name: [] for name in subjects}
    for _ in range(ROUNDS):
        for name, (process, where, accept) in subjects.items():
            with connect(where) as connection:
                fetch(connection, PATH, run.token, accept)
                figures[name].append(cost(bench, process.pid, connection, run.token, accept))
    middle = {name: [statistics.median(column) for column in zip(*values)] for name, values in figures.items()}
    print(f"  a list in JSON has {size / 1e6:.2f} MB")
    for name, (processor, last) in middle.items():
        print(f"  {name}: {processor:.1f} ms of processor time, last byte after {last:.1f} ms")
    if http2 := http2_cost(bench, ours.pid, port, run.token):
        print(f"  JSON over HTTP/2: {http2[0]:.1f} ms of processor time, last byte after {http2[1]:.1f} ms", flush=True)
    for name in ("JSON", "protobuf"):
        bench.verdict(f"processor time of a list, {name}", middle[name][0], LIST, " ms")
        bench.verdict(f"last byte of a list, {name}", middle[name][1], LAST_BYTE, " ms")
    print(f"  a list in JSON costs {middle['JSON'][0] / middle['floor'][0]:.2f} floors")
    floor_time, read = reading_floor(run)
    rounds = scrape_rounds(bench, [ours.pid] + ([peer[0].pid] if peer else []))
    print(f"  a round of scrapes: {rounds[0]:.1f} ms of processor time for {read / 1e6:.2f} MB; reading them by Python's ssl takes "
          f"{floor_time:.1f} ms" + (f"; metrics-server {rounds[1]:.1f} ms" if peer else ""), flush=True)
    bench.verdict("processor time of a round", rounds[0], ROUND, " ms")
    bench.verdict("resident memory", bench.memory(ours.pid, "VmRSS"), RESIDENT, " MiB")
    for process in [floor, ours, watcher, cluster] + ([peer[0]] if peer else []):
        run.stop(process)
