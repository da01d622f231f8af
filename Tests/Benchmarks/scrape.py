"""What a scrape costs: `scripts/bench scrape`.

The same bytes are served by the exporter and by `scrape-floor`, a server that does nothing else; rounds of both alternate, on one core, while
the client drains on the other. Compared are processor times, so the numbers are ratios of one run. Where kube-state-metrics is installed it
is measured in the same rounds.
"""

import http.client
import os
import re
import shutil
import socket
import time

ROUNDS, SCRAPES = 5, 4
PLAIN, GZIP, RESIDENT = 1.6, 1.5, 1.6
PIECE = 8192


def drain(port, encoding="identity"):
    """One scrape on a connection of its own.

    - Returns: bytes of the body, seconds to its first byte, the first bytes."""
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(
            f"GET /metrics HTTP/1.1\r\nHost: bench\r\nAccept-Encoding: {encoding}\r\nConnection: close\r\n\r\n".encode())
        room = bytearray(1 << 20)
        head = connection.recv(65536)
        first = time.monotonic() - start
        status = head.split(b"\r\n", 1)[0]
        if b" 200 " not in status + b" ":
            raise SystemExit(f"bench: port {port} answered {status.decode(errors='replace')}")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        size = len(head.split(b"\r\n\r\n", 1)[1])
        while not (length and size >= int(length.group(1))):
            got = connection.recv_into(room)
            if not got:
                break
            size += got
    return size, first


def cost(bench, pid, port, encoding="identity"):
    """Processor time of one scrape, in milliseconds."""
    before = bench.cpu_seconds(pid)
    for _ in range(SCRAPES):
        drain(port, encoding)
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
    at_start = bench.memory(exporter.pid, "VmRSS")
    text = bench.get(f"http://127.0.0.1:{port}/metrics")
    with open(run.path("text"), "wb") as file:
        file.write(text)
    floor = run.start("floor", f"{bench.BIN}/scrape-floor", run.path("text"), str(floor_port), str(PIECE), core=0)
    bench.until("the floor", lambda: drain(floor_port))
    samples = sum(1 for line in text.split(b"\n") if line and not line.startswith(b"#"))
    size = len(text)
    print(f"  {samples} samples, {size / 1e6:.1f} MB; resident {at_start:.1f} MiB before the first scrape", flush=True)
    peer = kube_state_metrics(run, bench, cluster)
    plain, packed, bare, others = [], [], [], []
    drain(port, "gzip")
    for _ in range(ROUNDS):
        bare.append(cost(bench, floor.pid, floor_port))
        plain.append(cost(bench, exporter.pid, port))
        packed.append(cost(bench, exporter.pid, port, "gzip"))
        if peer:
            others.append(cost(bench, peer[0].pid, peer[1]))
    middle = lambda values: sorted(values)[len(values) // 2]
    print(f"  processor time: bare {middle(bare):.1f} ms, plain {middle(plain):.1f} ms, gzip {middle(packed):.1f} ms"
          + (f", kube-state-metrics {middle(others):.1f} ms" if others else ""), flush=True)
    bench.verdict("plain scrape", middle(plain) / middle(bare), PLAIN, " floors")
    bench.verdict("gzip scrape", middle(packed) / middle(plain), GZIP, " plain ones")
    resident = bench.memory(exporter.pid, "VmRSS") * 2**20
    print(f"  resident {resident / 2**20:.1f} MiB after {1 + ROUNDS * SCRAPES * 2} scrapes")
    bench.verdict("resident memory", resident / size, RESIDENT, " texts")
    print(f"  first byte after {min(drain(port)[1] for _ in range(5)) * 1000:.1f} ms")
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
    bench.until("kube-state-metrics", lambda: drain(port)[0] > 1_000_000)
    return process, port
