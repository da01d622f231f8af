"""How much later a relay's host answers a change than the first host: `scripts/bench relay`.

One watcher of a simulated cluster, one relay of it, and a frontend on each one's table. A change is made, and both are asked in turns until
each gives the new answer, so both figures are of the same changes on the same machine.
"""

import socket
import statistics
import time

LIMIT = 4  # milliseconds more than the first host's median; see docs/operations.md for what was measured


def relay(bench, run):
    """A relay joined over tcp, as between hosts."""
    run.relay_health = bench.free_port()
    process = run.start(
        "relay", f"{bench.BIN}/mizzen-watcher", "--upstream", f"ipc://{run.path('deltas')}", "--upstream-snapshots",
        f"ipc://{run.path('snapshots')}", "--table", run.path("table-relay"), "--deltas", f"ipc://{run.path('deltas-relay')}",
        "--snapshots", f"ipc://{run.path('snapshots-relay')}", "--http", f"127.0.0.1:{run.relay_health}")
    bench.until("the relay's full state", lambda: bench.get(f"http://127.0.0.1:{run.relay_health}/readyz"))
    return process


def frontend(bench, run, table):
    port = bench.free_port()
    corefile = run.path(f"Corefile-{table}")
    with open(corefile, "w") as file:
        file.write(f".:{port} {{\n    bind 127.0.0.1\n    kubernetes cluster.local\n}}\n")
    process = run.start(
        f"frontend-{table}", f"{bench.BIN}/mizzen-frontend", "--corefile", corefile, "--table", run.path(table), "--threads", "1")
    bench.until(f"the first answer from {table}", lambda: bench.answers(port))
    return process, port


def delays(bench, run, prober, ports, count):
    """Milliseconds from the event's arrival to the changed answer, a list for each port."""
    clients = []
    for port in ports:
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.connect(("127.0.0.1", port))
        client.settimeout(2)
        clients.append(client)
    found = [[] for _ in ports]
    for _ in range(count):
        arrived, wanted = prober.change()
        waiting = set(range(len(ports)))
        while waiting:
            for index in list(waiting):
                clients[index].send(prober.question)
                if bench.answered_port(clients[index].recv(4096)) == wanted:
                    found[index].append((time.perf_counter() - arrived) * 1e3)
                    waiting.remove(index)
        bench.patched(prober.connection)
        time.sleep(0.02)
    for client in clients:
        client.close()
    return found


def bench_relay(run, bench, rounds=400):
    print(f"A change on the first host and on a relay's, {rounds} changes, one at a time", flush=True)
    processes = [run.cluster(), run.watcher()]
    processes.append(relay(bench, run))
    first, port = frontend(bench, run, "table")
    second, relay_port = frontend(bench, run, "table-relay")
    processes += [first, second]
    item = next(item for item in run.objects("/api/v1/services") if item["spec"].get("clusterIP", "None") != "None")
    prober = bench.Prober(run, item["metadata"]["namespace"], item["metadata"]["name"])
    delays(bench, run, prober, [port, relay_port], 50)
    at_first, at_relay = delays(bench, run, prober, [port, relay_port], rounds)
    for name, values in (("first host", at_first), ("relay's host", at_relay)):
        values = sorted(values)
        print(f"  {name}: median {statistics.median(values):.2f} ms, p99 {values[int(len(values) * 0.99)]:.2f} ms", flush=True)
    print(f"  relay: {bench.memory(processes[2].pid, 'VmRSS'):.0f} MiB resident", flush=True)
    bench.verdict("a relay's answer after the first host's, median", statistics.median(at_relay) - statistics.median(at_first), LIMIT, " ms")
    for process in reversed(processes):
        run.stop(process)
