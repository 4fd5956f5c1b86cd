"""A recording in other tools' formats: the same rows, nothing changed on the way."""

from __future__ import annotations

import html
import json
import re
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import polars as pl
import pytest

import fleetlab as fl
from fleetlab import export as export_module
from fleetlab.export import FORMATS, export
from fleetlab.schemas import FRAMES
from fleetlab.simulator import Simulator


@pytest.fixture(scope="module")
def rec(tmp_path_factory) -> fl.Recording:
    with Simulator(vehicles=12, seed=3) as sim:
        return fl.capture(
            seconds=1,
            server=sim.base_url,
            api_key=sim.api_key,
            rate_limit="1s",
            save_to=tmp_path_factory.mktemp("export") / "rec",
            events=["state_batch", "readings_batch", fl.IotMonitor(trackers=sim.tracker_ids[:10])],
            view=False,
        )


def rows_of(file: Path, sheet: str) -> list[list[str]]:
    """The cells of a sheet as text, row by row; those that are empty too."""
    with zipfile.ZipFile(file) as book:
        names = re.findall(r'<sheet name="(\w+)"', book.read("xl/workbook.xml").decode())
        text = book.read(f"xl/worksheets/sheet{names.index(sheet) + 1}.xml").decode()
        shared = re.findall(
            r"<si><t[^>]*>(.*?)</t></si>", book.read("xl/sharedStrings.xml").decode()
        )
    rows = []
    for row in re.findall(r"<row .*?>(.*?)</row>", text):
        cells = re.findall(r"<c r=[^>]*?(?:/>|>(?:<v>(.*?)</v>)?</c>)", row)
        kinds = re.findall(r"<c r=([^>]*?)/?>", row)
        rows.append(
            [
                shared[int(value)] if 't="s"' in kind else value
                for kind, value in zip(kinds, cells, strict=True)
            ]
        )
    return rows


def frame_of(rec: fl.Recording, name: str) -> pl.DataFrame:
    found: pl.DataFrame = getattr(rec, name)
    return found


def test_parquet_holds_every_frame_as_it_is(rec, tmp_path):
    folder = export(rec, "parquet", tmp_path / "out")
    for name in FRAMES:
        assert pl.read_parquet(folder / f"{name}.parquet").equals(frame_of(rec, name))


def test_csv_holds_every_frame_with_moments_in_utc_and_lists_as_json(rec, tmp_path):
    folder = export(rec, "csv", tmp_path / "out")
    for name in FRAMES:
        lines = pl.read_csv(folder / f"{name}.csv", infer_schema=False)
        assert len(lines) == len(frame_of(rec, name)), name
    stored = pl.read_csv(folder / "state_batch.csv", infer_schema=False)
    states = rec.state_batch
    assert stored["label"].to_list() == states["label"].to_list()
    moments = stored["received_at"].str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_zone="UTC")
    assert moments.cast(pl.Datetime("us", "UTC")).equals(states["received_at"])
    assert stored["lat"].cast(pl.Float64).equals(states["lat"])
    assert [text and json.loads(text) for text in stored["inputs"]] == states["inputs"].to_list()
    readings = pl.read_csv(folder / "readings_batch.csv", infer_schema=False)
    assert [text and json.loads(text) for text in readings["composite_sensor_ids"]] == (
        rec.readings_batch["composite_sensor_ids"].to_list()
    )
    assert readings["value_text"].to_list() == rec.readings_batch["value_text"].to_list()


def test_duckdb_holds_every_frame_as_a_table(rec, tmp_path):
    file = export(rec, "duckdb", tmp_path / "out.duckdb")
    with duckdb.connect(str(file), read_only=True) as database:
        for name in FRAMES:
            [(rows,)] = database.execute(f'SELECT count(*) FROM "{name}"').fetchall()
            assert rows == len(frame_of(rec, name)), name
        [(top,)] = database.execute("SELECT max(speed_kmh) FROM state_batch").fetchall()
    assert top == rec.state_batch["speed_kmh"].max()


def test_a_workbook_holds_every_frame_as_a_sheet_and_changes_no_value(rec, tmp_path):
    file = export(rec, "xlsx", tmp_path / "out.xlsx")
    with zipfile.ZipFile(file) as book:
        sheets = [name for name in book.namelist() if name.startswith("xl/worksheets/sheet")]
        texts = html.unescape(book.read("xl/sharedStrings.xml").decode())
    assert len(sheets) == len(FRAMES)
    for label in rec.state_batch["label"].unique():
        assert label in texts


def test_ids_that_a_workbook_would_change_become_text():
    frame = pl.DataFrame({"large": [2**53 + 1, None], "small": [5, -5]})
    assert export_module._in_sheet(frame, "UTC").to_dict(as_series=False) == {
        "large": ["9007199254740993", None],
        "small": [5, -5],
    }


AUTUMN = [datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1)]
"""Both are half past two in Madrid."""


def test_a_workbook_shows_the_clock_of_the_fleet_and_names_the_zone(rec, tmp_path):
    assert rec.info.timezone == "Europe/Madrid"
    file = export(rec, "xlsx", tmp_path / "out.xlsx")
    other = export(rec, "xlsx", tmp_path / "other.xlsx", timezone="Asia/Kathmandu")
    for written, zone in ((file, "Europe/Madrid"), (other, "Asia/Kathmandu")):
        header, first, *_ = rows_of(written, "state_batch")
        assert f"event_time ({zone})" in header
        assert not {"event_time", "event_time (UTC)"} & set(header)
        days = float(first[header.index(f"event_time ({zone})")])
        shown = datetime(1899, 12, 30) + timedelta(days=days)
        local = rec.state_batch["event_time"][0].astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        assert abs(shown - local) < timedelta(milliseconds=1)


def test_moments_in_an_hour_that_the_clocks_repeat_are_in_utc_too():
    moments = pl.Series("event_time", [*AUTUMN, None], dtype=pl.Datetime("us", "UTC"))
    local, utc = export_module._on_clock(moments, "Europe/Madrid")
    assert (local.name, utc.name) == ("event_time (Europe/Madrid)", "event_time (UTC)")
    assert local.to_list() == [datetime(2026, 10, 25, 2, 30)] * 2 + [None]
    assert utc.to_list() == [moment.replace(tzinfo=None) for moment in AUTUMN] + [None]
    [alone] = export_module._on_clock(moments.slice(2), "Europe/Madrid")
    assert alone.to_list() == [None]


@pytest.mark.parametrize(("offset", "hour", "minute"), [("+05:45", 6, 15), ("-00:30", 0, 0)])
def test_an_offset_is_a_clock_too(offset, hour, minute):
    moments = pl.Series("at", AUTUMN[:1], dtype=pl.Datetime("us", "UTC"))
    [local] = export_module._on_clock(moments, offset)
    assert local.name == f"at ({offset})"
    assert local.to_list() == [datetime(2026, 10, 25, hour, minute)]


def test_a_zone_is_checked_and_is_for_workbooks(rec, tmp_path):
    with pytest.raises(fl.InvalidArgument, match=r"'Mars/Olympus'.*'Europe/Madrid'"):
        export(rec, "xlsx", tmp_path / "out.xlsx", timezone="Mars/Olympus")
    with pytest.raises(fl.InvalidArgument, match=r"is for xlsx: csv holds moments in UTC"):
        export(rec, "csv", tmp_path / "out", timezone="Europe/Madrid")
    assert not list(tmp_path.iterdir())


def test_a_sheet_takes_so_many_rows_and_no_more(rec, tmp_path, monkeypatch):
    monkeypatch.setattr(export_module, "SHEET_ROWS", 10)
    with pytest.raises(fl.InvalidArgument, match=r"10 rows.*state_batch \d\d.*duckdb"):
        export(rec, "xlsx", tmp_path / "out.xlsx")
    assert not (tmp_path / "out.xlsx").exists()


@pytest.mark.parametrize("format_", list(FORMATS))
def test_by_default_it_is_named_after_the_recording(rec, format_):
    written = export(rec, format_)
    assert written.exists()
    assert written.name.startswith("rec")
    assert written.parent == Path()


def test_what_is_there_already_is_not_replaced(rec, tmp_path):
    (tmp_path / "out.xlsx").write_text("mine")
    with pytest.raises(fl.InvalidArgument, match="there already"):
        export(rec, "xlsx", tmp_path / "out.xlsx")
    assert (tmp_path / "out.xlsx").read_text() == "mine"


def test_an_unknown_format_is_told_with_the_known_ones(rec):
    with pytest.raises(fl.InvalidArgument, match="parquet, csv, xlsx, duckdb"):
        export(rec, "sas")


def test_a_package_that_is_missing_is_told_with_the_way_to_get_it(rec, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(fl.FleetlabError, match=r"needs [a-z]+: pip install [a-z]+"):
        export(rec, "xlsx", tmp_path / "out.xlsx")


def test_a_place_that_cannot_be_written_is_told(rec, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(fl.RecordingError, match="can't be written"):
        export(rec, "csv", tmp_path / "file" / "out")
