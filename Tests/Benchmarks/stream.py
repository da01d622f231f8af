"""`bench.py stream`: the delta stream beside bare ZeroMQ sockets that move the same frames and bytes in the same run."""
import json
import os
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

PODS = 150_000
PACE = 1_000  # messages a second where latency is measured
ROUNDS = 3
# By subscribers. With one, the publisher's own work (store, history, encoding) is all there is beside a send; with 50 both spend
# their time in sends, and 1,000 messages a second are near what two cores can do at all.
RATE_LIMIT = {1: 6, 10: 3, 50: 3}
P99_LIMIT = {1: 5, 10: 5, 50: 15}
SNAPSHOT_LIMIT = 5


class Member:
    """One stream-bench process, told what to do by lines and answering in lines of JSON."""

    def __init__(self, binary, role, folder, *options):
        self.process = subprocess.Popen(
            [binary, role, "--deltas", f"ipc://{folder}/d", "--snapshots", f"ipc://{folder}/s", "--progress",
             f"{folder}/progress", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"bench: stream-bench ended with {self.process.wait()}")
        return json.loads(line)

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.read()

    def resident(self):
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def stop(self):
        self.process.kill()
        self.process.wait()


class Crowd:
    """A publisher and its subscribers, real or bare."""

    def __init__(self, binary, subscribers, *options, objects=5_000):
        self.folder = tempfile.mkdtemp(prefix="mz")
        with open(f"{self.folder}/progress", "wb") as file:
            file.write(b"\0" * 8 * 64)
        self.members = []
        self.publisher = self.start(binary, "publish", *options, "--objects", str(objects))
        self.publisher.read()
        self.subscribers = [self.start(binary, "subscribe", *options, "--index", str(index))
                            for index in range(subscribers)]
        if "--bare" in options:
            for _ in range(50):
                self.publisher.ask("hello")
                time.sleep(0.1)
        for subscriber in self.subscribers:
            subscriber.read()
        self.publisher.ask(f"subscribers {subscribers}")

    def start(self, *arguments):
        binary, role, *options = arguments
        self.members.append(Member(binary, role, self.folder, *options))
        return self.members[-1]

    def flood(self, count):
        return self.publisher.ask(f"flood {count}")["messages_per_second"]

    def pace(self, seconds):
        """The worst subscriber's p99 and the median one's, in microseconds."""
        for subscriber in self.subscribers:
            subscriber.ask("report")
        self.publisher.ask(f"pace {int(seconds * PACE)} {PACE}")
        time.sleep(0.5)
        return sorted(subscriber.ask("report")["p99"] for subscriber in self.subscribers)

    def close(self):
        for member in self.members:
            member.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def turns(measure):
    """What `measure` finds for the real stream, for bare sockets, and the ratios of the two: medians of three turns of each. In
    turns, so that the machine's mood touches both."""
    rounds = [(measure(), measure("--bare")) for _ in range(ROUNDS)]
    median = lambda numbers: [statistics.median(column) for column in zip(*numbers)]
    return (median(real for real, _ in rounds), median(bare for _, bare in rounds),
            median([r / b for r, b in zip(real, bare)] for real, bare in rounds))


def compare(binary, subscribers, verdict):
    def measure(*options):
        crowd = Crowd(binary, subscribers, *options)
        try:
            count = 200_000 if subscribers == 1 else 400_000 // subscribers
            crowd.flood(count // 10)
            return crowd.flood(count), crowd.pace(4)[subscribers // 2]
        finally:
            crowd.close()
    (rate, p99), (_, bare_p99), (rate_ratio, p99_ratio) = turns(measure)
    print(f"  {subscribers} subscribers: {rate:,.0f} messages a second ({rate_ratio:.2f} of bare ZeroMQ's); at {PACE} a second "
          f"p99 {p99 / 1000:.2f} ms ({p99_ratio:.1f} times bare ZeroMQ's {bare_p99 / 1000:.2f} ms)", flush=True)
    verdict(f"bare ZeroMQ's messages a second in multiples of ours, {subscribers} subscribers", 1 / rate_ratio, RATE_LIMIT[subscribers])
    verdict(f"p99 at {PACE} a second in multiples of bare ZeroMQ's, {subscribers} subscribers", p99_ratio, P99_LIMIT[subscribers])


def stuck(binary, verdict):
    """What one subscriber that has stopped reading costs the publisher and the other 49."""
    crowd = Crowd(binary, 50)
    try:
        crowd.pace(2)
        before, calm = crowd.publisher.resident(), crowd.pace(15)[25]
        free = crowd.publisher.resident()
        victim = crowd.subscribers.pop()
        os.kill(victim.process.pid, signal.SIGSTOP)
        held = [crowd.pace(15)[24] for _ in range(2)]
        after = crowd.publisher.resident()
        os.kill(victim.process.pid, signal.SIGCONT)
    finally:
        crowd.close()
    mebibyte = 1 << 20
    print(f"  one of 50 stopped while {2 * 15 * PACE:,} deltas of 1.7 kB pass: the publisher's memory goes from "
          f"{free / mebibyte:.0f} to {after / mebibyte:.0f} MiB (it was {before / mebibyte:.0f} before the first 15,000)", flush=True)
    verdict("growth for one stuck subscriber, in multiples of a full queue (8,192 deltas)", (after - free) / (8192 * 1700 * 1.0), 1.5)
    verdict("the others' p99 in multiples of that without it", min(held) / calm, 1.5)


def snapshot(binary, verdict):
    def measure(*options):
        crowd = Crowd(binary, 0, *options, objects=PODS)
        try:
            joiner = crowd.start(binary, "subscribe", *options, "--once")
            if options:
                crowd.publisher.process.stdin.write("snapshot\n")
                crowd.publisher.process.stdin.flush()
            answer = joiner.read()
            assert answer["objects"] == PODS, answer
            return (answer["joined_seconds"],)
        finally:
            crowd.close()
    (real,), _, (ratio,) = turns(measure)
    print(f"  a snapshot of {PODS:,} pods of 1.7 kB: {real:.2f} s, {ratio:.1f} times bare ZeroMQ's", flush=True)
    verdict("a snapshot in multiples of bare ZeroMQ's", ratio, SNAPSHOT_LIMIT)


def bench_stream(folder, verdict):
    binary = os.path.join(folder, "stream-bench")
    print("stream: the publisher beside bare ZeroMQ sockets with the same frames", flush=True)
    for subscribers in RATE_LIMIT:
        compare(binary, subscribers, verdict)
    snapshot(binary, verdict)
    stuck(binary, verdict)
