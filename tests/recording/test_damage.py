"""Whatever happens to one file: load gives the rest, names what is missing, makes up nothing."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import fleetlab as fl
from fleetlab.recording import recovery
from fleetlab.recording.builder import Builder
from fleetlab.recording.folder import DiskFolder, MemoryFolder
from fleetlab.recording.journal import read_journal
from fleetlab.recording.manifest import UnreadableManifest, read_manifest
from fleetlab.recording.parquet import read_table, write_table
from fleetlab.schemas import EVENTS, TABLES, table
from tests.recording.eventful import frame, record, same, told

NAMES = (*EVENTS, *TABLES)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> fl.Recording:
    return record(tmp_path_factory.mktemp("whole") / "rec")


@pytest.fixture(scope="module")
def unfinished(whole, tmp_path_factory) -> fl.Recording:
    """The same as if its process had been killed: what came last is in the journal only."""
    folder = tmp_path_factory.mktemp("unfinished") / "rec"
    whole.save(folder)
    home = DiskFolder(folder)
    info = replace(read_manifest(home).info, stopped_because=None, ended_at=None)
    notes = home.read("notes.parquet")
    for event in EVENTS:
        shutil.rmtree(folder / event, ignore_errors=True)
    builder = Builder(home, info)
    records = list(read_journal(home))
    third = len(records) // 3
    for begin in (0, third):
        builder.take(records[begin : begin + third])
        builder.collect()
        builder.publish()
    home.write("notes.parquet", notes)
    rec = fl.load(folder)
    assert 0 < sum(part.rows for part in rec._parts["iot_monitor"]) < len(rec.iot_monitor)
    return rec


@pytest.fixture(params=["finished", "unfinished"])
def rec(request, whole, unfinished) -> fl.Recording:
    return whole if request.param == "finished" else unfinished


def test_what_the_process_did_not_finish_is_the_same_for_a_reader(whole, unfinished):
    same(whole, unfinished)


# -- anything, anywhere --------------------------------------------------------------------------


def is_subset(part: pl.DataFrame, every: pl.DataFrame) -> bool:
    """Whether all rows are among the others, in the same order."""
    if part.equals(every):
        return True
    rest = iter(every.rows())
    return part.schema == every.schema and all(row in rest for row in part.rows())


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def check_damaged(folder: Path, name: str, intact: fl.Recording, *, may_be_silent: bool) -> None:
    """Load a recording of which one file is damaged, and compare it with the intact one."""
    before = state(folder)
    rec = fl.load(folder)
    assert state(folder) == before
    repr(rec), rec._repr_html_(), rec.summary()
    losses = rec.rejects.filter(pl.col("seq").is_null())
    assert losses["raw"].unique().to_list() in ([], [""])
    shown = {of: frame(rec, of) for of in NAMES} | {"rejects": rec.rejects.drop_nulls("seq")}
    if name.startswith("raw/") and not read_manifest(DiskFolder(folder)).whole:
        check_damaged_journal(rec, shown, intact)
    else:
        for of in NAMES:
            assert is_subset(shown[of], frame(intact, of)), of
        assert told(rec) == told(intact)
    if not may_be_silent and any(len(shown[of]) < len(frame(intact, of)) for of in NAMES):
        assert losses["reason"].str.contains(name, literal=True).any()


def check_damaged_journal(
    rec: fl.Recording, shown: dict[str, pl.DataFrame], intact: fl.Recording
) -> None:
    """Check what a message can't tell by itself apart: that is another where others are lost."""
    # Whether it was the first since subscribing, whose it is, in which message it came first.
    for of in ("state", "state_batch", "readings_batch", "lifecycle", "logout"):
        there = frame(intact, of).drop("snapshot", "tracker_id", "label")
        assert is_subset(shown[of].drop("snapshot", "tracker_id", "label"), there), of
    value = ["tracker_id", "queue", "field", "msg_time", "value_text", "value_type"]
    had, has = (r.iot_monitor.group_by(value).len() for r in (intact, rec))
    both = has.join(had, on=value, how="left", nulls_equal=True)
    assert both.filter(pl.col("len") > pl.col("len_right").fill_null(0)).is_empty()
    for of in ("connection", "rejects", "notes"):
        assert is_subset(shown[of], frame(intact, of)), of
    assert set(rec.trackers["tracker_id"]) <= set(intact.trackers["tracker_id"])
    assert told(rec)["started_at"] == told(intact)["started_at"]


def flipped(data: bytes, where: float, bit: int) -> bytes:
    place = int(where * len(data))
    return data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]


def zeroed(data: bytes, where: float, bit: int) -> bytes:
    place = int(where * len(data))
    return data[:place] + bytes(len(data[place : place + 64 << bit])) + data[place + (64 << bit) :]


DAMAGES = {
    "a flipped bit": flipped,
    "cut": lambda data, where, _: data[: int(where * len(data))],
    "zeros": zeroed,
    "more behind it": lambda data, where, bit: data + data[: 1 + int(where * bit)],
    "gone": None,
}
damages = st.tuples(
    st.sampled_from(sorted(DAMAGES)),
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 1, exclude_max=True),
    st.integers(0, 7),
)


@given(damages)
@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_damage_to_one_file_costs_what_was_in_it_and_changes_nothing_else(
    rec, tmp_path_factory, damage
):
    kind, which, where, bit = damage
    folder = copy_of(rec, tmp_path_factory)
    names = DiskFolder(folder).names()
    name = names[int(which * len(names))]
    path = folder / name
    intact = path.read_bytes()
    if DAMAGES[kind] is None:
        path.unlink()
    else:
        path.write_bytes(DAMAGES[kind](intact, where, bit))
    try:
        # A journal that ends early is what a process leaves that was killed then.
        is_last = name == [one for one in names if one.startswith("raw/")][-1]
        check_damaged(folder, name, rec, may_be_silent=is_last and kind in ("cut", "gone"))
    finally:
        path.write_bytes(intact)


COPIES: dict[str, Path] = {}


def copy_of(rec: fl.Recording, tmp_path_factory) -> Path:
    """A copy to be damaged and mended, made once."""
    path = str(rec.info.path)
    if path not in COPIES:
        COPIES[path] = tmp_path_factory.mktemp("copy") / "rec"
        shutil.copytree(path, COPIES[path])
    return COPIES[path]


# -- one by one ----------------------------------------------------------------------------------


@pytest.fixture
def folder(whole, tmp_path) -> Path:
    shutil.copytree(whole.info.path, tmp_path / "rec")
    return tmp_path / "rec"


def test_a_damaged_part_is_named_with_what_it_costs_and_the_way_to_mend_it(whole, folder):
    part = whole._parts["state_batch"][1]
    path = folder / part.file
    path.write_bytes(flipped(path.read_bytes(), 0.5, 3))
    rec = fl.load(folder)
    assert len(rec.state_batch) == len(whole.state_batch) - part.rows
    assert rec.summary().filter(event="state_batch")["rows"].item() == len(rec.state_batch)
    [loss] = rec.rejects.filter(pl.col("seq").is_null()).to_dicts()
    assert loss["path"] == part.file
    assert f"{part.rows} rows are missing" in loss["reason"]
    assert "fleetlab rebuild" in loss["reason"]
    for name in set(NAMES) - {"state_batch", "rejects"}:
        assert_frame_equal(frame(rec, name), frame(whole, name))


def test_without_a_journal_nothing_that_is_lost_can_be_made_again_and_it_says_so(whole, folder):
    shutil.rmtree(folder / "raw")
    (folder / whole._parts["state_batch"][1].file).unlink()
    (folder / "gaps.parquet").unlink()
    losses = dict(fl.load(folder).rejects.select("path", "reason").rows())
    for path in (whole._parts["state_batch"][1].file, "gaps.parquet"):
        assert "journal, which" in losses[path]
        assert "fleetlab rebuild" not in losses[path]


def test_each_table_that_is_lost_is_named_with_what_can_be_done(whole, folder):
    for name in TABLES:
        (folder / f"{name}.parquet").unlink()
    rec = fl.load(folder)
    losses = dict(rec.rejects.select("path", "reason").rows())
    assert losses.keys() == {f"{name}.parquet" for name in TABLES}
    assert_frame_equal(rec.trackers, whole.trackers)  # made again, as decoding needs them
    assert "can't be made again" in losses["notes.parquet"]
    for name in ("connection", "gaps", "rejects"):
        assert "fleetlab rebuild" in losses[f"{name}.parquet"]
    for name in ("connection", "gaps", "notes"):
        assert frame(rec, name).is_empty()


@pytest.mark.parametrize("manifest", [None, b"", b"{", b'{"format_version": 1}', b"\x00" * 500])
def test_without_a_manifest_the_journal_tells_everything(whole, folder, manifest):
    (folder / "recording.json").unlink()
    if manifest is not None:
        (folder / "recording.json").write_bytes(manifest)
    rec = fl.load(folder)
    [loss] = rec.rejects.filter(pl.col("seq").is_null()).to_dicts()
    assert loss["path"] == "recording.json"
    assert "fleetlab rebuild" in loss["reason"]
    for name in set(NAMES) - {"rejects"}:
        assert_frame_equal(frame(rec, name), frame(whole, name))
    assert_frame_equal(rec.rejects.drop_nulls("seq"), whole.rejects)
    assert told(rec) == told(whole)


def test_a_journal_that_memory_does_not_hold_is_refused_with_the_way_to_parts(folder, monkeypatch):
    class Free:
        available = 100_000

    (folder / "recording.json").unlink()
    monkeypatch.setattr(psutil, "virtual_memory", Free)
    with pytest.raises(fl.RecordingError, match="fleetlab rebuild"):
        fl.load(folder)


def test_a_recording_that_is_rebuilt_while_it_is_opened_is_read_as_it_is_then(
    whole, unfinished, tmp_path, monkeypatch
):
    folder = tmp_path / "rec"
    unfinished.save(folder)

    def rebuilt(path: Path) -> bool:
        monkeypatch.undo()
        fl.rebuild(path)
        return False

    monkeypatch.setattr(recovery, "is_held", rebuilt)
    same(fl.load(folder), whole)


def test_a_manifest_from_before_checksums_or_reformatted_by_hand_still_loads(whole, folder):
    path = folder / "recording.json"
    manifest = json.loads(path.read_bytes())
    path.write_text(json.dumps(manifest, indent=4, sort_keys=True))
    same(fl.load(folder), whole)
    del manifest["crc32"]
    for parts in manifest["parts"].values():
        for part in parts:
            del part["crc32"]
    path.write_text(json.dumps(manifest))
    same(fl.load(folder), whole)


@pytest.mark.parametrize("version", [0, 3, 5, 9])
def test_a_flipped_bit_is_no_newer_format(whole, folder, version):
    path = folder / "recording.json"
    text = path.read_text()
    path.write_text(text.replace('"format_version": 1,', f'"format_version": {version},', 1))
    assert_frame_equal(fl.load(folder).state_batch, whole.state_batch)


def test_no_flipped_bit_of_a_manifest_is_believed(whole):
    known = read_manifest(DiskFolder(whole.info.path))
    manifest = replace(known, decoder={"queues": [[7, "all", "speed", "[]"]], "zone": "UTC"})
    folder = MemoryFolder("rec")
    manifest.write(folder)
    text = folder.read("recording.json")
    refused = 0
    for place in range(len(text)):
        for bit in range(8):
            flip = bytes([text[place] ^ 1 << bit])
            folder.write("recording.json", text[:place] + flip + text[place + 1 :])
            try:
                assert read_manifest(folder) == manifest  # a key that nobody looks at
            except UnreadableManifest:
                refused += 1
    assert refused > 7.9 * len(text)


def test_many_recordings_are_scanned_with_damaged_ones_among_them(whole, tmp_path):
    for name in ("a", "b", "c"):
        shutil.copytree(whole.info.path, tmp_path / name)
    lost = whole._parts["state_batch"][0]
    (tmp_path / "a" / lost.file).write_bytes(b"torn")
    (tmp_path / "b" / "recording.json").unlink()
    (tmp_path / "d").mkdir()
    found = fl.scan(f"{tmp_path}/*", "state_batch").collect()
    assert len(found) == 3 * len(whole.state_batch) - lost.rows


def test_a_process_that_died_after_its_last_word_is_not_unfinished(whole, folder):
    home = DiskFolder(folder)
    manifest = read_manifest(home)
    running = replace(manifest.info, stopped_because=None, ended_at=None, error=None)
    replace(manifest, info=running).write(home)
    same(fl.load(folder), whole)


def test_a_process_that_died_just_after_publishing_lasted_until_its_last_record(whole, folder):
    home = DiskFolder(folder)
    manifest = read_manifest(home)
    running = replace(manifest.info, stopped_because=None, ended_at=None)
    decoder = manifest.decoder | {"ended": None}
    replace(manifest, info=running, decoder=decoder).write(home)
    rec = fl.load(folder)
    assert rec.info.stopped_because == "unfinished"
    assert rec.info.ended_at == whole.info.ended_at


def test_trackers_written_after_the_manifest_are_not_those_of_its_parts(unfinished, tmp_path):
    shutil.copytree(unfinished.info.path, tmp_path / "rec")
    one_more = unfinished.trackers.head(1).with_columns(pl.lit(0, pl.Int64).alias("tracker_id"))
    more = pl.concat([unfinished.trackers, one_more])
    write_table(DiskFolder(tmp_path / "rec"), "trackers", more)
    assert_frame_equal(fl.load(tmp_path / "rec").trackers, unfinished.trackers)


def test_a_note_is_not_added_to_notes_that_cannot_be_read(folder):
    path = folder / "notes.parquet"
    damaged = flipped(path.read_bytes(), 0.2, 3)
    path.write_bytes(damaged)
    with pytest.raises(fl.RecordingError, match="Move the file away"):
        fl.load(folder).annotate("2026-11-23T19:05:00+01:00", "more")
    assert path.read_bytes() == damaged


def test_a_part_that_vanishes_after_loading_is_told(folder):
    rec = fl.load(folder)
    (folder / rec._parts["state"][0].file).unlink()
    with pytest.raises(fl.RecordingError, match=r"fl\.load"):
        _ = rec.state


def test_no_text_in_a_table_is_taken_for_its_checksum():
    folder = MemoryFolder("rec")
    rows = [(0, "crc32:00000000"), (1, "~crc32:ffffffff"), (2, "crc32:")]
    notes = table("notes", rows)
    write_table(folder, "notes", notes)
    assert_frame_equal(read_table(folder, "notes"), notes)
