"""A capture in a process of its own, killed at a random moment, and what is left of it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fleetlab as fl
from tests.faults.evidence import check_frames, content
from tests.faults.server import KEY, FaultServer, Wire
from tests.reference import zstd

FLUSHED_S = 1.0
"""What was received so long before the kill has to be there."""

# Parts of a few hundred rows and small segments: whatever the moment, something is being finished.
CAPTURE = """
import sys
import fleetlab as fl
from fleetlab import pipeline
from fleetlab.recording import journal
pipeline.PART_ROWS = 300
journal.JournalWriter.__init__.__kwdefaults__.update(
    segment_bytes=300_000, flush_bytes=20_000, flush_seconds=0.1
)
job = fl.start(server=sys.argv[1], save_to=sys.argv[2])
for line in sys.stdin:
    print("stopping", flush=True)
    job.stop()
    print("stopped", flush=True)
"""


@dataclass(frozen=True)
class Killed:
    """How a kill went."""

    seed: int
    moment: str
    sent: int
    kept: int
    parts: int

    def __str__(self) -> str:
        return (
            f"kill -9 {self.moment}, seed {self.seed}: {self.sent:,} messages sent, {self.kept:,} "
            f"kept, {self.parts} parts"
        )


def whole_lines(folder: Path) -> list[dict[str, Any]]:
    """The lines of a journal; of the last file, as far as it was written."""
    lines: list[dict[str, Any]] = []
    segments = sorted((folder / "raw").iterdir())
    for segment in segments:
        rest = segment.read_bytes()
        while rest:
            frame = zstd.ZstdDecompressor()
            text = frame.decompress(rest)
            if not frame.eof:
                assert segment == segments[-1]
                break
            rest = frame.unused_data
            lines += [json.loads(line) for line in text.split(b"\n") if line]
    return lines


def kill(seed: int, folder: Path, *, finishing: bool) -> Killed:
    """Kill a capture at a moment that the seed decides, and check what it leaves.

    All that had been received up to 1 s before is there, each message once; what came in the last
    second is there up to some message, without a hole.
    """
    print(f"kill -9 with seed {seed}")  # noqa: T201 - at once, should anything below fail
    chance = random.Random(seed)
    after = chance.uniform(0.2, 1.8)
    times: list[float] = []

    async def script(wire: Wire) -> None:
        await wire.live()
        while not over.is_set():
            await wire.events(10)
            await wire.arrived()
            times.extend([time.monotonic()] * (len(server.ledger) - len(times)))
            await asyncio.sleep(0.01)

    over = threading.Event()
    with FaultServer([script]) as server:
        process = subprocess.Popen(
            [sys.executable, "-c", CAPTURE, server.base_url, str(folder)],
            env=os.environ | {"FLEETLAB_API_KEY": KEY},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            with process:
                assert process.stdin is not None
                assert process.stdout is not None
                while len(times) < 100:
                    assert process.poll() is None
                    time.sleep(0.01)
                time.sleep(after)
                if finishing:
                    process.stdin.write(b"stop\n")
                    process.stdin.flush()
                    process.stdout.readline()
                    time.sleep(chance.uniform(0.0, 0.15))
                process.send_signal(signal.SIGKILL)
                killed_at = time.monotonic()
                process.wait()
        finally:
            over.set()
    # What was on its way to a process that no longer reads has not been received; what the client
    # had not read yet can't be told from it, so the last second is left open.
    certain = sum(moment < killed_at - FLUSHED_S for moment in times)
    rec = fl.load(folder)
    lines = whole_lines(folder)
    kept = [content(line) for line in lines if "seq" in line]
    assert kept == [sent.data for sent in server.ledger[: len(kept)]]
    if not finishing:
        assert len(kept) >= certain, f"{len(kept)} of {certain}"
    assert rec.info.stopped_because in ({"unfinished", "stop"} if finishing else {"unfinished"})
    assert rec.rejects.is_empty() or rec.rejects["path"].unique().to_list() == ["raw"]
    check_frames(rec, lines, [True] * len(kept))
    parts = len(list(folder.glob("*/*.parquet")))
    moment = "while finishing" if finishing else f"after {after:.2f} s"
    return Killed(seed, moment, len(server.ledger), len(kept), parts)
