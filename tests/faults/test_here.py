"""What goes wrong on this computer: its clock jumps, its disk is full or slow, decoding is slow."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import threading
import time
from pathlib import Path

import aiohttp
import polars as pl
import pytest

import fleetlab as fl
from fleetlab.export import export
from fleetlab.recording.disk import DiskAppend
from fleetlab.recording.journal import JournalWriter
from fleetlab.tables.decoder import Decoder
from tests.conftest import eventually
from tests.faults.conftest import ended
from tests.faults.evidence import check, content, losses
from tests.faults.server import FaultServer, Wire, event
from tests.reference import journal_lines

pytestmark = pytest.mark.skipif(os.name == "nt", reason="file systems are mounted, files limited")


# -- the clock ---------------------------------------------------------------------------------


@pytest.fixture
def jump(monkeypatch):
    """Set this process's wall clock forward or backward; the monotonic one goes on, as it does."""
    real, ahead = time.time_ns, [0]
    monkeypatch.setattr(time, "time_ns", lambda: real() + ahead[0])

    def by(seconds: float) -> None:
        ahead[0] += int(seconds * 1e9)

    return by


@pytest.mark.parametrize("seconds", [3_600, -3_600, 86_400 * 400, -86_400 * 400])
def test_a_clock_that_jumps_while_messages_come(start, jump, seconds):
    async def script(wire: Wire) -> None:
        await wire.live(events=20)
        await wire.until(jumped)
        await wire.events(20)
        await wire.logout()

    jumped = threading.Event()
    with FaultServer([script]) as server:
        job = start(server, seconds=60)
        eventually(lambda: job.progress().messages == 22, "the first half has come")
        jump(seconds)
        jumped.set()
        rec = ended(job)
    check(rec, server.ledger)
    assert losses(rec) == []
    assert rec.info.stopped_because == "logout"  # the time of the capture is not the clock's
    received = rec.state_batch["received_at"]
    moved = (received[-1] - received[0]).total_seconds()
    assert abs(moved - seconds) < 30
    assert "lasted" in repr(rec)
    again = fl.load(rec.info.path)
    assert again.state_batch.equals(rec.state_batch)


@pytest.mark.parametrize("seconds", [3_600, -3_600])
def test_a_clock_that_jumps_while_the_connection_is_lost(start, jump, times, seconds):
    times(delays=lambda: itertools.repeat(0.2))

    async def lost(wire: Wire) -> None:
        await wire.live(events=5)
        await wire.cut()

    async def back(wire: Wire) -> None:
        await wire.live(events=5)
        await wire.logout()

    with FaultServer([lost, back]) as server:
        job = start(server)
        eventually(lambda: "lost" in job.recording.connection["what"], "the loss is found")
        jump(seconds)
        rec = ended(job)
    lines = journal_lines(Path(rec.info.path))
    assert [content(line) for line in lines if "seq" in line] == [s.data for s in server.ledger]
    assert losses(rec) == [1006]
    [gap] = rec.gaps.filter(reason="disconnected").to_dicts()
    assert gap["started_at"] <= gap["ended_at"]


@pytest.mark.parametrize("seconds", [3_600, -3_600])
def test_a_clock_that_jumps_while_decoding_waits_for_the_rest_side(
    start, jump, monkeypatch, seconds
):
    monkeypatch.setattr("fleetlab.rest.TIMEOUTS", aiohttp.ClientTimeout(sock_read=2.0))

    async def script(wire: Wire) -> None:
        await wire.live(events=20)
        await wire.until(seen)
        await wire.logout()

    seen = threading.Event()
    with FaultServer([script]) as server:
        server.rest = lambda _: None  # hangs
        job = start(server)
        eventually(lambda: job.progress().messages == 22, "all has come")
        jump(seconds)
        eventually(lambda: len(job.recording.state_batch), "rows come all the same", 10)
        seen.set()
        rec = ended(job)
    check(rec, server.ledger)


# -- slow --------------------------------------------------------------------------------------


def test_a_decoder_far_slower_than_the_wire_holds_up_nothing(start, monkeypatch):
    going_on = threading.Event()
    decode = Decoder.decode

    def slow(decoder: Decoder) -> dict[str, pl.DataFrame]:
        going_on.wait(20)
        return decode(decoder)

    monkeypatch.setattr(Decoder, "decode", slow)

    async def script(wire: Wire) -> None:
        await wire.live()
        for _ in range(200):
            await wire.say(event(pad=10_000))
        await wire.arrived()
        await wire.logout()

    with FaultServer([script]) as server:
        job = start(server)
        job._session._pipeline._decoding._limit = 100_000
        # All 8 MB come while decoding stands still, though its queue takes 0.1 MB.
        eventually(lambda: job.progress().messages == 203, "all has come")
        going_on.set()
        rec = ended(job)
    check(rec, server.ledger)
    assert "paused" not in rec.connection["what"]


def test_a_disk_far_slower_than_the_wire_makes_reading_pause_and_the_log_says_so(
    start, monkeypatch
):
    monkeypatch.setattr("fleetlab.pipeline.Intake.__init__.__defaults__", (100_000,))
    write = DiskAppend.write

    def slow(file: DiskAppend, data: bytes) -> None:
        time.sleep(0.1)  # what a busy network drive takes for a block
        write(file, data)

    monkeypatch.setattr(DiskAppend, "write", slow)

    async def script(wire: Wire) -> None:
        await wire.live()
        for _ in range(100):
            await wire.say(event(pad=30_000))
        await wire.logout()

    with FaultServer([script]) as server:
        rec = ended(start(server))
    check(rec, server.ledger)
    assert losses(rec) == []
    assert "paused" in rec.connection["what"]


# -- no space ----------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 512 KB, unmounted in the end."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
    )
    if made.returncode:
        pytest.skip("only an administrator may mount a disk; test_recovery has a quota instead")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_that_is_full_ends_it_with_everything_that_was_written(
    start, small_disk, monkeypatch
):
    monkeypatch.setitem(JournalWriter.__init__.__kwdefaults__, "flush_bytes", 100_000)

    async def script(wire: Wire) -> None:
        await wire.live()
        while True:
            await wire.say(event(pad=500))

    with FaultServer([script]) as server:
        job = start(server, save_to=small_disk / "rec")
        eventually(lambda: not job.running, "the disk is full", 60)
        with pytest.raises(fl.RecordingError, match="No space left") as caught:
            job.result()
    assert "Free some space there, or take another disk." in str(caught.value)
    assert caught.value.recording is not None
    assert caught.value.recording.info.stopped_because == "error"
    rec = fl.load(small_disk / "rec")
    lines = journal_lines(small_disk / "rec")
    kept = [content(line) for line in lines if "seq" in line]
    assert kept == [sent.data for sent in server.ledger[: len(kept)]]
    assert len(kept) > 100
    assert set(rec.state_batch["seq"]) <= set(range(1, len(kept) + 1))
    assert len(caught.value.recording.state_batch) >= len(rec.state_batch) > 0
    assert rec.state_batch["seq"].is_sorted()


@pytest.mark.parametrize("format", ["parquet", "csv", "xlsx", "duckdb"])
def test_an_export_to_a_full_disk_is_told_in_a_sentence_and_leaves_nothing(small_disk, format):
    rec = fl.capture(seconds=1, server="demo", save_to=False, view=False)
    with contextlib.suppress(OSError), (small_disk / "full").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    with pytest.raises(fl.RecordingError, match=r"can't be written: .*(Free some|another place)"):
        export(rec, format, small_disk / "out")
    assert [one.name for one in small_disk.iterdir()] == ["full"]


def test_stop_works_on_a_full_disk(start, small_disk):
    filler = small_disk / "filler"

    async def script(wire: Wire) -> None:
        await wire.live(events=10)
        await wire.stay()

    with FaultServer([script]) as server:
        job = start(server, save_to=small_disk / "rec")
        eventually(lambda: len(fl.load(small_disk / "rec").state_batch), "rows are on the disk")
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4_096)
        job._session.stop("stop")
        eventually(lambda: not job.running, "the capture has ended")
        with pytest.raises(fl.RecordingError, match="No space left") as caught:
            job.result()
        assert len(caught.value.recording.state_batch) > 0
    filler.unlink()
    rec = fl.load(small_disk / "rec")
    assert len(rec.state_batch) > 0


@pytest.mark.parametrize("where", ["/proc/fleetlab", "/dev/full/rec", "/nowhere\x00/rec"])
def test_a_place_that_takes_no_folder_is_refused_before_connecting(start, where):
    async def script(wire: Wire) -> None:
        await wire.live()

    with FaultServer([script]) as server:
        with pytest.raises((fl.RecordingError, fl.InvalidArgument)):
            start(server, save_to=where)
        assert server.requests == []
