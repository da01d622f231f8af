"""The record table's part of bench.py: look-ups under churn, and writing, in multiples of a hash map in private memory."""
import os
import re
import statistics
import subprocess

# What docs/operations.md states, in multiples of the floor of the same run.
READ_LIMIT, LATENCY_LIMIT, INSERT_LIMIT, REPLACE_LIMIT = 2, 10, 8, 16


def figures(output):
    if "FAULT" in output:
        raise SystemExit(f"bench: {output}")
    found = {}
    for name, value in re.findall(r"^(\w+) ([\d.]+)$", output, re.MULTILINE):
        found.setdefault(name, []).append(float(value))
    return found


def bench_table(run, binaries, verdict, seconds=4):
    bench = f"{binaries}/table-bench"
    print("The record table: 10,000 services, look-ups beside a writer that changes them without a pause", flush=True)
    for processes in (1, 2, 4):
        path = run.path(f"bench-table-{processes}")
        writer = subprocess.Popen(["taskset", "-c", "1", bench, "churn", path], stdout=subprocess.PIPE, text=True)
        try:
            if writer.stdout.readline().strip() != "ready":
                raise SystemExit("bench: the writer did not fill the table")
            # Readers keep to the other core, unless there are more of them than one core is for.
            pin = ["taskset", "-c", "0"] if processes == 1 else []
            readers = [subprocess.Popen(pin + [bench, "read", path, str(seconds)], stdout=subprocess.PIPE, text=True) for _ in range(processes)]
            results = [figures(reader.communicate()[0]) for reader in readers]
        finally:
            writer.kill()
            writer.communicate()
        ratio = statistics.median(t / m for r in results for t, m in zip(r["table_nanoseconds"], r["map_nanoseconds"]))
        # The time of the clock itself and of being scheduled away falls on both.
        late = statistics.median(t / max(m, 10) for r in results for t, m in zip(r["table_p999"], r["map_p999"]))
        reads = sum(sum(r["table_reads"]) for r in results) / (seconds / 2)
        share = statistics.median(t / m for r in results for t, m in zip(r["table_reads"], r["map_reads"]))
        print(f"  {processes} readers: {reads / 1e6:.2f} million look-ups a second in all ({share:.2f} of the hash map's), p99.9 "
              f"{statistics.median(v for r in results for v in r['table_p999']) / 1e3:.2f} µs")
        verdict(f"processor time per look-up in hash-map look-ups, {processes} readers", ratio, READ_LIMIT)
        verdict(f"p99.9 in the hash map's, {processes} readers", late, LATENCY_LIMIT)
    path = run.path("bench-table-write")
    output = figures(subprocess.run(["taskset", "-c", "0", bench, "write", path], stdout=subprocess.PIPE, text=True, check=True).stdout)
    value = lambda name: output[name + "_nanoseconds"][0]
    print(f"  writer: {1e9 / value('insert'):.0f} services a second inserted, {1e9 / value('replace'):.0f} replaced, "
          f"{1e9 / value('unchanged'):.0f} found unchanged")
    verdict("insertion in hash-map insertions", value("insert") / value("map_insert"), INSERT_LIMIT)
    verdict("replacement in hash-map replacements", value("replace") / value("map_replace"), REPLACE_LIMIT)
