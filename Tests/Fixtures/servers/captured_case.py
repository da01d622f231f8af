"""One captured case: run, read, compared. What a case is, is said in scripts/dns-cases."""
import dataclasses
import json
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from process_group import wait_until

HERE = pathlib.Path(__file__).resolve().parent
SERVER_PORT, UPSTREAM_PORTS, METRICS_PORT = 1053, (5398, 5397), 19153
SECTIONS = ("answer", "authority", "additional")
# Samples that depend on time, on the build or on Go's runtime.
UNSTEADY = re.compile(
    r"build_info|duration|_bytes|panics|hash|healthcheck|conn_cache|reload|plugin_enabled|entries|rest_client|health_request"
    r'|coredns_local_|type="other"')


@dataclasses.dataclass(frozen=True)
class ListedDifference:
    """A row of the table in docs/differences.md. `subject` may end in `*`; `ttl: SUBJECT` covers differences of TTLs alone;
    `sometimes: SUBJECT` need not occur, where what is compared depends on which of two things happens first."""

    case: str
    subject: str

    def covers(self, difference):
        subject = self.subject.removeprefix("sometimes: ")
        only_ttl = subject.startswith("ttl: ")
        pattern = subject.removeprefix("ttl: ")
        if only_ttl and difference["kind"] != "ttl":
            return False
        if pattern.endswith("*"):
            return difference["subject"].startswith(pattern[:-1])
        return difference["subject"] == pattern

    @property
    def must_occur(self):
        return not self.subject.startswith("sometimes: ")

    def __str__(self):
        return f"{self.case}: {self.subject}"


def listed_differences(path):
    """The rows of the table under "### Captured cases": case, subject, reason. Raises ValueError for a row without a reason."""
    text = path.read_text()
    heading = "### Captured cases"
    if heading not in text:
        return []
    rows = []
    for line in text.split(heading, 1)[1].split("\n#", 1)[0].splitlines():
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) != 3 or cells[0] in ("case", "---"):
            continue
        if not cells[2]:
            raise ValueError(f"docs/differences.md, Captured cases: a row needs a reason: {line}")
        rows.append(ListedDifference(cells[0].strip("`"), cells[1].strip("`")))
    return rows


def questions(folder):
    return [line.strip() for line in (folder / "questions.txt").read_text().splitlines() if line.strip()]


def waiting_time(folder):
    """Seconds that the questions of a case wait."""
    return sum(float(seconds) for seconds in re.findall(r"wait=([\d.]+)", (folder / "questions.txt").read_text()))


def record_texts(section):
    texts = []
    for record_set in section:
        kind = dns.rdatatype.to_text(record_set.rdtype)
        for data in record_set:
            text = data.to_text()
            if kind == "SOA":
                words = text.split()
                if 1_000_000_000 < int(words[2]) < 2_000_000_000:  # a time
                    words[2] = "SERIAL"
                text = " ".join(words)
            texts.append(f"{record_set.name} {record_set.ttl} {dns.rdataclass.to_text(record_set.rdclass)} {kind} {text}")
    return sorted(texts)


def message_for(name, kind, switches, values):
    options = []
    if "nsid" in switches:
        options.append(dns.edns.GenericOption(dns.edns.NSID, b""))
    if "cookie" in switches:
        options.append(dns.edns.GenericOption(dns.edns.COOKIE, bytes(range(1, 9))))
    if "subnet" in values:
        address, length = values["subnet"].split("/")
        options.append(dns.edns.ECSOption(address, int(length)))
    message = dns.message.make_query(
        name, kind, rdclass=values.get("class", "IN"), use_edns=-1 if "noedns" in switches else 0,
        payload=int(values.get("pay", 1232)), want_dnssec="do" in switches, options=options or None)
    if "cd" in switches:
        message.flags |= dns.flags.CD
    if "nord" in switches:
        message.flags &= ~dns.flags.RD
    return message


def ask(line):
    """The answer to a question, in the form of answers.jsonl."""
    name, kind, *words = line.split()
    values = dict(word.split("=", 1) for word in words if "=" in word)
    switches = {word for word in words if "=" not in word}
    if "wait" in values:
        time.sleep(float(values["wait"]))
    message = message_for(name, kind, switches, values)
    where = {"where": "127.0.0.1", "timeout": 7, "port": int(values.get("at", values.get("port", SERVER_PORT))),
             "source": values.get("source")}
    try:
        if "tcp" in switches:
            reply = dns.query.tcp(message, ignore_trailing=True, **where)
        else:
            reply = dns.query.udp(message, raise_on_truncation=False, **where)
    except Exception as error:
        return {"q": line, "error": type(error).__name__}
    edns = None if reply.edns < 0 else sorted(f"{int(option.otype)}:{option.to_text()}" for option in reply.options)
    return {"q": line, "rcode": dns.rcode.to_text(reply.rcode()), "flags": dns.flags.to_text(reply.flags),
            **{section: record_texts(getattr(reply, section)) for section in SECTIONS}, "edns": edns}


def log_lines(text):
    """The query log's lines without what chance decides; questions for random names (the loop probe's) are left out."""
    found = []
    for line in text.splitlines():
        match = re.search(r'127\.\d+\.\d+\.\d+:\d+ - \d+ ".*$', line) or re.search(r"LOG .*$", line)
        if not match or re.search(r"\d{12,}", match.group()):
            continue
        steady = re.sub(r"\d+\.\d{6,}s", "DURATIONs", match.group())
        steady = re.sub(r"(127\.\d+\.\d+\.\d+):\d+ - \d+", r"\1:PORT - ID", steady)
        found.append(re.sub(r" \d+\.\d+s$", " DURATIONs", steady))
    return sorted(found)


def metric_lines(text):
    """Samples of coredns_* with their labels sorted."""
    found = []
    for line in text.splitlines():
        if not line.startswith("coredns_") or UNSTEADY.search(line):
            continue
        match = re.fullmatch(r"([^{]+)\{(.*)\} (\S+)", line)
        if match:
            labels = ",".join(sorted(re.findall(r'[a-z_]+="[^"]*"', match.group(2))))
            line = "%s{%s} %g" % (match.group(1), labels, float(match.group(3)))
        found.append(line)
    return sorted(found)


def accepts(port):
    with socket.socket() as door:
        return door.connect_ex(("127.0.0.1", port)) == 0


def observe(folder, frontend, table):
    """Runs the case: its answers, query log lines, samples, and the last line of a frontend that has ended by itself, else None."""
    work = pathlib.Path(tempfile.mkdtemp(prefix="dns-case-"))
    shutil.copytree(folder, work, dirs_exist_ok=True)
    corefile = "".join(  # how CoreDNS reached the API server
        line for line in (work / "corefile").read_text().splitlines(keepends=True) if "{kubeconfig}" not in line)
    (work / "corefile").write_text(corefile)
    upstreams = [subprocess.Popen([sys.executable, HERE / "scripted-upstream.py", str(port)]) for port in UPSTREAM_PORTS]
    processes = list(upstreams)
    try:
        for port, upstream in zip(UPSTREAM_PORTS, upstreams):
            wait_until(lambda: accepts(port), 20, f"the upstream on {port} listens", upstream)
        with open(work / "server.log", "w") as log:
            server = subprocess.Popen(
                [frontend, "--corefile", "corefile", "--table", table], cwd=work, stdout=log, stderr=subprocess.STDOUT)
        processes.append(server)
        try:
            wait_until(lambda: accepts(SERVER_PORT), 20, "the frontend listens", server)
        except TimeoutError:
            pass  # each question says so
        time.sleep(0.5)  # what it does at start beside listening: the loop probe, first health checks
        answers = [
            ask(line) if server.poll() is None else {"q": line, "error": "the server has ended"} for line in questions(folder)]
        time.sleep(0.3)  # for counters and log lines that follow an answer
        samples = []
        if str(METRICS_PORT) in corefile:
            try:
                samples = metric_lines(
                    urllib.request.urlopen(f"http://127.0.0.1:{METRICS_PORT}/metrics", timeout=2).read().decode())
            except OSError:
                samples = ["no metrics"]
        has_ended = server.poll() is not None
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(8)
        except subprocess.TimeoutExpired:
            server.kill()
        written = (work / "server.log").read_text(errors="replace")
    finally:
        for process in processes:
            process.kill()
            process.wait()
        shutil.rmtree(work, ignore_errors=True)
    logged = log_lines(written) if re.search(r"^\s*log\b", corefile, re.MULTILINE) else []
    return answers, logged, samples, written.strip().rsplit("\n", 1)[-1] if has_ended else None


def comparable(answer):
    """RFC 4343: an owner's letter case is no difference."""
    def lower(record):
        owner, rest = record.split(" ", 1)
        return f"{owner.lower()} {rest}"

    return {key: sorted(map(lower, value)) if key in SECTIONS else value for key, value in answer.items()}


def split_ttl(records):
    bare = [" ".join(record.split(" ")[:1] + record.split(" ")[2:]) for record in records]
    return bare, [int(record.split(" ")[1]) for record in records]


def kind_of_difference(wanted, got, loose):
    """None where the answers are equal, `ttl` where only TTLs differ, else `answer`."""
    if wanted == got:
        return None
    if "error" in wanted or "error" in got:
        return "answer"
    if "TC" in wanted["flags"].split() and "TC" in got["flags"].split():
        return None  # which records fit is free
    if any(wanted[key] != got[key] for key in ("rcode", "flags", "edns")):
        return "answer"
    kind = None
    for section in SECTIONS:
        # Records that differ in their TTLs alone may be sorted otherwise.
        pairs = [sorted(zip(*split_ttl(answer[section]))) for answer in (wanted, got)]
        if [bare for bare, _ in pairs[0]] != [bare for bare, _ in pairs[1]]:
            return "answer"
        if any(abs(left[1] - right[1]) > (2 if loose else 0) for left, right in zip(*pairs)):
            kind = "ttl"
    return kind


def run(folder, frontend, table):
    """The case's result: how many answers and lines are equal, and the differences."""
    answers, logged, samples, fault = observe(folder, frontend, table)
    wanted = [json.loads(line) for line in (folder / "answers.jsonl").read_text().splitlines()]
    note = (folder / "note.txt").read_text() if (folder / "note.txt").exists() else ""
    differences = []
    passed = 0
    for want, got in zip(map(comparable, wanted), map(comparable, answers), strict=True):
        kind = kind_of_difference(want, got, note.startswith("ttl=loose"))
        if kind is None:
            passed += 1
            continue
        keys = [key for key in ("error", "rcode", "flags", *SECTIONS, "edns") if want.get(key) != got.get(key)]
        detail = "\n".join(f"{key}: want {want.get(key)} got {got.get(key)}" for key in keys if "error" not in got or key == "error")
        differences.append({"subject": want["q"], "kind": kind, "detail": detail})
    for name, found in (("log.txt", logged), ("metrics.txt", samples)):
        path = folder / name
        missing = list(found)
        for line in path.read_text().splitlines() if path.exists() else []:
            if line in missing:
                missing.remove(line)
                passed += 1
            else:
                differences.append({"subject": f"{name}: {line}", "kind": "line", "detail": "missing"})
    return {"case": folder.name, "passed": passed, "fault": fault, "differences": differences}
