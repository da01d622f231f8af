#!/usr/bin/env python3
"""Attack the record table from separate processes: readers under churn, kills, stops, full size, full and read-only disks.

attack.py PROBE [--reads N] [--kills N] [--stop SECONDS] [part …]     parts: reads kills stop power size files; without one: all

PROBE is the built table-probe. Prints what was proved, one line each; exits 1 at the first fault.
"""
import argparse
import glob
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

# Limits that docs/record-table.md states; a measured figure beyond them is a fault.
LIMITS = {
    "bytes_per_service": 480, "bytes_per_endpoint": 210, "bytes_per_pod": 560, "disk_over_live": 1.35, "empty_disk_bytes": 24 << 20,
    "adopt_private_kilobytes": 16_384, "open_faults_difference": 8,
}


class Fault(Exception):
    pass


class Attack:
    def __init__(self, probe, folder, seed):
        self.probe, self.folder, self.random = probe, folder, random.Random(seed)
        self.alive = []

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, *words):
        process = subprocess.Popen([self.probe, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.alive.append(process)
        return process

    def reap(self, process, sign=signal.SIGKILL):
        """Kill and wait; whatever it had said of a fault counts."""
        if process.poll() is None:
            process.send_signal(sign)
        output, _ = process.communicate()
        self.alive.remove(process)
        if "FAULT" in output or "Sanitizer" in output:
            raise Fault(output)
        return output

    def finish(self, process, what, seconds=1800):
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Fault(f"{what}: has not ended within {seconds} s")
        self.alive.remove(process)
        if process.returncode != 0:
            raise Fault(f"{what}: exit {process.returncode}: {output[-4000:]}")
        return output

    def run(self, *words):
        return self.finish(self.start(*words), " ".join(map(str, words)))

    def await_line(self, process, word):
        while True:
            line = process.stdout.readline()
            if line.startswith(word):
                return line
            if not line or "FAULT" in line:
                raise Fault(f"expected '{word}': {line}{process.stdout.read()}")

    def close(self):
        for process in list(self.alive):
            process.kill()
            process.wait()


def reads(attack, options):
    table = attack.path("reads")
    writer = attack.start("write", table, 7)
    attack.await_line(writer, "writing")
    share = options.reads // 2
    readers = [attack.start("read", table, share) for _ in range(2)]
    outputs = [attack.finish(reader, "reader") for reader in readers]
    if writer.poll() is not None:
        raise Fault("the writer has ended: " + attack.reap(writer))
    written = attack.reap(writer).count("generation")
    attack.run("check", table)
    retries = sum(int(re.search(r"retries (\d+)", output).group(1)) for output in outputs)
    print(f"reads: {2 * share} self-checking reads by 2 processes beside a writer, none torn, mixed or missing; {retries} retried, "
          f"the table grew and shrank {written} times meanwhile", flush=True)
    attack.run("threads", attack.path("threads"), max(20_000, options.reads // 50))
    print(f"reads: {max(20_000, options.reads // 50)} more by 2 threads beside the writer's thread", flush=True)


def pause(attack, most):
    """Until a random moment of what is attacked: chance, not synchronisation. The seed draws it."""
    time.sleep(attack.random.random() * most)


def proved(attack, table, *words):
    """It answers as it was left; and whoever opened it now would find every invariant. That is tried on a copy, so that what comes
    next still meets what the kill has left."""
    attack.run("answer", table, *words)
    copy = attack.path("copy")
    os.mkdir(copy)
    for file in glob.glob(glob.escape(table) + "*"):
        shutil.copy(file, copy)
    attack.run("invariants", os.path.join(copy, os.path.basename(table)))
    shutil.rmtree(copy)


def kills(attack, options):
    """Writers (and with each a reader) killed in their work, at their start, while making the table."""
    counts = {"writing": 0, "starting": 0, "making": 0, "reader": 0}
    table, number = attack.path("kills"), 0
    while counts["writing"] + counts["starting"] + counts["making"] < options.kills:
        number += 1
        # A start to the end: every invariant, a relist by difference, every record compared with the list.
        writer = attack.start("churn", table, number)
        attack.await_line(writer, "equal")
        reader = attack.start("read", table, 1 << 40)
        pause(attack, 0.06)
        attack.reap(reader)
        counts["reader"] += 1
        pause(attack, 0.02)
        attack.reap(writer)
        counts["writing"] += 1
        proved(attack, table)
        # The next is killed while it starts, adopts or relists what the last one left; half of the rounds after a proof of the above.
        if number % 2:
            attack.run("churn", table, number + 1_000_000, "once")
        early = attack.start("churn", table, number + 2_000_000)
        pause(attack, 0.08)
        attack.reap(early)
        counts["starting"] += 1
        proved(attack, table)
        if number % 8 == 0:
            for file in glob.glob(glob.escape(table) + "*"):
                os.remove(file)
            first = attack.start("churn", table, number)
            pause(attack, 0.03)
            attack.reap(first)
            counts["making"] += 1
            proved(attack, table, "partial")
    attack.run("churn", table, 0, "once")
    print(f"kills: {counts['writing']} writers while they changed, grew and shrank the table, {counts['starting']} while they started, "
          f"adopted or relisted, {counts['making']} while they made it, {counts['reader']} readers; it answered after each without a "
          "writer, a writer that opened a copy of it found every invariant, and after the next whole start every record equalled the list", flush=True)


def stop(attack, options):
    table = attack.path("stop")
    writer = attack.start("write", table, 3)
    attack.await_line(writer, "writing")
    readers = [attack.start("read", table, 2_000_000) for _ in range(4)]
    for reader in readers:
        attack.await_line(reader, "reading")
        pause(attack, 0.01)
        reader.send_signal(signal.SIGSTOP)
    for _ in range(3):
        attack.await_line(writer, "generation")
    begun = time.monotonic()
    rounds = 0
    while time.monotonic() - begun < options.stop or rounds < 3:
        attack.await_line(writer, "generation")
        rounds += 1
    for reader in readers:
        reader.send_signal(signal.SIGCONT)
    for reader in readers:
        attack.finish(reader, "a reader that was stopped")
    attack.reap(writer)
    attack.run("check", table)
    print(f"stop: 4 readers stopped for {time.monotonic() - begun:.0f} s while the table grew and shrank {rounds} times; all read on rightly", flush=True)


def damage(attack, path, original, older):
    """Pages that did not reach the disk: zeroed, or as an older copy had them."""
    content = bytearray(original)
    count = attack.random.choice([1, 2, 8, len(content) // 4096 // 4])
    for _ in range(count):
        page = attack.random.randrange(len(content) // 4096) * 4096
        replacement = b"\0" * 4096 if attack.random.random() < 0.5 else older[page:page + 4096].ljust(4096, b"\0")
        content[page:page + 4096] = replacement
    with open(path, "wb") as file:
        file.write(content)


def power(attack, options):
    """Power losses: whatever pages are lost, readers neither crash nor hang and the next writer brings the table to the list."""
    rounds = max(6, options.kills // 10)
    table = attack.path("power")
    outcomes = {"absent": 0, "answers": 0, "refused": 0}
    for number in range(rounds):
        for file in glob.glob(glob.escape(table) + "*"):
            os.remove(file)
        attack.run("churn", table, number, "once")
        data = glob.glob(glob.escape(table) + ".[0-9]*")[0]
        older = {file: open(file, "rb").read() for file in (table, data)}
        attack.run("churn", table, number + 1, "once")
        data = glob.glob(glob.escape(table) + ".[0-9]*")[0]
        target = table if number % 5 == 0 else data
        damage(attack, target, open(target, "rb").read(), older.get(target, b""))
        if number % 7 == 3:
            os.truncate(data, attack.random.randrange(os.path.getsize(data)))
        if number % 11 == 5:
            os.remove(data)
        reader = attack.start("survey", table)
        output = attack.finish(reader, "a reader of a damaged table", 60)
        outcomes[output.split()[0]] += 1
        attack.run("recover", table, number + 1)
    print(f"power: {rounds} tables with lost pages, cut short or without their data: a reader took {outcomes}, never crashed nor "
          "hung; the next writer dropped what did not match and its relist equalled the list", flush=True)


def figures(output):
    return {line.split()[0]: int(line.split()[1]) for line in output.splitlines() if line.count(" ") == 1}


def judge(name, value):
    limit = LIMITS[name]
    print(f"size: {name} {value:.2f} (limit {limit})" if isinstance(value, float) else f"size: {name} {value} (limit {limit})", flush=True)
    if value > limit:
        raise Fault(f"{name} is {value}, beyond the stated {limit}")


def size(attack, options):
    """150,000 pods, 10,000 services, 1,000,000 endpoints and back, with readers running."""
    table = attack.path("size")
    attack.run("churn", table, 1, "once")
    empty = figures(attack.run("open", table))
    readers = [attack.start("read", table, 1 << 40) for _ in range(2)]
    filled = figures(attack.run("fill", table))
    for name in ("bytes_per_service", "bytes_per_endpoint", "bytes_per_pod"):
        judge(name, filled[name])
    judge("disk_over_live", filled["disk_bytes"] / filled["live_bytes"])
    full = figures(attack.run("open", table))
    judge("open_faults_difference", full["open_faults"] - empty["open_faults"])
    adopted = figures(attack.run("adopt", table))
    judge("adopt_private_kilobytes", adopted["adopt_private_kilobytes"])
    for name, value in (("adopt", adopted["adopt_writes"]), ("adopted relist", adopted["adopted_relist_writes"]), ("relist", filled["relist_writes"])):
        if value != 0:
            raise Fault(f"{name} of what was there already wrote {value} records")
    emptied = figures(attack.run("empty", table))
    judge("empty_disk_bytes", emptied["empty_disk_bytes"])
    for reader in readers:
        if reader.poll() is not None:
            raise Fault("a reader has ended: " + attack.reap(reader))
        attack.reap(reader)
    print(f"size: filled in {filled['fill_milliseconds']} ms through {filled['generations']} generations under 2 readers; opened by a reader with "
          f"{full['open_faults']} page faults (small: {empty['open_faults']}); adopted in {adopted['adopt_milliseconds']} ms and relisted in "
          f"{adopted['adopted_relist_milliseconds']} ms without a write; emptied in {emptied['empty_milliseconds']} ms", flush=True)


def refused(attack, words, *parts):
    process = attack.start(*words)
    output, _ = process.communicate()
    attack.alive.remove(process)
    missing = [part for part in parts if part not in output]
    if process.returncode == 0 or process.returncode < 0 or missing:
        raise Fault(f"{words}: exit {process.returncode}, '{output.strip()}' lacks {missing}")


def files(attack, options):
    """What needs a file system of its own: full, read-only. As root, in a private mount namespace."""
    if os.geteuid() != 0:
        print("files: left out, because mounting needs root", flush=True)
        return
    inner = subprocess.run(["unshare", "-m", sys.executable, os.path.abspath(__file__), attack.probe, "mounted"], text=True, capture_output=True)
    sys.stdout.write(inner.stdout)
    if inner.returncode != 0:
        raise Fault(inner.stdout[-2000:] + inner.stderr[-2000:])


def mounted(attack, options):
    place = attack.path("mount")
    os.mkdir(place)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", place], check=True)
    table = os.path.join(place, "table")
    attack.run("churn", table, 1, "once")
    # Nothing left: growth is refused in words, what is there goes on answering, and room makes it go on.
    ballast = os.open(os.path.join(place, "ballast"), os.O_WRONLY | os.O_CREAT)
    try:
        while os.write(ballast, b"x" * 4096):
            pass
    except OSError:
        os.close(ballast)
    refused(attack, ["fill", table], table, "no room", "enlarge the file system")
    attack.run("answer", table)
    refused(attack, ["check", os.path.join(place, "other")], "no room", "enlarge the file system")
    os.remove(os.path.join(place, "ballast"))
    attack.run("churn", table, 2, "once")
    subprocess.run(["mount", "-o", "remount,ro", place], check=True)
    attack.run("answer", table)
    refused(attack, ["check", table], table, "Read-only file system", "--table")
    refused(attack, ["check", os.path.join(place, "new")], "Read-only file system", "--table")
    subprocess.run(["umount", place], check=True)
    print("files: on a full file system growth and making are refused with path and remedy while the table answers, and go on with room; on a "
          "read-only one readers answer and writers are refused", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("probe")
    parser.add_argument("parts", nargs="*")
    parser.add_argument("--reads", type=int, default=10_000_000)
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--stop", type=float, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_intermixed_args()
    parts = {"files": files, "reads": reads, "stop": stop, "power": power, "size": size, "kills": kills}
    hidden = {"mounted": mounted}
    for part in options.parts or list(parts):
        if part not in parts and part not in hidden:
            parser.error(f"unknown part {part}; there are {', '.join(parts)}")
    folder = tempfile.mkdtemp(prefix="mizzen-attack-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) and not os.environ.get("ATTACK_ON_DISK") else None)
    attack = Attack(os.path.abspath(options.probe), folder, options.seed)
    try:
        for part in options.parts or list(parts):
            (parts.get(part) or hidden[part])(attack, options)
    except Fault as fault:
        print(f"attack: FAULT (seed {options.seed}; the files are in {folder}): {fault}", flush=True)
        attack.close()
        sys.exit(1)
    finally:
        attack.close()
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
