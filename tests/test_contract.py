"""Names, columns, types and limits that users rely on, written down once more, by hand.

What the code declares is held against this list and not against itself: to add is fine, to rename
or drop is not.
"""

from __future__ import annotations

import inspect
import re
from datetime import UTC, datetime

import duckdb
import polars as pl
import pytest

import fleetlab as fl
from fleetlab import pipeline
from fleetlab.recording import writer
from fleetlab.schemas import FRAMES, schema
from fleetlab.simulator import Simulator
from tests.conftest import eventually
from tests.tables.test_decoder import decoder, frames_of, message

COMMON = "recording seq:i received_at:t server_time:t event_time:t snapshot:b tracker_id:i label"
STATE = f"""{COMMON} source_id:i gps_updated:t lat:f lng:f speed_kmh:f heading_deg:f alt_m:f
    gps_signal_level:f precision_m:f gsm_lbs:b connection_status movement_status
    movement_status_update:t ignition:b ignition_update:t last_update:t gsm_updated:t
    gsm_signal_level:f gsm_network_name gsm_roaming:b battery_level:f battery_update:t inputs:B
    inputs_update:t outputs:B outputs_update:t actual_track_update:t additional:S extra"""
COLUMNS = {
    "state": STATE,
    "state_batch": STATE,
    "readings_batch": f"""{COMMON} kind reading sensor_id:i name sensor_label type units value:f
        value_text value_type min_value:f max_value:f converted_value:f converted_units
        composite_sensor_ids:I updated_at:t extra""",
    "iot_monitor": f"{COMMON} queue field msg_time:t srv_time:t value:f value_text value_type",
    "lifecycle": f"{COMMON} source_id:i lifecycle_event",
    "logout": f"{COMMON} reason",
    "trackers": """tracker_id:i label group_id:i source_id:i device_id model clone:b blocked:b
        state state_batch readings_batch iot_monitor""",
    "connection": "logged_at:t what attempt:i code:i detail",
    "gaps": "started_at:t ended_at:t duration_s:f reason event tracker_id:i field",
    "rejects": "seq:i received_at:t event tracker_id:i path reason raw",
    "notes": "noted_at:t text",
}
TIME = pl.Datetime("us", "UTC")
TYPES = {
    "i": pl.Int64,
    "t": TIME,
    "f": pl.Float64,
    "b": pl.Boolean,
    "": pl.String,
    "B": pl.List(pl.Boolean),
    "I": pl.List(pl.Int64),
    "S": pl.List(pl.Struct({"key": pl.String, "value": pl.String, "updated": TIME})),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_frame_has_its_columns_of_their_types(name):
    promised = {
        column: TYPES[kind]
        for column, _, kind in (each.partition(":") for each in COLUMNS[name].split())
    }
    declared = schema(name)
    assert {column: declared.get(column) for column in promised} == promised
    assert [column for column in declared if column in promised] == list(promised)


def test_no_column_is_a_reserved_word_of_sql():
    query = "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category = 'reserved'"
    reserved = {word for (word,) in duckdb.sql(query).fetchall()} | {"at", "end"}
    assert not reserved & {column.name for columns in FRAMES.values() for column in columns}


@pytest.mark.parametrize("call", [fl.capture, fl.acapture, fl.start])
def test_a_capture_takes_these_arguments_and_has_these_defaults(call):
    nothing = ("minutes", "seconds", "server", "api_key", "login", "password", "events")
    promised = dict.fromkeys((*nothing, "timezone", "save_to", "note"))
    promised |= {"trackers": "all", "rate_limit": "5s", "view": "auto", "reentrant": False}
    assert {
        name: each.default for name, each in inspect.signature(call).parameters.items()
    } == promised


def test_errors_are_one_family():
    names = ("AuthenticationError", "RequestRefused", "ServerUnavailable", "ProtocolError")
    for name in (*names, "RecordingError", "InvalidArgument"):
        assert issubclass(getattr(fl, name), fl.FleetlabError), name
    assert issubclass(fl.InvalidArgument, ValueError)


def test_a_recording_tells_and_does_what_it_is_known_for():
    with Simulator(2, tick=None) as sim:
        job = fl.start(server=sim.base_url, api_key=sim.api_key, save_to=False, view=False)
        eventually(lambda: len(job.recording.state_batch), "rows are decoded")
        assert (job.running, job.view, job.recording.info.stopped_because) == (True, None, None)
        rec = job.stop()
    for name in COLUMNS:
        assert getattr(rec, name).schema == schema(name)
    told = "started_at ended_at server timezone timezone_source utc_offset requests note path"
    for name in (*told.split(), "stopped_because"):
        assert hasattr(rec.info, name), name
    for name in ("summary", "annotate", "save", "to_parquet", "scan", "frames", "_repr_html_"):
        assert hasattr(rec, name), name
    for name in ("speed", "fuel_level", "status", "map", "attribute", "quality", "overview"):
        assert callable(getattr(rec.plot, name)), name


def test_parts_and_memory_have_these_limits():
    assert (writer.PART_ROWS, writer.PART_SECONDS) == (250_000, 600)
    assert pipeline.MEMORY_LIMIT == 10**9


def test_a_part_ends_after_a_while_though_few_rows_came(monkeypatch, tmp_path):
    monkeypatch.setattr(pipeline, "PART_SECONDS", 0.1)
    with Simulator(2, tick=None) as sim:
        job = fl.start(server=sim.base_url, api_key=sim.api_key, save_to=tmp_path / "rec")
        parts = tmp_path / "rec" / "state_batch"
        eventually(lambda: list(parts.glob("*.parquet")), "a part is finished while it runs")
        assert job.running
        job.stop()


def test_parts_are_compressed_with_zstd(tmp_path):
    with Simulator(2, tick=None) as sim:
        fl.capture(seconds=0.3, server=sim.base_url, api_key=sim.api_key, save_to=tmp_path / "rec")
    parts = tmp_path / "rec" / "state_batch" / "*.parquet"
    query = f"SELECT DISTINCT compression FROM parquet_metadata('{parts}') WHERE num_values > 0"
    assert duckdb.sql(query).fetchall() == [("ZSTD",)]


def moment_of(event, data):
    [row] = frames_of(decoder("UTC"), message(event, data))[event].to_dicts()
    return f"{row['event_time']:%H:%M}" if row["event_time"] != row["received_at"] else "arrival"


def test_a_row_speaks_of_the_moment_that_its_event_names():
    early, late = "2026-07-01 10:00:00", "2026-07-01 11:00:00"
    fixed = {"source_id": 1, "last_update": late, "gps": {"updated": early}}
    assert moment_of("state", fixed) == "10:00"
    assert moment_of("state_batch", [{"source_id": 1, "last_update": late}]) == "11:00"
    assert moment_of("state", {"source_id": 1}) == "arrival"
    counter = {"type": "odometer", "value": 1}
    told = [{"101": {"counters": [counter | {"update_time": early}]}}]
    assert moment_of("readings_batch", told) == "10:00"
    assert moment_of("readings_batch", [{"101": {"counters": [counter]}}]) == "arrival"
    value = {"value": 1, "msg_time": "2026-07-01T10:00:00Z", "srv_time": "2026-07-01T11:00:00Z"}
    device = {"tracker_id": 101, "nonnull_fields": {"speed": [value]}}
    assert moment_of("iot_monitor", {"iot_last_values": [device]}) == "10:00"
    assert moment_of("lifecycle", {"source_id": 9001, "lifecycle_event": "block"}) == "arrival"
    assert moment_of("logout", "session closed") == "arrival"


def test_a_folder_is_named_after_the_start_in_utc():
    before = datetime.now(UTC).replace(microsecond=0)
    with Simulator(1, tick=None) as sim:
        rec = fl.capture(seconds=0.2, server=sim.base_url, api_key=sim.api_key, view=False)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d{6}Z", rec.info.name)
    began = datetime.strptime(rec.info.name, "%Y-%m-%dT%H%M%SZ").replace(tzinfo=UTC)
    assert before <= began <= datetime.now(UTC)
