"""A recording whose process was killed: everything received until then, each message once."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import fleetlab as fl
from fleetlab.recording.folder import DiskFolder
from fleetlab.recording.journal import JournalWriter
from fleetlab.recording.manifest import Info, Manifest
from fleetlab.records import ConnectionRecord
from fleetlab.schemas import EVENTS
from fleetlab.simulator import Simulator
from tests.conftest import eventually
from tests.recording.eventful import same
from tests.reference import journal_lines
from tests.test_round_trip import check

pytestmark = pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")

CAPTURE = """
import sys
import fleetlab as fl
from fleetlab import pipeline
pipeline.PART_ROWS = int(sys.argv[3])
ids = [int(id_) for id_ in sys.argv[2].split(",")]
fl.capture(
    server=sys.argv[1],
    save_to="rec",
    rate_limit="1s",
    view=False,
    events=[fl.State(trackers=ids), "state_batch", "readings_batch", fl.IotMonitor(trackers=ids)],
)
"""


def flushed(folder: Path) -> list[str]:
    """The frames that the journal on disk has."""
    with contextlib.suppress(EOFError, FileNotFoundError):  # a block is just being written
        return [line["text"] for line in journal_lines(folder) if "seq" in line]
    return []


@pytest.mark.parametrize("part_rows", [30, 100, 10**9], ids=["many parts", "parts", "no part"])
def test_after_a_kill_everything_that_was_flushed_is_there_once(simulator, tmp_path, part_rows):
    ids = ",".join(map(str, simulator.tracker_ids[:10]))
    with subprocess.Popen(
        [sys.executable, "-c", CAPTURE, simulator.base_url, ids, str(part_rows)],
        env=os.environ | {"FLEETLAB_API_KEY": simulator.api_key},
    ) as process:
        eventually(lambda: simulator.requests, "the client subscribes")
        for _ in range(25):
            simulator.step(1.0)
        sent = [frame.text for frame in simulator.ledger]
        eventually(lambda: flushed(tmp_path / "rec") == sent, "the journal has all that was sent")
        with pytest.raises(fl.RecordingError, match=f"is being written by process {process.pid}"):
            fl.rebuild(tmp_path / "rec")
        with pytest.raises(fl.RecordingError, match="not empty"):
            fl.capture(server="demo", save_to=tmp_path / "rec")
        running = fl.load(tmp_path / "rec")
        assert running.info.stopped_because is None
        check(running)
        process.send_signal(signal.SIGKILL)
    rec = fl.load(tmp_path / "rec")
    assert rec.info.stopped_because == "unfinished"
    assert rec.info.ended_at is not None
    check(rec)
    assert rec.rejects.is_empty()
    for event in EVENTS:
        if event not in ("lifecycle", "logout"):
            assert len(rec.frames[event]), event
            assert rec.frames[event].equals(running.frames[event])
    has_parts = (tmp_path / "rec" / "readings_batch").exists()
    assert has_parts is (part_rows < 10**9)
    kept = rec.save(tmp_path / "kept")
    same(fl.rebuild(tmp_path / "rec"), kept)


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [("receiving", 0.0), ("receiving", 0.1), *[("finishing", wait) for wait in (0, 0.05, 0.15)]],
)
def test_a_kill_at_any_moment_tears_nothing_that_was_flushed(simulator, tmp_path, moment, seconds):
    ids = ",".join(map(str, simulator.tracker_ids[:10]))
    with subprocess.Popen(
        [sys.executable, "-c", CAPTURE, simulator.base_url, ids, "30"],
        env=os.environ | {"FLEETLAB_API_KEY": simulator.api_key},
    ) as process:
        eventually(lambda: simulator.requests, "the client subscribes")
        for _ in range(25):
            simulator.step(1.0)
        sent = [frame.text for frame in simulator.ledger]
        count = len(sent) if moment == "finishing" else 1
        eventually(lambda: len(flushed(tmp_path / "rec")) >= count, "so much was flushed")
        before = flushed(tmp_path / "rec")
        if moment == "finishing":
            process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        process.send_signal(signal.SIGKILL)
    rec = fl.load(tmp_path / "rec")
    kept = flushed(tmp_path / "rec")
    assert before == sent[: len(before)]
    assert kept == sent[: len(kept)]
    assert len(kept) >= len(before)
    assert rec.info.stopped_because in ("unfinished", "interrupt")
    assert rec.rejects.is_empty()
    check(rec)


def test_a_torn_end_gives_the_rest_and_says_what_is_missing(tmp_path):
    with Simulator(vehicles=12, seed=3, tick=None, record=True) as sim:
        job = fl.start(server=sim.base_url, api_key=sim.api_key, save_to=tmp_path / "rec")
        eventually(lambda: len(job.recording.state_batch), "rows are decoded")
        # What a crash leaves: no parts listed, and a journal whose last block is torn.
        early = (tmp_path / "rec" / "recording.json").read_bytes()
        rec = job.stop()
    (tmp_path / "rec" / "recording.json").write_bytes(early)
    whole = fl.load(tmp_path / "rec")
    assert whole.state_batch.equals(rec.state_batch)
    # The tables on disk were ahead of that manifest; what the journal tells comes once even so.
    assert whole.connection.equals(rec.connection)
    assert whole.trackers.equals(rec.trackers)
    [segment] = (tmp_path / "rec" / "raw").iterdir()
    segment.write_bytes(segment.read_bytes()[:-5])
    torn = fl.load(tmp_path / "rec")
    assert torn.info.stopped_because == "unfinished"
    assert len(torn.state_batch) <= len(rec.state_batch)
    assert torn.rejects["reason"].str.contains("00000001").any()


def test_a_process_that_died_in_a_gap_leaves_one_that_lasts_to_its_last_word(tmp_path):
    folder = DiskFolder.create(tmp_path / "rec")
    began = datetime(2026, 7, 1, tzinfo=UTC)
    Manifest(info=Info(name="rec", started_at=began, server="demo")).write(folder)
    at = int(began.timestamp()) * 1_000_000
    with JournalWriter(folder) as journal:
        journal.append(ConnectionRecord(at, "started", facts={"recording": "rec"}))
        for second, what in enumerate(["subscribed", "lost", "retry", "retry"], 1):
            journal.append(ConnectionRecord(at + second * 1_000_000, what))
    rec = fl.load(tmp_path / "rec")
    assert rec.info.stopped_because == "unfinished"
    assert rec.info.ended_at == began + timedelta(seconds=4)
    assert rec.gaps.select("started_at", "ended_at", "duration_s").rows() == [
        (began + timedelta(seconds=2), began + timedelta(seconds=4), 2.0)
    ]


NOISY = """
import signal, sys
signal.signal(signal.SIGINT, lambda *_: None)
import fleetlab as fl
ids = [int(id_) for id_ in sys.argv[2].split(",")]
job = fl.start(
    server=sys.argv[1],
    save_to="rec",
    rate_limit="1s",
    events=[fl.State(trackers=ids), "state_batch", "readings_batch", fl.IotMonitor(trackers=ids)],
)
print("begun", flush=True)
print(job.result().info.stopped_because)
"""


def test_interrupts_while_polars_computes_tear_nothing(simulator, tmp_path):
    # Polars raises KeyboardInterrupt in every thread that it computes in, the decoder's too.
    ids = ",".join(map(str, simulator.tracker_ids[:10]))
    with subprocess.Popen(
        [sys.executable, "-c", NOISY, simulator.base_url, ids],
        env=os.environ | {"FLEETLAB_API_KEY": simulator.api_key},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        eventually(lambda: simulator.requests, "the client subscribes")
        for _ in range(150):
            simulator.step(1.0)
            for _ in range(5):
                process.send_signal(signal.SIGINT)
        simulator.logout()
        out, err = process.communicate(timeout=60)
    assert (out, err) == ("logout\n", "")
    rec = fl.load(tmp_path / "rec")
    assert flushed(tmp_path / "rec") == [frame.text for frame in simulator.ledger]
    check(rec)


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
import fleetlab as fl
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    fl.capture(server=sys.argv[1], save_to="rec", rate_limit="1s", view=False)
except fl.RecordingError as error:
    print(error)
    rec = error.recording
    print(rec.info.stopped_because, len(rec.state_batch), len(rec.readings_batch))
"""


def test_a_disk_that_takes_no_more_ends_it_with_everything_that_was_written(simulator, tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", FULL, simulator.base_url],
        env=os.environ | {"FLEETLAB_API_KEY": simulator.api_key},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        eventually(lambda: simulator.requests, "the client subscribes")

        def is_flushed_or_over() -> bool:
            return process.poll() is not None or flushed(tmp_path / "rec") == [
                frame.text for frame in simulator.ledger
            ]

        while process.poll() is None:
            simulator.step(1.0)
            eventually(is_flushed_or_over, "the journal has what was sent, or takes no more")
        out, err = process.communicate(timeout=60)
    assert err == ""
    sentence, figures = out.splitlines()
    assert str(tmp_path / "rec") in sentence
    assert "Free some space there" in sentence
    reason, states, readings = figures.split()
    assert reason == "error"
    rec = fl.load(tmp_path / "rec")
    check(rec)
    assert flushed(tmp_path / "rec") == [
        frame.text for frame in simulator.ledger[: len(flushed(tmp_path / "rec"))]
    ]
    # What the process still had in its hands when the disk refused is in the error's recording.
    assert 0 < len(rec.state_batch) <= int(states)
    assert 0 < len(rec.readings_batch) <= int(readings)
