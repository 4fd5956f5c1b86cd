"""What was known at regular moments, and side by side."""

from __future__ import annotations

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings

import fleetlab as fl
from fleetlab.errors import InvalidArgument
from tests.analysis import made, reference
from tests.analysis.test_fuel import alive, frame, level, levels, queue
from tests.charts.recordings import at, recording

COLUMNS = ("speed_kmh", "ignition", "movement_status")
quick = settings(
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@settings(quick, max_examples=60)
@given(world=made.worlds())
def test_at_each_moment_the_last_row_until_then_counts(world):
    found = fl.resample(made.frame(world.rows), 60, columns=COLUMNS, **made.known(world))
    expected = reference.resample(world, 60, COLUMNS)
    made.assert_same(found.to_dicts(), expected)


@settings(quick, max_examples=8)
@given(world=made.worlds())
def test_duckdb_knows_the_same(world):
    rows = made.frame(world.rows)
    expected = fl.resample(rows, "5m", columns=COLUMNS, **made.known(world))
    found = fl.resample(duckdb_of(rows), "5m", columns=COLUMNS, **made.known(world))
    same = pl.DataFrame(found.fetchall(), expected.schema, orient="row")
    seconds = pl.col(pl.Datetime).dt.epoch("us") / 1e6
    made.assert_same(same.to_dicts(), expected.with_columns(seconds).to_dicts())


def duckdb_of(rows: pl.DataFrame) -> duckdb.DuckDBPyRelation:
    rows.write_parquet("rows.parquet")
    return duckdb.connect().read_parquet("rows.parquet")


def minutes(found: pl.DataFrame, *names: str) -> list[tuple]:
    since = (pl.col("event_time") - at(0)).dt.total_seconds()
    return found.select(since, *names).rows()


def test_a_value_holds_as_long_as_it_may_and_not_in_a_gap():
    rec = recording(
        state_batch=[*alive(0, speed_kmh=50.0), *alive(400, speed_kmh=70.0)],
        gaps=[(200, 300, "disconnected")],
    )
    known = fl.resample(rec, "100s", columns=["speed_kmh"])
    assert minutes(known, "speed_kmh", "age_s") == [
        (0, 50.0, 0.0), (100, 50.0, 100.0), (200, None, None), (300, None, None), (400, 70.0, 0.0),
        (500, 70.0, 100.0), (600, 70.0, 200.0),
    ]  # fmt: skip
    young = fl.resample(rec, "100s", columns=["speed_kmh"], max_age_s=100)
    assert young["speed_kmh"].to_list()[-2:] == [70.0, None]


def test_readings_and_attributes_have_a_line_each():
    rows = frame(levels((0, 40.0), (90, 41.0)) + levels((30, 7.0), sensor_id=8))
    known = fl.resample(rows, "1m")
    assert minutes(known, "reading", "value") == [(0, "input:7", 40.0), (60, "input:7", 40.0)]
    rows = frame(queue((0, 1.0), (120, 2.0), field="rpm"), "iot_monitor")
    assert minutes(fl.resample(rows, 60), "field", "value", "age_s")[-1] == (120, "rpm", 2.0, 0.0)


def test_states_readings_and_attributes_stand_side_by_side():
    rec = recording(
        state_batch=[*alive(0, speed_kmh=50.0, ignition=True), *alive(30, speed_kmh=None)],
        readings_batch=[
            *levels((10, 40.0), (30, None)),
            *levels((15, 60.0), sensor_id=8, sensor_label="", name="lls_level_2"),
            level(5, None, type="state", sensor_id=9, sensor_label="Doors", value_text="Open"),
        ],
        iot_monitor=[
            *queue((20, 900.0), field="can_rpm"),
            *queue((20, 1.0), (30, 2.0), field="can_rpm", queue="all"),
        ],
        minutes=1,
    )
    names = ["speed_kmh", "fuel", "Doors", "can_rpm", "ignition"]
    known = fl.align(rec, names, every="20s")
    assert known.schema == {
        "tracker_id": pl.Int64, "label": pl.String, "event_time": made.TIME,
        "speed_kmh": pl.Float64, "fuel: Tank 1": pl.Float64, "fuel: lls_level_2": pl.Float64,
        "Doors": pl.String, "can_rpm": pl.Float64, "ignition": pl.Boolean,
    }  # fmt: skip
    assert minutes(known, *known.columns[3:]) == [
        (0, 50.0, None, None, None, None, True),
        (20, 50.0, 40.0, 60.0, "Open", 900.0, True),
        (40, 50.0, 40.0, 60.0, "Open", 900.0, True),
        (60, 50.0, 40.0, 60.0, "Open", 900.0, True),
    ]
    aged = fl.align(rec, ["Tank 1", "speed_kmh"], every="20s", ages=True, max_age_s=20)
    assert minutes(aged, "Tank 1", "Tank 1_age_s", "speed_kmh", "speed_kmh_age_s") == [
        (0, None, None, 50.0, 0.0),
        (20, 40.0, 10.0, 50.0, 20.0),
        (40, None, None, None, None),
        (60, None, None, None, None),
    ]


def test_frames_are_aligned_like_a_recording_and_stay_of_their_kind():
    states, readings = frame(alive(0, 60, speed_kmh=3.0), "state_batch"), frame(levels((0, 4.0)))
    eager = fl.align(states, ["speed_kmh", "fuel"], every="30s", readings=readings)
    assert eager["fuel: Tank 1"].to_list() == [4.0, None, None]
    other = fl.align(readings, "fuel", every="30s", observed=(at(0), at(60)))
    assert other["fuel: Tank 1"].to_list() == [4.0, 4.0, 4.0]
    lazy = fl.align(states.lazy(), ["speed_kmh", "fuel"], every="30s", readings=readings.lazy())
    assert isinstance(lazy, pl.LazyFrame)
    assert lazy.collect().equals(eager)


def test_align_on_duckdb_is_the_same():
    states, readings = (
        frame(alive(0, 60, speed_kmh=3.0, ignition=True), "state_batch"),
        frame(levels((0, 4.0), (70, 5.0))),
    )
    expected = fl.align(states, ["speed_kmh", "fuel", "ignition"], readings=readings, ages=True)
    connection = duckdb.connect()
    states.write_parquet("states.parquet")
    readings.write_parquet("readings.parquet")
    found = fl.align(
        connection.read_parquet("states.parquet"),
        ["speed_kmh", "fuel", "ignition"],
        readings=connection.read_parquet("readings.parquet"),
        ages=True,
    )
    assert found.columns == expected.columns
    assert pl.DataFrame(found.fetchall(), expected.schema, orient="row").equals(expected)
    assert expected.height == 8


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"every": "soon"}, "every='soon' is no period"),
        ({"every": 0}, "every=0 doesn't fit"),
        ({"max_age_s": -1}, "max_age_s=-1"),
        ({"names": []}, "names= is empty"),
        ({"names": "sped"}, "nothing called 'sped'; there are speed_kmh"),
    ],
)
def test_what_can_t_be_aligned_is_told(arguments, words):
    rows = frame(alive(0), "state_batch")
    with pytest.raises(InvalidArgument, match=words):
        fl.align(rows, **{"names": "speed_kmh", **arguments})
    if "names" not in arguments:
        with pytest.raises(InvalidArgument, match=words):
            fl.resample(rows, **arguments)


def test_columns_that_aren_t_there_are_named():
    with pytest.raises(InvalidArgument, match=r"there is no sped; there are .*speed_kmh"):
        fl.resample(frame(alive(0), "state_batch"), columns=["sped"])
