"""Memory and processor time of listing 150,000 pods again: `make bench BENCH=relist`, or `scripts/bench relist`.

The watcher watches pods, services and endpoint slices of a simulated cluster. Each relist is forced by a 410 in the middle of the
pods' watch; the peak is VmHWM, which is set back before (/proc/PID/clear_refs), the steady memory VmRSS before that.
"""

import json
import os
import time
import urllib.request

PODS, SERVICES, NODES = 150_000, 10_000, 1_500
LIMIT = 1.5


def metric(bench, port, name):
    total = 0
    for line in bench.get(f"http://127.0.0.1:{port}/metrics").decode().splitlines():
        if line.startswith(name):
            total += float(line.rsplit(" ", 1)[1])
    return total


def control(run, method, plan=None):
    request = urllib.request.Request(
        f"http://127.0.0.1:{run.api}/simulator/faults", json.dumps(plan).encode() if plan else None,
        {"Authorization": f"Bearer {run.token}"}, method=method)
    return json.load(urllib.request.urlopen(request, timeout=120))


def touch(run, namespace, name, value):
    body = json.dumps({"metadata": {"labels": {"relist": value}}}).encode()
    urllib.request.urlopen(urllib.request.Request(
        f"http://127.0.0.1:{run.api}/api/v1/namespaces/{namespace}/pods/{name}", body,
        {"Authorization": f"Bearer {run.token}", "Content-Type": "application/merge-patch+json"}, method="PATCH"), timeout=120)


def measure(bench, run, watcher, what, faults, pod, turn, judged=True):
    # The simulator notices that the last list's watch has lost its client only when it writes to it: until then the fault
    # could meet that watch instead of the watcher's.
    touch(run, *pod, f"before-{turn}")
    time.sleep(5)
    steady = bench.memory(watcher.pid, "VmRSS")
    with open(f"/proc/{watcher.pid}/clear_refs", "w") as file:
        file.write("5")
    used = bench.cpu_of_all(watcher.pid)
    pods = 'mizzen_watcher_list_duration_seconds_count{resource="pods"'
    before = metric(bench, run.health, pods)
    control(run, "DELETE")
    control(run, "POST", {"faults": faults + [{"kind": "expired", "resource": "pods", "count": 1}]})
    touch(run, *pod, f"t{turn}")
    bench.until("another list of pods", lambda: metric(bench, run.health, pods) > before, 300)
    time.sleep(1)
    control(run, "DELETE")
    peak = bench.memory(watcher.pid, "VmHWM")
    print(f"  {what}: steady {steady:.0f} MiB, peak {peak:.0f} MiB, processor time {bench.cpu_of_all(watcher.pid) - used:.1f} s", flush=True)
    if judged:
        bench.verdict(f"peak memory in steady memories, {what}", peak / steady, LIMIT)


def bench_relist(run, bench):
    pods = int(os.environ.get("RELIST_PODS", PODS))
    print(f"Listing {pods} pods again, beside {SERVICES} services and their slices", flush=True)
    bench.PODS, bench.SERVICES, bench.NODES = pods, min(SERVICES, pods), min(NODES, pods)
    cluster = run.cluster()
    run.health = bench.free_port()
    watcher = run.start(
        "watcher", f"{bench.BIN}/mizzen-watcher", "--kubeconfig", run.kubeconfig, "--table", run.path("table"),
        "--deltas", f"ipc://{run.path('deltas')}", "--snapshots", f"ipc://{run.path('snapshots')}",
        "--http", f"127.0.0.1:{run.health}", "--resources", "namespaces,services,endpointslices,pods", core=0)
    bench.until("the watcher's full lists", lambda: bench.get(f"http://127.0.0.1:{run.health}/readyz"), 600)
    request = urllib.request.Request(
        f"http://127.0.0.1:{run.api}/api/v1/pods?limit=1", headers={"Authorization": f"Bearer {run.token}"})
    first = json.load(urllib.request.urlopen(request, timeout=120))["items"][0]["metadata"]
    pod = (first["namespace"], first["name"])
    measure(bench, run, watcher, "as the events of a watch (WatchList), protobuf", [], pod, 1)
    measure(bench, run, watcher, "the same a second time", [], pod, 2)
    measure(bench, run, watcher, "as pages of 500, protobuf", [{"kind": "without-watchlist"}], pod, 3)
    # The change itself replaces every object by a longer one; from then on JSON is what is steady.
    measure(bench, run, watcher, "change from protobuf to JSON", [{"kind": "refuse-protobuf"}], pod, 4, judged=False)
    measure(bench, run, watcher, "as pages of 500, JSON", [], pod, 5)
    run.stop(watcher)
    run.stop(cluster)
