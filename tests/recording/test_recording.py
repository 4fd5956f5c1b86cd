"""What readers hold: frames, scans, notes, copies, several recordings as one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import duckdb
import polars as pl
import psutil
import pytest

import fleetlab as fl
from fleetlab import pipeline
from fleetlab.recording.folder import DiskFolder
from fleetlab.recording.journal import read_journal
from fleetlab.recording.manifest import read_manifest
from fleetlab.schemas import EVENTS, TABLES, schema
from fleetlab.simulator import Simulator
from fleetlab.tables.decoder import Decoder
from tests.conftest import eventually

HOUR = timedelta(hours=1)


def record(folder, *, steps: int = 5, **more) -> fl.Recording:
    """Record a fleet for some steps."""
    with Simulator(vehicles=12, seed=3, tick=None, record=True) as sim:
        job = fl.start(
            server=sim.base_url,
            api_key=sim.api_key,
            save_to=folder,
            rate_limit="1s",
            events=[
                "state_batch",
                "readings_batch",
                fl.IotMonitor(trackers=sim.tracker_ids[:10]),
            ],
            **more,
        )
        eventually(lambda: sim.requests, "the client subscribes")
        for _ in range(steps):
            sim.step(1.0)
        eventually(lambda: job.progress().messages == len(sim.ledger), "all has arrived")
        return job.stop()


@pytest.fixture(scope="module")
def rec(tmp_path_factory) -> fl.Recording:
    return record(tmp_path_factory.mktemp("module") / "rec")


# -- frames ------------------------------------------------------------------------------------


def test_an_event_that_was_not_asked_for_is_an_empty_frame_with_its_full_schema(rec):
    assert rec.state.schema == schema("state")
    assert rec.state.is_empty()
    assert rec.scan("state").collect_schema() == schema("state")


def test_scan_is_lazy_and_holds_the_same_rows(rec):
    for event in EVENTS:
        lazy = rec.scan(event)
        assert isinstance(lazy, pl.LazyFrame)
        assert lazy.collect().equals(rec.frames[event])


def test_an_unknown_event_is_told_with_the_known_ones(rec):
    with pytest.raises(fl.InvalidArgument, match="state_batch"):
        rec.scan("comet")
    with pytest.raises(KeyError):
        rec.frames["comet"]


def test_a_frame_that_would_take_half_of_the_free_memory_is_refused_with_its_size(rec, monkeypatch):
    class Free:
        available = 1_000

    monkeypatch.setattr(psutil, "virtual_memory", Free)
    with pytest.raises(fl.RecordingError, match=r"GB.*rec\.scan\('state_batch'\)"):
        _ = rec.state_batch
    assert rec.scan("state_batch").select(pl.len()).collect().item() > 0
    assert rec.summary().height > 0


def test_the_summary_counts_what_is_there(rec):
    rows = {row["event"]: row for row in rec.summary().to_dicts()}
    assert rows.keys() == {"state_batch", "readings_batch", "iot_monitor"}
    states = rec.state_batch
    assert rows["state_batch"] == {
        "event": "state_batch",
        "rows": len(states),
        "snapshot_rows": states["snapshot"].sum(),
        "trackers": 12,
        "first_at": states["received_at"].min(),
        "last_at": states["received_at"].max(),
    }


def test_its_text_and_its_html_tell_the_same(rec):
    text, html = repr(rec), rec._repr_html_()
    for fact in (rec.info.name, rec.info.path, "Europe/Madrid", f"{len(rec.readings_batch):,}"):
        assert fact in text
        assert fact in html
    assert "no gaps" in text


def test_html_shows_a_note_as_text(tmp_path):
    noted = record(tmp_path / "rec", steps=0, note="<script>alert(1)</script>")
    assert "<script>" not in noted._repr_html_()
    assert "&lt;script&gt;" in noted._repr_html_()


# -- on disk -----------------------------------------------------------------------------------


def test_duckdb_and_polars_read_the_parquet_as_it_lies_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = record(None, steps=2), record(None, steps=3)
    query = (
        "SELECT recording, count(*) FROM "
        "read_parquet('recordings/*/state_batch/*.parquet', union_by_name=true) "
        "GROUP BY recording ORDER BY recording"
    )
    counts = {r.info.name: len(r.state_batch) for r in (first, second)}
    assert dict(duckdb.sql(query).fetchall()) == counts
    scanned = pl.scan_parquet("recordings/*/state_batch/*.parquet").collect()
    assert scanned.schema == schema("state_batch")
    assert len(scanned) == sum(counts.values())
    # An event that was asked for and never came has one part, with no rows.
    none = duckdb.sql("SELECT count(*) FROM 'recordings/*/lifecycle/*.parquet'")
    assert none.fetchall() == [(0,)]


def test_parts_end_at_a_number_of_rows_and_nothing_is_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "PART_ROWS", 40)
    made = record(tmp_path / "rec", steps=40)
    parts = sorted(path.name for path in (tmp_path / "rec" / "readings_batch").iterdir())
    assert len(parts) > 1
    assert parts == [f"{number:08}.parquet" for number in range(1, len(parts) + 1)]
    stored = pl.concat(
        [pl.read_parquet(tmp_path / "rec" / "readings_batch" / name) for name in parts]
    )
    assert stored.equals(made.readings_batch)
    assert stored["seq"].is_sorted()
    # A part ends between messages.
    ends = [
        set(pl.read_parquet(tmp_path / "rec" / "readings_batch" / name)["seq"]) for name in parts
    ]
    assert not any(one & other for one, other in pairwise(ends))


def test_a_file_that_is_not_listed_does_not_exist(rec, tmp_path):
    copy = rec.save(tmp_path / "copy")
    folder = tmp_path / "copy" / "state_batch"
    (folder / "00000099.parquet").write_bytes((folder / "00000001.parquet").read_bytes())
    assert fl.load(tmp_path / "copy").state_batch.equals(copy.state_batch)


def test_the_journal_alone_tells_everything_again(rec):
    """The checkpoint set aside, the journal decodes to the same frames."""
    decoder = Decoder()
    for _, one in read_journal(DiskFolder(rec.info.path)):
        decoder.feed(one)
    decoder.release()
    frames = decoder.decode()
    for event in ("state_batch", "readings_batch", "iot_monitor"):
        assert frames[event].equals(rec.frames[event])
    assert frames["connection"].equals(rec.connection)
    assert decoder.directory.frame.equals(rec.trackers)


def test_a_newer_format_is_refused_with_a_sentence(rec, tmp_path):
    rec.save(tmp_path / "copy")
    manifest = tmp_path / "copy" / "recording.json"
    told = json.loads(manifest.read_text("utf-8")) | {"format_version": 99, "new": "shape"}
    manifest.write_text(json.dumps(told), "utf-8")
    with pytest.raises(fl.RecordingError, match=r"99.*Update fleetlab"):
        fl.load(tmp_path / "copy")


def test_columns_that_another_version_did_not_know_or_knows_do_no_harm(rec, tmp_path):
    folder = Path(rec.save(tmp_path / "other").info.path)
    manifest = json.loads((folder / "recording.json").read_text())
    del manifest["crc32"]
    for part in manifest["parts"]["state_batch"]:
        del part["crc32"]
    (folder / "recording.json").write_text(json.dumps(manifest))
    for file in (folder / "connection.parquet", *folder.glob("state_batch/*.parquet")):
        frame = pl.read_parquet(file)
        other = frame.drop(frame.columns[-1]).with_columns(tomorrows=pl.lit(1))
        other.write_parquet(file)
    again = fl.load(folder)
    assert again.connection.schema == schema("connection")
    assert again.connection.drop("steady_s").equals(rec.connection.drop("steady_s"))
    assert again.connection["steady_s"].is_null().all()
    assert again.state_batch.drop("extra").equals(rec.state_batch.drop("extra"))
    assert again.rejects.is_empty()


def test_a_manifest_that_names_files_elsewhere_is_refused(rec, tmp_path):
    rec.save(tmp_path / "copy")
    manifest = tmp_path / "copy" / "recording.json"
    told = json.loads(manifest.read_text("utf-8"))
    told["parts"]["state_batch"][0]["file"] = "../../etc/passwd"
    manifest.write_text(json.dumps(told), "utf-8")
    again = fl.load(tmp_path / "copy")  # the checksum shows it: nothing of it is believed
    assert again.state_batch.equals(rec.state_batch)
    assert again.rejects["path"].to_list() == ["recording.json"]
    del told["crc32"]
    manifest.write_text(json.dumps(told), "utf-8")
    with pytest.raises(fl.RecordingError, match="tampered"):
        fl.load(tmp_path / "copy")


@pytest.mark.parametrize("content", [None, "", "{", '{"format_version": 1}'])
def test_what_is_no_recording_is_refused_with_a_sentence(tmp_path, content):
    folder = tmp_path / "x"
    if content is not None:
        folder.mkdir()
        (folder / "recording.json").write_text(content)
    with pytest.raises(fl.RecordingError, match=str(folder)):
        fl.load(folder)


def test_load_changes_nothing_on_disk(rec):
    def state():
        return {
            str(path): (path.stat().st_mtime_ns, path.stat().st_size)
            for path in Path(rec.info.path).rglob("*")
        }

    before = state()
    again = fl.load(rec.info.path)
    _ = again.state_batch, again.summary(), repr(again)
    assert state() == before


# -- kept and written --------------------------------------------------------------------------


def test_to_parquet_gives_one_file_a_frame(rec, tmp_path):
    files = rec.to_parquet(tmp_path / "out")
    assert sorted(path.name for path in files) == sorted(
        f"{name}.parquet" for name in (*EVENTS, *TABLES)
    )
    for event in EVENTS:
        stored = pl.read_parquet(tmp_path / "out" / f"{event}.parquet")
        assert stored.equals(rec.frames[event])
        assert stored.schema == schema(event)


def test_to_parquet_where_it_cannot_write_is_an_error_with_a_sentence(rec, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(fl.RecordingError, match="can't be written"):
        rec.to_parquet(tmp_path / "file" / "out")


def test_notes_are_kept_with_the_recording_in_the_order_of_time(rec, tmp_path):
    copy = rec.save(tmp_path / "copy")
    copy.annotate(datetime(2026, 11, 23, 19, 0, tzinfo=UTC), "later")
    copy.annotate("2026-11-23T19:05:00+01:00", "earlier")
    expected = [
        (datetime(2026, 11, 23, 18, 5, tzinfo=UTC), "earlier"),
        (datetime(2026, 11, 23, 19, 0, tzinfo=UTC), "later"),
    ]
    assert copy.notes.rows() == expected
    assert fl.load(tmp_path / "copy").notes.rows() == expected
    assert rec.notes.is_empty()


@pytest.mark.parametrize(
    ("when", "text"),
    [("2026-11-23 19:05:00", "no zone"), ("soon", "x"), (5, "x"), ("2026-11-23T19:05Z", " ")],
)
def test_a_note_needs_a_moment_with_a_zone_and_a_text(rec, tmp_path, when, text):
    with pytest.raises(fl.InvalidArgument, match="annotate"):
        rec.save(tmp_path / "copy").annotate(when, text)


# -- several -----------------------------------------------------------------------------------


def test_several_recordings_are_one_with_the_time_between_as_gaps(tmp_path):
    first, second = record(tmp_path / "a", steps=2), record(tmp_path / "b", steps=3)
    both = fl.load([tmp_path / "b", tmp_path / "a"])
    assert both.state_batch.equals(pl.concat([first.state_batch, second.state_batch]))
    assert both.info.started_at == first.info.started_at
    assert both.info.ended_at == second.info.ended_at
    [gap] = both.gaps.to_dicts()
    assert gap["reason"] == "between_recordings"
    assert gap["started_at"] == first.info.ended_at
    assert gap["ended_at"] == second.info.started_at
    assert both.trackers.equals(second.trackers)
    assert both.summary()["rows"].sum() == first.summary()["rows"].sum() + (
        second.summary()["rows"].sum()
    )
    with pytest.raises(fl.RecordingError, match="one recording"):
        both.annotate(datetime.now(UTC), "which?")
    with pytest.raises(fl.RecordingError, match="to_parquet"):
        both.save(tmp_path / "both")
    assert len(both.to_parquet(tmp_path / "out")) == len(EVENTS) + len(TABLES)


def test_a_recording_inside_another_hides_no_time_that_was_recorded(tmp_path):
    start = datetime(2026, 11, 23, tzinfo=UTC)
    hours = {"night": (0, 10), "inside": (1, 2), "noon": (12, 13), "afternoon": (14, 15)}
    for name, (began, ended) in hours.items():
        rec = record(tmp_path / name, steps=1)
        times = {"started_at": start + began * HOUR, "ended_at": start + ended * HOUR}
        manifest = read_manifest(DiskFolder(rec.info.path))
        replace(manifest, info=replace(manifest.info, **times)).write(DiskFolder(rec.info.path))
    both = fl.load([tmp_path / "noon", tmp_path / "inside", tmp_path / "night"])
    [gap] = both.gaps.to_dicts()
    assert (gap["started_at"], gap["ended_at"]) == (start + 10 * HOUR, start + 12 * HOUR)
    pair = fl.load([tmp_path / "night", tmp_path / "inside"])
    assert pair.gaps.is_empty()
    assert pair.info.ended_at == start + 10 * HOUR
    assert pair.info.name == "night … inside"
    assert len(fl.load([tmp_path / name for name in hours]).gaps) == 2


def test_scan_reads_many_recordings_as_one_lazy_frame(tmp_path):
    first, second = record(tmp_path / "r" / "a", steps=1), record(tmp_path / "r" / "b", steps=1)
    (tmp_path / "r" / "stray").mkdir()
    expected = pl.concat([first.state_batch, second.state_batch])
    assert fl.scan(f"{tmp_path}/r/*", "state_batch").collect().equals(expected)
    assert (
        fl.scan([tmp_path / "r" / "a", tmp_path / "r" / "b"], "state_batch")
        .collect()
        .equals(expected)
    )
    with pytest.raises(fl.RecordingError, match="nothing"):
        fl.scan(f"{tmp_path}/nothing/*", "state_batch")


def test_a_gap_that_has_not_ended_is_in_the_snapshot_without_an_end():
    with Simulator(vehicles=12, seed=3, tick=None) as sim:
        job = fl.start(server=sim.base_url, api_key=sim.api_key)
        eventually(lambda: len(job.recording.state_batch), "rows are decoded")
        sim.stop()
        eventually(lambda: len(job.recording.gaps), "the loss is noticed")
        [gap] = job.recording.gaps.to_dicts()
        assert gap["reason"] == "disconnected"
        assert gap["ended_at"] is None
        rec = job.stop()
    [gap] = rec.gaps.to_dicts()
    assert gap["ended_at"] - rec.info.ended_at < timedelta(seconds=1)
    assert gap["duration_s"] > 0
