"""A recording for others: what nobody may find in it, and what still works."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from math import cos, hypot, radians
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import fleetlab as fl
from fleetlab import sharing
from fleetlab.pseudonyms import _values
from fleetlab.report import write_report
from fleetlab.schemas import EVENTS, FRAMES, TABLES
from fleetlab.sharing import FATES
from fleetlab.simulator import Simulator
from fleetlab.simulator.iot import _DRIVERS
from fleetlab.simulator.wire import driver_key
from tests.charts.recordings import at, recording
from tests.conftest import eventually
from tests.test_cli import run

ROOT = Path(__file__).parent.parent
HOME = (40.0, -3.0)
M_PER_DEG = 111_195.0


@pytest.fixture(scope="module")
def rec(tmp_path_factory) -> fl.Recording:
    """A recording that holds all that a fleet can tell, and more."""
    folder = tmp_path_factory.mktemp("share") / "Depot North"
    with Simulator(vehicles=12, seed=3, oddities=["unknown_fields"]) as sim:
        job = fl.start(
            minutes=5,
            server=sim.base_url,
            api_key=sim.api_key,
            rate_limit="1s",
            save_to=folder,
            events=["state_batch", "readings_batch", fl.IotMonitor(trackers=sim.tracker_ids[:10])],
            view=False,
            note="the lorry of Jiménez",
        )
        moved(job, 40)
        sim.say('{"type":"event","event":"state_batch","data":[{"source_id":"Jiménez"}]}')
        sim.block(sim.tracker_ids[0])
        sim.cut()
        moved(job, 80)
        rec = job.stop()
    rec.annotate(rec.info.started_at, "Jiménez was late")
    return rec


def moved(job: fl.Job, rows: int) -> None:
    eventually(lambda: len(job.recording.state_batch) >= rows, f"{rows} states have come")


@pytest.fixture(scope="module")
def shared(rec, tmp_path_factory) -> fl.Recording:
    return rec.share(tmp_path_factory.mktemp("shared") / "out")


def secrets_of(rec: fl.Recording) -> set[str]:
    """All that names somebody or something in a recording of the simulator."""
    trackers, readings = rec.trackers, rec.readings_batch
    columns = ("tracker_id", "label", "source_id", "device_id", "model", "group_id")
    found = {str(value) for name in columns for value in trackers[name].drop_nulls()}
    found |= {str(value) for value in readings["sensor_id"].drop_nulls()}
    found |= set(readings["sensor_label"].drop_nulls())
    texts = readings.filter(pl.col("value").is_null(), value_type="string")["value_text"]
    found |= set(texts.filter(texts.str.len_chars() > 3))
    found |= {*_DRIVERS, "Movistar", "mileage_class", "Jiménez", "127.0.0.1", "Depot North"}
    found |= {driver_key(n) for n in range(60)} | {str(int(driver_key(n))) for n in range(60)}
    found -= {"idle", "active", "drive"}  # words of the platform, too: idle, active, driver_name
    raw = rec.iot_monitor.filter(pl.col("field").is_in(["iccid", "ble_beacon_id"]))
    found |= set(raw["value_text"].drop_nulls())
    return found


def values(folder: Path) -> Iterator[str]:
    """Every value of every Parquet file of a folder, as text, those in lists too."""
    for file in folder.rglob("*.parquet"):
        frame = pl.read_parquet(file)
        for name in frame.columns:
            column = frame[name]
            if column.dtype == pl.List:
                column = column.drop_nulls().explode().cast(pl.String, strict=False)
            yield from column.drop_nulls().cast(pl.String).unique()


def test_nothing_that_names_anybody_is_anywhere_in_the_folder(rec, shared):
    secrets = secrets_of(rec)
    assert len(secrets) > 150
    folder = Path(shared.info.path)
    found = set(values(folder))
    assert len(found) > 500
    numbers = {secret for secret in secrets if secret.isdecimal()}
    assert found & secrets == set()
    texts = secrets - numbers
    for value in found:
        assert not any(secret in value for secret in texts), value
    for file in folder.rglob("*"):
        data = file.read_bytes() if file.is_file() else b""
        for secret in texts:
            assert len(secret) < 5 or secret.encode() not in data, (file, secret)
    told = (folder / "recording.json").read_text("utf-8")
    for secret in secrets:
        assert not re.search(rf"\b{re.escape(secret)}\b", told), secret
    assert not (folder / "raw").exists()


def test_every_column_is_decided_on():
    assert {name: set(fates) for name, fates in FATES.items()} == {
        name: {column.name for column in columns} for name, columns in FRAMES.items()
    }


def test_the_page_says_of_each_column_what_becomes_of_it():
    rows = re.findall(
        r"^\| `(\w+)`(?:, `(\w+)`)? \|(.*)\|(.*)\|(.*)\|$",
        (ROOT / "docs" / "sharing.md").read_text("utf-8"),
        re.MULTILINE,
    )
    told: dict[str, dict[str, str]] = {}
    for one, other, *cells in rows:
        for name in filter(None, (one, other)):
            told[name] = {
                column: fate
                for fate, cell in zip(("kept", "replaced", "dropped"), cells, strict=True)
                for column in re.findall(r"`(\w+)`", cell)
            }
    common = told.pop("common")
    assert {name: common | told[name] if name in EVENTS else told[name] for name in told} == FATES


def test_a_column_that_nobody_decided_on_is_dropped():
    frame = pl.DataFrame({"seq": [1], "phone": ["+34 600 000 000"]})
    assert sharing._without("logout", frame).to_dicts() == [{"seq": 1, "phone": None}]


def test_what_is_kept_is_kept_row_by_row(rec, shared):
    for event in EVENTS:
        kept = [name for name, fate in FATES[event].items() if fate == "kept"]
        before, after = rec.frame(event).select(kept), shared.frame(event).select(kept)
        order = ["seq", "event_time", *(name for name in ("reading", "field") if name in kept)]
        assert after.select(order).to_dicts() == before.select(order).to_dicts() or sorted(
            map(repr, after.rows())
        ) == sorted(map(repr, before.rows())), event
    for table in ("connection", "gaps", "rejects"):
        kept = [name for name, fate in FATES[table].items() if fate == "kept"]
        assert getattr(shared, table).select(kept).equals(getattr(rec, table).select(kept))
    assert len(rec.gaps) >= 1
    assert len(rec.rejects) >= 1
    assert shared.notes.is_empty()


def test_a_tracker_has_one_new_number_everywhere(rec, shared):
    new: dict[int, int] = {}
    for event in ("state_batch", "readings_batch", "iot_monitor"):
        key = ["seq", "event_time", "lat", "lng"] if event == "state_batch" else ["seq"]
        by_old = rec.frame(event).group_by("tracker_id").agg(pl.struct(key).sort())
        by_new = shared.frame(event).group_by("tracker_id").agg(pl.struct(key).sort())
        if event == "state_batch":
            pairs = by_old.join(by_new, left_on=key[0], right_on=key[0], how="inner")
            new = dict(zip(pairs["tracker_id"], pairs["tracker_id_right"], strict=True))
        assert sorted(map(len, by_old["seq"])) == sorted(map(len, by_new["seq"]))
    states = dict(zip(shared.state_batch["tracker_id"], shared.state_batch["label"], strict=True))
    assert set(new.values()) == set(states)
    assert {number: f"Vehicle {number}" for number in states} == states
    assert sorted(shared.trackers["tracker_id"]) == list(range(1, len(rec.trackers) + 1))


def test_the_order_of_numbers_and_rows_tells_nothing_of_the_ids(rec, tmp_path):
    orders = set()
    for n in range(4):
        shared = rec.share(tmp_path / str(n))
        first = shared.state_batch.filter(seq=shared.state_batch["seq"].min())
        assert first["tracker_id"].is_sorted()
        orders.add(tuple(first["lat"]))
    assert len(orders) > 1


def test_sensors_are_told_apart_as_before(rec, shared):
    for frame in (rec, shared):
        rows = frame.readings_batch.filter(pl.col("kind").is_in(["input", "virtual_sensor"]))
        assert (
            rows["reading"].n_unique()
            == rec.readings_batch.filter(pl.col("kind").is_in(["input", "virtual_sensor"]))[
                "reading"
            ].n_unique()
        )
    sums = shared.readings_batch.drop_nulls("composite_sensor_ids")
    known = set(shared.readings_batch["sensor_id"])
    assert sums["composite_sensor_ids"].explode().is_in(known).all()
    assert len(sums)
    fuel = shared.readings_batch.filter(type="fuel")
    assert fuel["value"].equals(fuel["value"].drop_nulls())
    assert set(fuel["units"]) == {"litre", "%"}


def test_values_that_may_be_somebodys_are_left_out():
    frame = pl.DataFrame(
        [
            ("lls_level_1", 5.9654133, "5.9654133", "string"),
            ("moving", None, "true", "bool"),
            ("can_engine_rpm", 1967.0, "1967", "int"),
            ("fluid_level", 12.5, "12.5", "float"),
            ("obd_vin", None, "VF1FL000064512387", "string"),
            ("driver_id", 7.0, "7", "int"),
            ("sim1", 1.0, "1", "int"),
            ("driver1_worktime", 240.0, "240", "int"),
            ("cardNumber", 4711.0, "4711", "int"),
            ("tag.userId", 12.0, "12", "int"),
            ("VIN", 3.0, "3", "int"),
            ("imei", 3.0, "3", "int"),
            ("user_phone", 600.0, "600", "string"),
            ("odd", 352093080060284.0, "352093080060284", "int"),
            ("note", None, "call Ana", "string"),
            ("hw_key", 4.0, "4", "int"),
        ],
        schema=["field", "value", "value_text", "value_type"],
        orient="row",
    )
    kept = frame.with_columns(_values("field")).filter(pl.col("value_text").is_not_null())
    assert kept["field"].to_list() == ["lls_level_1", "moving", "can_engine_rpm", "fluid_level"]
    assert kept["value_text"].to_list() == ["5.9654133", "true", "1967", "12.5"]


def test_it_is_a_whole_recording_that_says_it_was_shared(rec, shared, tmp_path):
    info = shared.info
    assert "shared without the journal; names, ids and texts replaced" in info.note
    assert (info.name, info.server, info.error, info.remark) == ("out", "not told", None, None)
    assert (info.started_at, info.ended_at) == (rec.info.started_at, rec.info.ended_at)
    assert (info.timezone, info.stopped_because) == (rec.info.timezone, "stop")
    assert [request["type"] for request in info.requests] == [
        request["type"] for request in rec.info.requests
    ]
    assert len(info.requests[2]["trackers"]) == 10
    assert max(info.requests[2]["trackers"]) <= len(rec.trackers)
    assert shared.summary().drop("event").equals(rec.summary().drop("event"))
    for chart in ("speed", "fuel_level", "status", "map", "quality", "overview"):
        assert getattr(shared.plot, chart)()
    assert len(fl.fleet_summary(shared)) == len(fl.fleet_summary(rec))
    assert len(fl.align(shared, ["speed_kmh", "fuel"], every="1s")) > 0
    two = shared.trackers["tracker_id"].head(2).to_list()
    assert write_report(shared, tmp_path / "page.html", trackers=two).stat().st_size > 10_000
    assert fl.scan([info.path], "state_batch").collect().equals(shared.state_batch)
    with pytest.raises(fl.RecordingError, match="journal"):
        fl.rebuild(info.path)


def test_several_recordings_become_one_with_the_same_numbers(tmp_path):
    with Simulator(vehicles=12, seed=3) as sim:
        where: dict[str, Any] = {"server": sim.base_url, "api_key": sim.api_key, "view": False}
        folders = [fl.capture(seconds=0.5, **where).info.path for _ in range(2)]
    shared = fl.load(folders).share(tmp_path / "both")
    assert shared.gaps["reason"].to_list() == ["between_recordings"]
    assert shared.state_batch["recording"].unique().sort().to_list() == ["both-1", "both-2"]
    joined = fl.load(folders).state_batch
    assert shared.state_batch["tracker_id"].n_unique() == joined["tracker_id"].n_unique() == 12
    rates = shared.state_batch.group_by("tracker_id").agg(pl.col("recording").n_unique())
    assert set(rates["recording"]) == {2}


def drive() -> fl.Recording:
    """A vehicle at home for a minute, 3 km to the north at 60 km/h, and parked there; another
    that stands all the time."""
    rows: list[dict[str, Any]] = []
    for second in range(0, 600, 5):
        way = min(max(second - 60, 0) * 60 / 3.6, 3000.0)
        moves = 0 < way < 3000
        rows.append(
            {
                "event_time": at(second),
                "seq": second + 1,
                "lat": HOME[0] + way / M_PER_DEG,
                "lng": HOME[1],
                "speed_kmh": 60.0 if moves else 0.0,
                "heading_deg": 0.0,
                "alt_m": 600.0,
                "movement_status": "moving" if moves else "parked",
                "extra": '{"lat":40.0}',
            }
        )
        stands = {"lat": 41.0, "lng": 2.0, "speed_kmh": 0.0, "movement_status": "stopped"}
        rows.append({"event_time": at(second), "seq": second + 2, "tracker_id": 2, **stands})
    made = recording(state_batch=rows)
    asked = [request | {"trackers": "all"} for request in made.info.requests]
    made.info = replace(made.info, requests=asked)
    return made


def metres(lat: float, lng: float, place: tuple[float, float]) -> float:
    east = (lng - place[1]) * cos(radians(place[0]))
    return hypot(lat - place[0], east) * M_PER_DEG


@pytest.mark.parametrize("pseudonymise", [True, False])
def test_positions_near_the_ends_of_trips_are_gone_and_the_others_there(tmp_path, pseudonymise):
    whole = drive()
    cut = whole.share(tmp_path / "out", cut_ends_m=300, pseudonymise=pseudonymise)
    assert "300 m" in cut.info.note
    before, after = whole.state_batch, cut.state_batch
    assert len(after) == len(before)
    there = (HOME[0] + 3000 / M_PER_DEG, HOME[1])
    seen = after.drop_nulls("lat")
    assert len(seen) > 20
    for lat, lng in seen.select("lat", "lng").iter_rows():
        assert min(metres(lat, lng, HOME), metres(lat, lng, there)) > 300
    expected = [
        lat
        for lat, lng in before.filter(tracker_id=1).select("lat", "lng").iter_rows()
        if min(metres(lat, lng, HOME), metres(lat, lng, there)) > 400
    ]
    assert set(expected) <= set(seen["lat"])
    hidden = after.filter(pl.col("lat").is_null())
    for column in ("lng", "heading_deg", "alt_m", "extra"):
        assert hidden[column].null_count() == len(hidden)
    assert 41.0 not in set(after["lat"]), "one that only stood is at home"
    assert after["speed_kmh"].sum() == before["speed_kmh"].sum()
    [trip] = fl.trips(cut).to_dicts()
    [told] = fl.trips(whole).to_dicts()
    assert trip["started_at"] == told["started_at"]
    assert trip["start_lat"] is None or metres(trip["start_lat"], HOME[1], HOME) > 300


def test_device_attributes_are_left_out_where_ends_are_cut(rec, tmp_path):
    cut = rec.share(tmp_path / "out", cut_ends_m=300)
    assert not rec.iot_monitor.is_empty()
    assert cut.iot_monitor.is_empty()
    first = cut.state_batch.unique("tracker_id", keep="first", maintain_order=True)
    assert len(first) == 12
    assert first["lat"].null_count() == 12


def test_without_pseudonyms_it_is_the_same_without_the_journal(rec, tmp_path):
    shared = rec.share(tmp_path / "named", pseudonymise=False)
    for event in EVENTS:
        assert shared.frame(event).equals(rec.frame(event)), event
    for table in set(TABLES) - {"rejects"}:
        assert getattr(shared, table).equals(getattr(rec, table)), table
    assert set(shared.rejects["raw"]) == {""}
    assert shared.info.note == "the lorry of Jiménez; shared without the journal"
    assert not (tmp_path / "named" / "raw").exists()


def test_raw_is_a_whole_copy(rec, tmp_path):
    shared = rec.share(tmp_path / "raw", pseudonymise=False, raw=True)
    assert repr(fl.rebuild(shared.info.path)) == repr(shared)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"raw": True}, "pseudonymise=False"),
        ({"raw": True, "pseudonymise": False, "cut_ends_m": 300}, "cut nothing"),
        ({"cut_ends_m": -1}, "cut_ends_m=-1"),
        ({"cut_ends_m": "300"}, "cut_ends_m='300'"),
        ({"pseudonymise": "yes"}, "pseudonymise must be"),
    ],
)
def test_arguments_that_contradict_are_refused_and_nothing_is_written(
    rec, tmp_path, arguments, words
):
    with pytest.raises(fl.InvalidArgument, match=words):
        rec.share(tmp_path / "out", **arguments)
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten(rec, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    with pytest.raises(fl.RecordingError, match="not empty"):
        rec.share(tmp_path / "out")
    with pytest.raises(fl.RecordingError, match="not empty"):
        rec.share(rec.info.path)
    assert (tmp_path / "out" / "mine").read_text() == "mine"


def test_one_that_still_runs_is_refused(tmp_path):
    job = fl.start(minutes=1, server="demo", save_to=False)
    with pytest.raises(fl.RecordingError, match="still runs"):
        job.recording.share(tmp_path / "out")
    job.stop()


def test_half_a_copy_is_taken_away(rec, tmp_path, monkeypatch):
    monkeypatch.setattr(sharing, "_without", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        rec.share(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_shares_one_or_several(command, rec):
    code, out, err = run("share", rec.info.path, "one", "--cut-ends-m", "300")
    assert (code, err) == (0, "")
    assert repr(fl.load("one")) in out
    code, _, err = run("share", rec.info.path, "two", "--names")
    assert (code, err) == (0, "")
    assert fl.load("two").trackers.equals(rec.trackers)
    for arguments, expected, word in (
        (["share", rec.info.path], 2, "new folder"),
        (["share", rec.info.path, "one"], 1, "not empty"),
        (["share", rec.info.path, "three", "--raw"], 2, "--names --raw"),
        (["share", "nowhere", "three"], 1, "nowhere"),
    ):
        code, out, err = command(*arguments)
        assert (code, out) == (expected, "")
        [line] = err.splitlines()
        assert word in line


def test_recordings_of_an_own_order_stay_so(rec, shared):
    seqs = shared.state_batch["seq"].to_list()
    assert all(before <= after for before, after in pairwise(seqs))
    assert seqs == rec.state_batch["seq"].to_list()
