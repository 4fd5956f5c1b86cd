"""All frames again from the journal alone, equal to the first ones, and never less than before."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

import fleetlab as fl
from fleetlab.recording import disk, rebuilding
from fleetlab.recording.folder import DiskFolder
from fleetlab.recording.lock import LOCK_NAME, FolderLock
from fleetlab.schemas import EVENTS, TABLES
from fleetlab.simulator import Simulator
from tests.conftest import eventually
from tests.recording.eventful import frame, record, same, told

NAMES = (*EVENTS, *TABLES)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> fl.Recording:
    return record(tmp_path_factory.mktemp("whole") / "rec", note="a note")


@pytest.fixture
def folder(whole, tmp_path) -> Path:
    shutil.copytree(whole.info.path, tmp_path / "rec")
    return tmp_path / "rec"


@pytest.fixture(params=[2_000, 10**9], ids=["parts", "one part"])
def part_rows(request, monkeypatch) -> int:
    monkeypatch.setattr(rebuilding, "PART_ROWS", request.param)
    monkeypatch.setattr("fleetlab.recording.batches.BATCH_BYTES", 200_000)
    return request.param


def files(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in DiskFolder(folder).names()}


def listed(folder: Path) -> set[str]:
    manifest = json.loads((folder / "recording.json").read_bytes())
    return {part["file"] for parts in manifest["parts"].values() for part in parts}


def check_tidy(folder: Path) -> None:
    """Nothing is left over, and nothing is listed that isn't there."""
    names = set(DiskFolder(folder).names())
    parts = {name for name in names if name.split("/")[0] in EVENTS}
    assert parts == listed(folder)
    assert names - parts == {
        "recording.json",
        *(f"{table}.parquet" for table in TABLES),
        *(name for name in names if name.startswith("raw/")),
    }
    assert not (folder / LOCK_NAME).exists()
    assert not (folder / "rebuilt").exists()


# -- equal ---------------------------------------------------------------------------------------


def test_a_recording_is_made_again_equal_in_every_cell(whole, folder, part_rows):
    journal = {name: data for name, data in files(folder).items() if name.startswith("raw/")}
    again = fl.rebuild(folder)
    same(again, whole)
    same(fl.load(folder), whole)
    assert (len(again._parts["iot_monitor"]) > 1) is (part_rows == 2_000)
    assert journal.items() <= files(folder).items()
    check_tidy(folder)
    fl.rebuild(folder)
    same(fl.load(folder), whole)
    check_tidy(folder)


@pytest.mark.parametrize("kept", [{"raw", "notes.parquet"}, {"raw"}])
def test_the_journal_is_all_that_is_needed(whole, folder, kept):
    for path in folder.iterdir():
        if path.is_dir() and path.name not in kept:
            shutil.rmtree(path)
        elif path.is_file() and path.name not in kept:
            path.unlink()
    rebuilt = fl.rebuild(folder)
    if "notes.parquet" not in kept:
        assert rebuilt.notes.is_empty()  # which are in no journal
        assert_frame_equal(rebuilt.rejects, whole.rejects)
        moment, text = whole.notes.row(0)
        rebuilt.annotate(moment, text)
    same(rebuilt, whole)
    same(fl.load(folder), whole)
    check_tidy(folder)


def test_damaged_parts_tables_and_a_damaged_manifest_are_mended(whole, folder):
    for name in ("state_batch/00000001.parquet", "gaps.parquet", "recording.json"):
        (folder / name).write_bytes(b"\x00" * 100)
    (folder / "readings_batch/00000002.parquet").unlink()
    assert not fl.load(folder).rejects.equals(whole.rejects)
    same(fl.rebuild(folder), whole)
    check_tidy(folder)


def test_a_zone_that_was_inferred_and_trackers_that_never_came_are_the_same_again(tmp_path):
    with Simulator(vehicles=6, seed=3, tick=None, record=True, rest_down=True) as sim:
        job = fl.start(
            server=sim.base_url, api_key=sim.api_key, save_to=tmp_path / "rec", rate_limit="1s"
        )
        eventually(lambda: sim.requests, "the client subscribes")
        for _ in range(5):
            sim.step(1.0)
        eventually(lambda: job.progress().messages == len(sim.ledger), "all has arrived")
        rec = job.stop()
    assert rec.info.timezone_source == "inferred"
    assert rec.state_batch["label"].null_count() == len(rec.state_batch) > 0
    first = {name: frame(rec, name) for name in NAMES}
    again = fl.rebuild(tmp_path / "rec")
    for name in NAMES:
        assert_frame_equal(frame(again, name), first[name])
    assert again.info == rec.info


def test_an_error_that_ended_it_and_a_zone_that_was_given_are_told_again(simulator, tmp_path):
    job = fl.start(
        server=simulator.base_url,
        api_key=simulator.api_key,
        save_to=tmp_path / "rec",
        timezone="Asia/Kathmandu",
    )
    eventually(lambda: job.recording.state_batch.height, "rows are decoded")
    simulator.refuse_next(4)
    simulator.cut()
    with pytest.raises(fl.FleetlabError) as raised:
        job.result()
    rec = raised.value.recording
    assert rec.info.error
    assert rec.info.timezone_source == "argument"
    (tmp_path / "rec" / "recording.json").unlink()
    assert fl.load(tmp_path / "rec").info == rec.info
    assert fl.rebuild(tmp_path / "rec").info == rec.info


# -- never less ----------------------------------------------------------------------------------


def damage(folder: Path) -> None:
    """Damage the middle of the journal."""
    path = sorted((folder / "raw").iterdir())[1]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_rows_that_a_damaged_journal_cannot_give_again_are_not_given_up(whole, folder):
    damage(folder)
    before = files(folder)
    with pytest.raises(fl.RecordingError, match=r"\d of state_batch.*raw/.*damaged.*--force"):
        fl.rebuild(folder)
    assert files(folder) == before
    same(fl.load(folder), whole)


def test_they_are_if_that_is_wanted_and_the_recording_says_so(whole, folder, tmp_path):
    damage(folder)
    rec = fl.rebuild(folder, force=True)
    assert 0 < len(rec.state_batch) < len(whole.state_batch)
    [loss] = rec.rejects.filter(path="raw")["reason"]
    assert "raw/00000002.jsonl.zst" in loss
    assert rec.info.started_at == whole.info.started_at
    assert_frame_equal(rec.notes, whole.notes)
    check_tidy(folder)
    kept = rec.save(tmp_path / "kept")
    same(fl.rebuild(folder), kept)  # now nothing is lost by it


def test_segments_that_were_deleted_to_save_space_take_no_rows_with_them(whole, folder):
    first, *others = sorted((folder / "raw").iterdir())
    assert others
    first.unlink()
    same(fl.load(folder), whole)
    before = files(folder)
    with pytest.raises(fl.RecordingError, match=r"\d of state_batch.*is missing.*--force"):
        fl.rebuild(folder)
    assert files(folder) == before
    rec = fl.rebuild(folder, force=True)
    # What the lost beginning told of the recording as a whole is known from the manifest.
    zone = {"timezone": "Europe/Madrid", "timezone_source": "server", "utc_offset": None}
    assert told(rec) | zone == told(whole)
    assert set(rec.state_batch["recording"]) == {whole.info.name}


def test_a_damaged_journal_gives_what_it_can_where_nothing_else_is_left(whole, folder):
    damage(folder)
    for path in folder.iterdir():
        if path.is_dir() and path.name != "raw":
            shutil.rmtree(path)
        elif path.is_file():
            path.unlink()
    rec = fl.rebuild(folder)
    assert 0 < len(rec.state_batch) < len(whole.state_batch)
    assert rec.rejects.filter(path="raw").height == 1


@pytest.mark.parametrize("name", ["recording.json", "state_batch/00000001.parquet"])
def test_more_damage_does_not_make_it_give_up_what_is_intact(folder, name):
    damage(folder)
    (folder / name).unlink()
    before = files(folder)
    with pytest.raises(fl.RecordingError, match="--force"):
        fl.rebuild(folder)
    assert files(folder) == before


def test_a_recording_that_is_being_written_is_refused(folder):
    with FolderLock(folder):
        before = files(folder)
        with pytest.raises(fl.RecordingError, match="is being written by"):
            fl.rebuild(folder)
        assert files(folder) == before


def test_what_has_no_journal_is_refused_with_a_sentence(folder, tmp_path):
    shutil.rmtree(folder / "raw")
    before = files(folder)
    for path, words in ((folder, "no journal"), (tmp_path / "nothing", "There is no folder")):
        with pytest.raises(fl.RecordingError, match=words):
            fl.rebuild(path)
    assert files(folder) == before
    assert not (tmp_path / "nothing").exists()


# -- killed --------------------------------------------------------------------------------------


class Killed(BaseException):
    """What stands for a kill."""


class Disk:
    """Lets some changes of files happen, then fails once, or for good as a kill would."""

    def __init__(self, patch: pytest.MonkeyPatch, last: int, fault: type[BaseException]) -> None:
        self.done: list[str] = []
        self._last = last
        self._fault = fault
        for owner, name in (
            (disk, "replace_file"),
            (DiskFolder, "move"),
            (DiskFolder, "remove"),
            (rebuilding.shutil, "rmtree"),
        ):
            patch.setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, change):
        def counted(*args, **more):
            if len(self.done) >= self._last:
                self._last = self._last if self._fault is Killed else 10**9
                raise self._fault
            self.done.append(change.__name__)
            return change(*args, **more)

        return counted


@pytest.fixture(scope="module")
def torn(tmp_path_factory) -> tuple[fl.Recording, Path]:
    """A recording, and a copy of it that is damaged."""
    small = record(tmp_path_factory.mktemp("small") / "rec", part_rows=1_500, steps=2)
    folder = tmp_path_factory.mktemp("torn") / "rec"
    shutil.copytree(small.info.path, folder)
    (folder / "state" / "00000001.parquet").write_bytes(b"torn")
    (folder / "connection.parquet").unlink()
    return small, folder


@pytest.mark.parametrize("fault", [Killed, OSError])
def test_ended_at_any_step_it_is_as_before_or_rebuilt(torn, tmp_path, monkeypatch, fault):
    small, first = torn
    before = fl.load(first)
    monkeypatch.setattr(rebuilding, "PART_ROWS", 1_500)
    with monkeypatch.context() as patch:
        shutil.copytree(first, tmp_path / "all")
        steps = Disk(patch, 10**9, fault)
        fl.rebuild(tmp_path / "all")
    swap = steps.done.index("move")  # until then it only writes beside what is there
    seen = []
    for last in (0, swap // 2, *range(swap, len(steps.done))):
        folder = tmp_path / str(last)
        shutil.copytree(first, folder)
        with monkeypatch.context() as patch:
            Disk(patch, last, fault)
            with pytest.raises((Killed, OSError, fl.RecordingError)):
                fl.rebuild(folder)
        after = fl.load(folder)
        seen.append(len(after.state) == len(small.state))
        same(after, small if seen[-1] else before)
        if last % 3 == 0:
            same(fl.rebuild(folder), small)
            check_tidy(folder)
    assert not seen[0]
    assert seen[-1]
    assert seen == sorted(seen)


LATER = """
import sys
import fleetlab as fl
from fleetlab.recording import rebuilding
rebuilding.PART_ROWS = 300
fl.load(sys.argv[1])
print("begun", flush=True)
fl.rebuild(sys.argv[1])
"""


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
@pytest.mark.parametrize("after_s", [0.05, 0.2, 0.4, 0.8])
def test_killed_for_real_it_can_be_rebuilt_again(torn, tmp_path, after_s):
    small, first = torn
    folder = tmp_path / "rec"
    shutil.copytree(first, folder)
    with subprocess.Popen(
        [sys.executable, "-c", LATER, str(folder)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(after_s)
        process.send_signal(signal.SIGKILL)
    rec = fl.load(folder)
    for name in set(NAMES) - {"state", "connection", "rejects"}:
        assert_frame_equal(frame(rec, name), frame(small, name))
    same(fl.rebuild(folder), small)
    check_tidy(folder)


@pytest.mark.skipif(os.name == "nt", reason="limits are POSIX")
def test_a_full_disk_leaves_the_recording_as_it_was(whole, folder, monkeypatch):
    def full(path: Path, data: bytes) -> None:
        if "iot_monitor" in str(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(path, data)

    real = disk.replace_file
    before = files(folder)
    with monkeypatch.context() as patch:
        patch.setattr(disk, "replace_file", full)
        with pytest.raises(fl.RecordingError, match="Free some space"):
            fl.rebuild(folder)
    assert files(folder) == before
    same(fl.load(folder), whole)
