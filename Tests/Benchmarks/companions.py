"""bench.py companions: frontends on one unchanged Corefile. Throughput with one and with two of them; then all kinds of ends under load, while /metrics is read."""
import os
import random
import re
import signal
import statistics
import subprocess
import threading
import time
import urllib.request

KEEPS_GROWING = ("_total", "_bucket", "_count", "_sum")


class Frontends:
    def __init__(self, run, bench):
        self.run, self.bench = run, bench
        self.port, self.http = bench.free_port(), bench.free_port()
        self.number = 0
        with open(run.path("Corefile-companions"), "w") as file:
            file.write(
                f".:{self.port} {{\n    bind 127.0.0.1\n    health 127.0.0.1:{self.http}\n    ready 127.0.0.1:{self.http}\n"
                f"    prometheus 127.0.0.1:{self.http}\n    hosts {{\n        192.0.2.1 host.example.org\n    }}\n}}\n")
        with open(run.path("companions"), "w") as file:
            file.write("host.example.org A\n")

    def start(self):
        self.number += 1
        name = f"companion-{self.number}"
        process = self.run.start(
            name, f"{self.bench.BIN}/mizzen-frontend", "--corefile", self.run.path("Corefile-companions"), "--table",
            self.run.path("no-table"), "--threads", "1", environment={"MIZZEN_COUNTERS": self.run.path("counters")})
        self.bench.until(f"{name} serves", lambda: " serving " in open(self.run.path(name + ".log")).read())
        return process

    def scrape(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/metrics", timeout=1) as answer:
            lines = answer.read().decode().splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}

    def counted(self):
        return int(sum(value for name, value in self.scrape().items() if name.startswith("coredns_dns_requests_total{")))

    def ask(self, seconds, *options):
        """What dnsperf sent, had answered, and how many that is a second."""
        output = subprocess.run(
            ["dnsperf", "-s", "127.0.0.1", "-p", str(self.port), "-d", self.run.path("companions"), "-l", str(seconds), "-c", "64", "-T", "1",
             *options], capture_output=True, text=True, check=True).stdout
        find = lambda pattern: float(re.search(pattern, output).group(1))
        return int(find(r"Queries sent:\s+(\d+)")), int(find(r"Queries completed:\s+(\d+)")), find(r"Queries per second:\s+([\d.]+)")


class Scraper(threading.Thread):
    """Reads /metrics all the time, each on a connection of its own: counters that fell, and the longest time without an answer."""

    def __init__(self, frontends):
        super().__init__()
        self.frontends, self.falls, self.longest, self.count, self.failed = frontends, [], 0, 0, 0
        self.ending = threading.Event()

    def run(self):
        last, answered = {}, time.monotonic()
        while not self.ending.is_set():
            try:
                samples = self.frontends.scrape()
            except OSError:
                self.failed += 1
                continue
            now = time.monotonic()
            self.longest, answered, self.count = max(self.longest, now - answered), now, self.count + 1
            growing = {name: value for name, value in samples.items() if name.split("{")[0].endswith(KEEPS_GROWING)}
            self.falls += [(name, value, growing.get(name)) for name, value in last.items() if growing.get(name, -1) < value]
            last = growing
            time.sleep(0.01)


def bench_companions(run, bench, seconds=8):
    print("Frontends on one Corefile; load and servers share the cores", flush=True)
    frontends = Frontends(run, bench)
    one, two = [], []
    first = frontends.start()
    frontends.ask(1)
    for _ in range(3):
        one.append(frontends.ask(3)[2])
        second = frontends.start()
        two.append(frontends.ask(3)[2])
        run.stop(second)
    ratio = statistics.median(b / a for a, b in zip(one, two))
    print(f"  queries a second: one {statistics.median(one):.0f}, two {statistics.median(two):.0f}; ratio {ratio:.2f} "
          f"(on {len(os.sched_getaffinity(0))} cores, of which dnsperf takes one)", flush=True)

    living = [first, frontends.start(), frontends.start()]
    before = frontends.counted()
    sent, completed, _ = frontends.ask(2, "-Q", "3000")
    print(f"  three frontends, nobody ends: sent {sent}, answered {completed}, counted {frontends.counted() - before}", flush=True)
    bench.verdict("queries that are not counted, or twice", abs(frontends.counted() - before - sent), 0)

    for name, ends in (("stopped and started one after another", [signal.SIGTERM]), ("killed and stopped", [signal.SIGKILL, signal.SIGTERM])):
        before, scraper, over = frontends.counted(), Scraper(frontends), threading.Event()
        rounds = 0

        def replace():
            nonlocal rounds
            while not over.is_set():
                time.sleep(random.uniform(0.05, 0.5))
                old = living.pop(0)
                if ends[0] == signal.SIGTERM:  # the new one first, as for a restart that loses nothing
                    living.append(frontends.start())
                old.send_signal(ends[rounds % len(ends)])
                old.wait(15)
                run.processes.remove(old)
                if ends[0] != signal.SIGTERM:
                    living.append(frontends.start())
                rounds += 1

        scraper.start()
        replacing = threading.Thread(target=replace)
        replacing.start()
        sent, completed, _ = frontends.ask(seconds, "-Q", "3000", "-t", "1")
        over.set()
        replacing.join()
        scraper.ending.set()
        scraper.join()
        counted = frontends.counted() - before
        print(f"  {rounds} {name}: {scraper.count} scrapes ({scraper.failed} got no answer), longest time without {scraper.longest * 1e3:.0f} ms; "
              f"sent {sent}, answered {completed}, counted {counted}", flush=True)
        bench.verdict("counters that fell", len(scraper.falls), 0)
        bench.verdict("longest time without an answer", scraper.longest, 1, " s")
        # Who is killed may have counted what it did not send any more, and loses what it had not looked at.
        bench.verdict("answers that are not counted", max(0, completed - counted), 0)
        bench.verdict("counted and not sent", max(0, counted - sent), 0)
        if scraper.falls:
            print(f"  {scraper.falls[:5]}")
    for process in living:
        run.stop(process)
