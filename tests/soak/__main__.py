"""`make soak`: minutes at the platform's full rate, then kills; its figures, and whether they hold.

SOAK_MINUTES (10), SOAK_KILLS (50), SOAK_TRACKERS (12000) and SOAK_SEED (random) change it. With
SOAK_TROUBLES=1 something goes wrong about once a minute, and a kill -9 comes in the middle. All
of it on loopback. Ends with 1 if a promise was broken.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

import polars as pl

import fleetlab as fl
from tests.faults.evidence import content
from tests.faults.kills import kill
from tests.reference import zstd
from tests.soak.sender import Line, digest, lines_of

PEAK_MB = 600
FLUSHED_S = 2.0
"""What was sent so long before a kill has to be there: a second on the way, one to be flushed."""
GROWTH = 1.10
"""How much more memory the last half may take than minute 2 to the half: in the mean, as bursts of
70 MB, which the peak has room for, come when they come."""

CAPTURE = """
import json, sys
import fleetlab as fl
job = fl.start(server=sys.argv[1], save_to=sys.argv[2], rate_limit="1s", view=False)
while sys.stdin.readline():
    if not job.running:
        job.result()
    progress = job.progress()
    print(json.dumps([progress.messages, progress.bytes, progress.rows]), flush=True)
job.result()
"""


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - figures are what this is for


def memory(pid: int, field: str = "VmRSS") -> float:
    """MB of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1000


class Child:
    """A process that is talked to in lines."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def tell(self, line: str = "") -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"{self.process.args} has ended with {self.process.wait()}"
        return line.strip()

    def end(self) -> None:
        with self.process:
            self.process.kill()

    def cpu(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def full_rate(folder: Path, minutes: float, trackers: int, troubles: list[str]) -> list[str]:
    """Capture at full rate; returns the promises that were broken.

    With troubles (a seed) it is killed in the middle, and a second capture goes on.
    """
    ledger = folder / "ledger"
    sender = Child("-m", "tests.soak.sender", str(ledger), str(trackers), *troubles)
    address = sender.hear()
    os.environ["FLEETLAB_API_KEY"] = "0123456789abcdef0123456789abcdef"
    killed_at = 0.0
    broken = []
    try:
        if troubles:
            broken += captured(address, folder / "killed", ledger, minutes / 2)
            killed_at = time.monotonic()
            minutes /= 2
        broken += captured(address, folder / "rec", ledger, minutes, sender)
        sender.tell()
        sender.process.wait(60)
    finally:
        sender.end()
    lines = lines_of(ledger)
    last = max((line.connection for line in lines if line.at <= killed_at), default=0)
    if troubles:
        before = [line for line in lines if line.connection <= last]
        broken += evidence(folder / "killed", before, killed_at)
    broken += evidence(folder / "rec", [line for line in lines if line.connection > last])
    gaps = fl.load(folder / "rec").gaps
    if not troubles and len(gaps):
        broken.append(f"there are {len(gaps)} gaps")
    return broken


def captured(
    address: str, folder: Path, ledger: Path, minutes: float, sender: Child | None = None
) -> list[str]:
    """Capture until the sender ends the session, or kill it where there is none."""
    client = Child("-c", CAPTURE, address, str(folder))
    try:
        means = sample(client, ledger, minutes)
        peak = memory(client.process.pid, "VmHWM")
        if sender is not None:
            sender.tell()
            client.process.stdin.close()  # type: ignore[union-attr]
            client.process.wait(300)
    finally:
        client.end()
    say(f"peak memory {peak:,.0f} MB")
    broken = []
    if peak > PEAK_MB:
        broken.append(f"a peak of {peak:,.0f} MB is more than {PEAK_MB}")
    half = (len(means) + 1) // 2
    early, late = means[1:half], means[half:]
    if early and late and mean(late) > GROWTH * mean(early):
        broken.append(f"memory grows: {mean(early):,.0f} MB, later {mean(late):,.0f} MB")
    return broken


def sample(client: Child, ledger: Path, minutes: float) -> list[float]:
    """Print a line a minute; returns the mean memory in each."""
    say(
        "minute  messages sent  received  MB received      rows   rows/s  CPU s   MB: mean  highest"
    )
    means: list[float] = []
    rows_before = cpu_before = 0.0
    began = time.monotonic()
    while time.monotonic() < began + minutes * 60 - 1:
        seen = []
        until = began + 60 * (len(means) + 1)
        while time.monotonic() < min(until, began + minutes * 60):
            seen.append(memory(client.process.pid))
            time.sleep(0.2)
        client.tell()
        messages, size, by_event = json.loads(client.hear())
        rows, cpu = sum(by_event.values()), client.cpu()
        sent = ledger.read_text().count("\n")
        means.append(mean(seen))
        say(
            f"{len(means):6}  {sent:13,}  {messages:8,}  {size / 1e6:11,.0f}  {rows:9,}"
            f"  {(rows - rows_before) / 60:7,.0f}  {cpu - cpu_before:5.0f}"
            f"  {means[-1]:9,.0f}  {max(seen):7,.0f}"
        )
        rows_before, cpu_before = rows, cpu
    return means


def messages_of(folder: Path) -> Iterator[dict[str, str]]:
    """The messages of a journal, one at a time."""
    for segment in sorted((folder / "raw").iterdir()):
        with zstd.open(segment, "rt", encoding="utf-8", newline="\n") as file:
            for line in file:
                if line.startswith('{"seq"'):
                    yield json.loads(line)


def evidence(folder: Path, ledger: list[Line], killed_at: float | None = None) -> list[str]:
    """Hold the recording against the ledger; returns what is wrong."""
    broken = []
    rec = fl.load(folder)
    kept, bad, expected = journal(folder, ledger)
    wanted = [line.digest for line in ledger]
    if killed_at is not None:
        certain = sum(line.at < killed_at - FLUSHED_S for line in ledger)
        wanted = wanted[: max(certain, len(kept))]
    if kept != wanted:
        missing = Counter(wanted) - Counter(kept)
        broken.append(f"the journal is not what was sent: {missing.total()} messages are missing")
    for event, counts in expected.items():
        rows = rec.scan(event).filter(~pl.col("seq").is_in(bad))
        if rows.group_by("seq").len().sort("seq").collect().rows() != counts:
            broken.append(f"{event} has other rows than its messages have entries")
    log = dict(rec.connection.group_by("what").len().rows())
    if not set(rec.rejects["seq"].drop_nulls()) <= set(bad):
        broken.append("good messages were rejected")
    if len(rec.gaps.filter(reason="disconnected")) != log.get("lost", 0):
        broken.append("gaps and losses differ")
    if rec.info.stopped_because != ("logout" if killed_at is None else "unfinished"):
        broken.append(f"it stopped because of {rec.info.stopped_because}: {rec.info.error}")
    raw = [file.stat().st_size for file in (folder / "raw").iterdir()]
    say(f"journal {sum(raw) / 1e6:,.0f} MB in {len(raw)} files")
    for event in expected:
        sizes = [file.stat().st_size for file in (folder / event).glob("*.parquet")]
        rows_of = rec._rows(event)
        say(f"{event}: {sum(sizes) / 1e6:,.0f} MB in {len(sizes)} parts, {rows_of:,} rows")
    say(f"log {log}, {len(rec.gaps)} gaps, {len(rec.rejects)} rejects")
    say(f"{len(kept):,} of {len(ledger):,} messages sent are in the journal, each once")
    return broken


def journal(
    folder: Path, ledger: list[Line]
) -> tuple[list[str], list[int], dict[str, list[tuple[int, int]]]]:
    """Read a journal: digests, which messages are bad, and how many rows each good one makes."""
    expected: dict[str, list[tuple[int, int]]] = {"state_batch": [], "readings_batch": []}
    kept, bad = [], []
    for number, message in enumerate(messages_of(folder)):
        data, seq = content(message), int(message["seq"])
        text = data.decode("utf-8", "replace")
        kept.append(digest(data))
        if ledger[number : number + 1] and ledger[number].kind == "bad":
            bad.append(seq)
        elif text.startswith('{"type":"event"'):
            body = json.loads(text)
            if body["event"] in expected:
                expected[body["event"]].append((seq, entries(body)))
    return kept, bad, expected


def entries(body: dict[str, object]) -> int:
    """How many rows a message makes."""
    data = body["data"]
    assert isinstance(data, list)
    if body["event"] == "state_batch":
        return len(data)
    return sum(len(part) for item in data for parts in item.values() for part in parts.values())


def main() -> int:
    minutes = float(os.environ.get("SOAK_MINUTES", "10"))
    kills = int(os.environ.get("SOAK_KILLS", "50"))
    trackers = int(os.environ.get("SOAK_TRACKERS", "12000"))
    seed = int(os.environ.get("SOAK_SEED") or random.randrange(10**9))
    broken: list[str] = []
    with tempfile.TemporaryDirectory(prefix="fleetlab-soak-") as name:
        folder = Path(name)
        if minutes:
            say(f"{minutes:g} minutes, {trackers:,} trackers, an update a second")
            troubles = [str(seed)] if os.environ.get("SOAK_TROUBLES") else []
            broken += full_rate(folder, minutes, trackers, troubles)
        say(f"{kills} kills, from seed {seed}")
        for number in range(kills):
            try:
                say(str(kill(seed + number, folder / f"kill-{number}", finishing=number % 3 == 2)))
            except AssertionError as error:
                broken.append(f"kill with seed {seed + number}: {error}")
    for sentence in broken:
        say(f"BROKEN: {sentence}")
    say("All promises hold." if not broken else f"{len(broken)} broken.")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
