"""What detectors take, what they give, and what they refuse."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import duckdb
import polars as pl
import pytest

import fleetlab as fl
from fleetlab.errors import InvalidArgument
from tests.analysis import test_fuel as fuel
from tests.analysis.made import TIME, frame, row
from tests.charts import recordings
from tests.charts.recordings import recording

HEAD = {"tracker_id": pl.Int64, "label": pl.String, "started_at": TIME, "ended_at": TIME,
        "duration_s": pl.Float64}  # fmt: skip
CENSORED = {"censored_start": pl.Boolean, "censored_end": pl.Boolean}
PLACE = {"lat": pl.Float64, "lng": pl.Float64}
REAL, COUNT, TEXT = pl.Float64, pl.Int64, pl.String
DELAYS = ("median", "p95", "max")
RESULTS = {
    "trips": {"distance_m": REAL, "avg_speed_kmh": REAL, "max_speed_kmh": REAL, "start_lat": REAL,
              "start_lng": REAL, "end_lat": REAL, "end_lng": REAL, "n_points": COUNT, **CENSORED},
    "stops": {**PLACE, "ignition_on_s": REAL, "n_points": COUNT, **CENSORED},
    "idling": {**PLACE, "n_points": COUNT, **CENSORED},
    "speeding": {"limit_kmh": REAL, "max_speed_kmh": REAL, "distance_m": REAL, **PLACE,
                 "n_points": COUNT, **CENSORED},
    "status_spans": {"what": TEXT, "value": TEXT, "n_points": COUNT, **CENSORED},
    "silences": {"last_lat": REAL, "last_lng": REAL, "last_status": TEXT,
                 "censored_end": pl.Boolean},
    "mileage": {"date": pl.Date, "distance_m": REAL, "moving_s": REAL, "n_trips": COUNT,
                "odometer_km": REAL},
    "fuel_events": {"kind": TEXT, "sensor_id": COUNT, "sensor": TEXT, "units": TEXT, "volume": REAL,
                    "level_before": REAL, "level_after": REAL, **PLACE, "n_points": COUNT},
    "fuel_consumption": {"sensor_id": COUNT, "sensor": TEXT, "units": TEXT,
                         **dict.fromkeys(("level_start", "level_end", "filled", "drained",
                                          "consumed", "distance_m", "per_100_km"), REAL)},
    "latency": {"n": COUNT, **{f"device_to_platform_{one}": REAL for one in DELAYS},
                **{f"platform_to_here_{one}": REAL for one in DELAYS}},
}  # fmt: skip
OTHERS = ("align", "clean_positions", "compare_trips", "fleet_summary", "resample", "within")
OF_FUEL = ("fuel_events", "fuel_consumption")
every = pytest.mark.parametrize("name", RESULTS)


def rows_for(name: str, *, none: bool = False) -> pl.DataFrame:
    """Rows of the event that a detector looks at."""
    if name in OF_FUEL:
        told = fuel.levels((0, 40.0), (600, 90.0), (4000, 89.0), (4400, 88.0))
        return fuel.frame([] if none else told)
    return frame([] if none else drive(ignition=True))


def drive(start: int = 0, minutes: int = 10, *, lng: float = 10.0, **more):
    """A row each 10 s at some 36 km/h, standing for 400 s before and after."""
    rows = [row(start + s, 0.0, lng=lng, **more) for s in range(0, 400, 20)]
    steps = minutes * 6
    rows += [row(start + 400 + 10 * n, 40.0, lng=lng + n * 0.0016, **more) for n in range(steps)]
    there = start + 400 + 10 * steps
    end = lng + steps * 0.0016
    return rows + [row(there + s, 0.0, lng=end, **more) for s in range(0, 420, 20)]


@every
def test_a_result_has_its_columns_in_order_and_their_types_even_when_empty(name):
    expected = {**HEAD, **RESULTS[name]}
    for none in (False, True):
        found = getattr(fl, name)(rows_for(name, none=none))
        assert dict(found.schema) == expected
        assert list(found.columns) == list(expected)
        assert found.is_empty() or not none


@every
def test_what_comes_out_is_of_the_kind_that_went_in(name, tmp_path):
    detector, eager = getattr(fl, name), rows_for(name)
    assert isinstance(detector(eager), pl.DataFrame)
    lazy = detector(eager.lazy())
    assert isinstance(lazy, pl.LazyFrame)
    assert lazy.collect().equals(detector(eager))
    eager.write_parquet(tmp_path / "states.parquet")
    relation = detector(duckdb.read_parquet(str(tmp_path / "states.parquet")))
    assert isinstance(relation, duckdb.DuckDBPyRelation)
    assert len(relation.fetchall()) == detector(eager).height


def test_neither_zone_nor_locale_of_the_computer_changes_a_result(tmp_path):
    for name in RESULTS:
        rows_for(name).write_parquet(tmp_path / f"{name}.parquet")
    code = (
        "import polars as pl, duckdb, fleetlab as fl\n"
        f"for name in {list(RESULTS)}:\n"
        "    print(getattr(fl, name)(pl.read_parquet(f'{name}.parquet')).to_dicts())\n"
        "    made = getattr(fl, name)(duckdb.read_parquet(f'{name}.parquet'))\n"
        "    kinds = zip(made.columns, map(str, made.types))\n"
        "    shown = [f'epoch_us({n})' if 'TIME ZONE' in kind else n for n, kind in kinds]\n"
        "    print(made.project(', '.join(shown)).fetchall())\n"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "TZ": zone, "LC_ALL": locale},
        ).stdout
        for zone, locale in (("UTC", "C.UTF-8"), ("Asia/Kathmandu", "tr_TR.UTF-8"))
    ]
    assert said[0] == said[1]
    assert said[0].count("datetime.datetime") >= len(RESULTS)


def test_a_column_that_a_frame_lacks_counts_as_null():
    full = frame(drive())
    lacking = full.select("event_time", "speed_kmh", "lat", "lng")
    for name in ("trips", "stops", "speeding"):
        one, other = getattr(fl, name)(full), getattr(fl, name)(lacking)
        same = [column for column in one.columns if column not in ("tracker_id", "label")]
        assert one.select(same).equals(other.select(same))
        assert other["tracker_id"].null_count() == other.height
    assert fl.idling(lacking).is_empty()
    assert fl.mileage(lacking)["distance_m"].sum() > 1000


def test_a_recording_a_folder_and_several_are_read(tmp_path):
    rec = fl.capture(seconds=2, server="demo", rate_limit="1s", view=False, save_to=tmp_path / "a")
    spans = fl.status_spans(rec)
    assert spans.height > 10
    assert fl.status_spans(tmp_path / "a").equals(spans)
    assert fl.status_spans(str(tmp_path / "a")).equals(spans)
    assert fl.status_spans([tmp_path / "a"]).equals(spans)
    assert isinstance(fl.status_spans(fl.scan(tmp_path / "*", "state_batch")), pl.LazyFrame)
    for name in RESULTS:
        assert isinstance(getattr(fl, name)(rec), pl.DataFrame)


def test_of_state_and_state_batch_the_batch_counts():
    batch = [{"event_time": recordings.at(5), "connection_status": "active"}]
    single = [{"event_time": recordings.at(5), "connection_status": "idle"}]
    both = recording(state_batch=batch, state=single)
    assert fl.status_spans(both)["value"].to_list() == ["active"]
    assert fl.status_spans(recording(state=single))["value"].to_list() == ["idle"]


def test_other_states_can_be_laid_beside_a_recording_of_readings():
    rec = recording(
        readings_batch=[{"event_time": recordings.at(5), "reading": "counter:odometer"}]
    )
    assert fl.trips(rec).is_empty()
    assert fl.trips(rec, states=frame(drive())).height == 1


def test_of_a_recording_that_runs_what_holds_is_known_until_the_last_row():
    rows = [{"event_time": recordings.at(s), "ignition": True} for s in (0, 300)]
    rec = recording(state_batch=rows)
    rec.info = replace(rec.info, ended_at=None, stopped_because=None)
    assert fl.status_spans(rec)["duration_s"].to_list() == [300.0]


def test_gaps_of_other_events_and_other_trackers_cut_nothing():
    rows = [{"event_time": recordings.at(0), "ignition": True}]
    rec = recording(state_batch=rows, overruns=[(300, 1)])
    assert rec.gaps.height == 1
    assert fl.status_spans(rec)["duration_s"].to_list() == [600.0]
    gap = pl.DataFrame({"started_at": [recordings.at(100)], "ended_at": [recordings.at(200)]})
    for who, seconds in ((2, 600.0), (1, 100.0)):
        spans = fl.status_spans(rec, gaps=gap.with_columns(tracker_id=pl.lit(who)))
        assert spans["duration_s"].to_list() == [seconds]


def test_thresholds_travel_along_where_asked_for():
    found = fl.trips(frame(drive()), min_distance_m=500, explain=True)
    assert found["min_distance_m"].to_list() == [500.0]
    assert found["max_gap_s"].to_list() == [1200.0]
    plain = fl.trips(frame(drive()), min_distance_m=500)
    assert found.columns[: len(plain.columns)] == plain.columns
    for name in RESULTS:
        shown = getattr(fl, name)(rows_for(name), explain=True)
        assert shown.columns[:5] == list(HEAD)
        more = shown.columns[len(HEAD) + len(RESULTS[name]) :]
        assert more or name in ("status_spans", "latency")


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("trips", {"min_speed_kmh": -1}, "min_speed_kmh=-1 .* 0 to 200 km/h"),
        ("trips", {"max_gap_s": float("nan")}, "max_gap_s=nan"),
        ("stops", {"min_duration_s": 30}, "from 60 to 86,400 s"),
        ("stops", {"by": "magic"}, "'magic' is unknown; choose from speed, ignition, motion"),
        ("speeding", {"limit_kmh": "90"}, "limit_kmh"),
        ("speeding", {"limit_kmh": {1: -5}}, r"limit_kmh\[1\]=-5"),
        ("idling", {"min_duration_s": None}, "min_duration_s=None"),
        ("mileage", {"timezone": "Mars/Olympus"}, "'Mars/Olympus' is no IANA name"),
        ("trips", {"observed": ("2026-07-01", "2026-07-02")}, "two moments with their zone"),
        ("trips", {"gaps": pl.DataFrame({"a": [1]})}, "started_at and ended_at"),
        ("clean_positions", {"max_jump_kmh": 0}, "max_jump_kmh=0"),
    ],
)
def test_a_wrong_argument_is_named_with_what_would_fit(name, arguments, words):
    with pytest.raises(InvalidArgument, match=words):
        getattr(fl, name)(frame(drive()), **arguments)


@pytest.mark.parametrize("data", [None, 5, {"a": 1}, [1, 2]])
def test_what_is_no_data_is_refused(data):
    with pytest.raises(InvalidArgument, match="Detectors take a Recording"):
        fl.trips(data)


def test_a_frame_without_times_is_refused():
    with pytest.raises(InvalidArgument, match="no column event_time or received_at; it has a"):
        fl.trips(pl.DataFrame({"a": [1]}))
    with pytest.raises(InvalidArgument, match="event_time has to be of moments"):
        fl.trips(pl.DataFrame({"event_time": ["2026"]}))


def test_times_of_any_precision_and_without_a_zone_are_utc():
    full = frame(drive())
    expected = fl.trips(full)
    for unit in ("ms", "ns"):
        assert fl.trips(full.cast({"event_time": pl.Datetime(unit, "UTC")})).equals(expected)
    naive = full.with_columns(pl.col("event_time").dt.replace_time_zone(None))
    assert fl.trips(naive).equals(expected)


def test_the_names_are_there_before_the_package_is_loaded():
    code = (
        "import sys, fleetlab as fl\n"
        "assert 'narwhals' not in sys.modules and 'fleetlab.analysis' not in sys.modules\n"
        "assert fl.trips is fl.analysis.trips\n"
        "assert all(hasattr(fl, name) for name in fl.__all__)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert set(fl.analysis.__all__) == {*RESULTS, *OTHERS}
    assert set(fl.analysis.__all__) <= set(fl.__all__)
