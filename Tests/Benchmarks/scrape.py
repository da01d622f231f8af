"""What a scrape costs: `scripts/bench scrape`.

The same bytes are served by the exporter and by `scrape-floor`, a server that does nothing else; rounds of both alternate, on one core, while
the client drains on the other. Compared are processor times, so the numbers are ratios of one run. Where kube-state-metrics is installed it
is measured in the same rounds.
"""

import re
import shutil
import socket
import time

ROUNDS, SCRAPES = 9, 4
PLAIN, GZIP, RESIDENT = 1.6, 1.5, 1.6
PIECE = 8192


def drain(connection, encoding="identity"):
    """One scrape on a connection that is kept, as Prometheus keeps it.

    - Returns: bytes of the body, seconds to its first byte."""
    start = time.monotonic()
    connection.sendall(f"GET /metrics HTTP/1.1\r\nHost: bench\r\nAccept-Encoding: {encoding}\r\n\r\n".encode())
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    first = time.monotonic() - start
    head, body = received.split(b"\r\n\r\n", 1)
    if b" 200 " not in head.split(b"\r\n", 1)[0] + b" ":
        raise SystemExit(f"bench: the answer is {head.decode(errors='replace')}")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    room, size, end = bytearray(1 << 20), len(body), body[-7:]
    while size < int(length.group(1)) if length else not end.endswith(b"\r\n0\r\n\r\n"):
        got = connection.recv_into(room)
        if not got:
            raise SystemExit("bench: an answer ended early")
        size += got
        end = (end + bytes(room[max(0, got - 7):got]))[-7:]
    return size, first


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def cost(bench, pid, connection, encoding="identity"):
    """Processor time of one scrape, in milliseconds."""
    before = bench.cpu_seconds(pid)
    for _ in range(SCRAPES):
        drain(connection, encoding)
    return (bench.cpu_seconds(pid) - before) * 1000 / SCRAPES


def bench_scrape(run, bench):
    print(f"A scrape of {bench.PODS} simulated pods, {bench.SERVICES} services and the other resources", flush=True)
    cluster = run.cluster()
    watcher = run.watcher()
    port, telemetry, floor_port = bench.free_port(), bench.free_port(), bench.free_port()
    exporter = run.start(
        "exporter", f"{bench.BIN}/mizzen-exporter", "--host", "127.0.0.1", "--port", str(port), "--telemetry-host", "127.0.0.1",
        "--telemetry-port", str(telemetry), "--enable-gzip-encoding", "--deltas", f"ipc://{run.path('deltas')}", "--snapshots",
        f"ipc://{run.path('snapshots')}", core=0)
    bench.until("the exporter's full state", lambda: bench.get(f"http://127.0.0.1:{telemetry}/readyz"))
    # What only the start took is given back some seconds after it.
    time.sleep(6)
    at_start = bench.memory(exporter.pid, "VmRSS")
    text = bench.get(f"http://127.0.0.1:{port}/metrics")
    with open(run.path("text"), "wb") as file:
        file.write(text)
    floor = run.start("floor", f"{bench.BIN}/scrape-floor", run.path("text"), str(floor_port), str(PIECE), core=0)
    bench.until("the floor", lambda: drain(connect(floor_port)))
    samples = sum(1 for line in text.split(b"\n") if line and not line.startswith(b"#"))
    size = len(text)
    print(f"  {samples} samples, {size / 1e6:.1f} MB; resident {at_start:.1f} MiB before the first scrape", flush=True)
    peer = kube_state_metrics(run, bench, cluster)
    plain, packed, bare, others = [], [], [], []
    ours, bottom = connect(port), connect(floor_port)
    theirs = peer and connect(peer[1])
    drain(ours, "gzip")
    for _ in range(ROUNDS):
        bare.append(cost(bench, floor.pid, bottom))
        plain.append(cost(bench, exporter.pid, ours))
        packed.append(cost(bench, exporter.pid, ours, "gzip"))
        if peer:
            others.append(cost(bench, peer[0].pid, theirs))
    middle = lambda values: sorted(values)[len(values) // 2]
    print(f"  processor time: bare {middle(bare):.1f} ms, plain {middle(plain):.1f} ms, gzip {middle(packed):.1f} ms"
          + (f", kube-state-metrics {middle(others):.1f} ms" if others else ""), flush=True)
    bench.verdict("plain scrape", middle(plain) / middle(bare), PLAIN, " floors")
    bench.verdict("gzip scrape", middle(packed) / middle(plain), GZIP, " plain ones")
    resident = bench.memory(exporter.pid, "VmRSS") * 2**20
    print(f"  resident {resident / 2**20:.1f} MiB after {1 + ROUNDS * SCRAPES * 2} scrapes")
    bench.verdict("resident memory", resident / size, RESIDENT, " texts")
    print(f"  first byte after {min(drain(ours)[1] for _ in range(5)) * 1000:.1f} ms")
    for process in [exporter, floor, watcher, cluster] + ([peer[0]] if peer else []):
        run.stop(process)


def kube_state_metrics(run, bench, cluster):
    """The peer on the same cluster, with its port; None where it is not installed."""
    program = shutil.which("kube-state-metrics")
    if not program:
        print("  kube-state-metrics is not installed here", flush=True)
        return None
    port = bench.free_port()
    process = run.start(
        "kube-state-metrics", program, "--kubeconfig", run.kubeconfig, "--host", "127.0.0.1", "--port", str(port),
        "--telemetry-host", "127.0.0.1", "--telemetry-port", str(bench.free_port()), core=0)
    bench.until("kube-state-metrics", lambda: drain(connect(port))[0] > 1_000_000)
    return process, port
