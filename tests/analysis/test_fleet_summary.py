"""One row a tracker, made of what the detectors find."""

from __future__ import annotations

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import fleetlab as fl
from fleetlab.errors import InvalidArgument
from tests.analysis import devices
from tests.analysis.test_fuel import alive, frame, level, levels
from tests.charts.recordings import at, recording

SHIFTS = {"day": ("06:00", "18:00", "Mon-Fri")}


@pytest.fixture(scope="module")
def day():
    return devices.days(8, seed=5, days=1)


def test_it_is_the_sum_of_what_the_detectors_find(day):
    found = fl.fleet_summary(
        day.states, readings=day.readings, timezone="Europe/Madrid", shifts=SHIFTS
    )
    trips = fl.trips(day.states, timezone="Europe/Madrid", shifts=SHIFTS)
    outside = trips.filter(pl.col("shift").is_null())
    idle = fl.idling(day.states, min_duration_s=60)
    fuel = fl.fuel_consumption(day.readings, states=day.states)
    silent = fl.silences(day.states)
    assert found.height >= 6
    for one in found.iter_rows(named=True):
        own = pl.col("tracker_id") == one["tracker_id"]
        assert one["distance_m"] == pytest.approx(trips.filter(own)["distance_m"].sum())
        assert one["n_trips"] == trips.filter(own).height
        assert one["max_speed_kmh"] == trips.filter(own)["max_speed_kmh"].max()
        assert one["idling_s"] == pytest.approx(idle.filter(own)["duration_s"].sum())
        assert one["idling_l"] == pytest.approx(one["idling_s"] / 3600)
        assert one["consumed"] == pytest.approx(fuel.filter(own)["consumed"].sum())
        assert one["filled"] == pytest.approx(fuel.filter(own)["filled"].sum())
        assert one["n_silences"] == silent.filter(own).height
        assert one["silent_s"] == pytest.approx(silent.filter(own)["duration_s"].sum())
        assert one["off_shift_trips"] == outside.filter(own).height
        assert one["off_shift_m"] == pytest.approx(outside.filter(own)["distance_m"].sum())
        if one["distance_m"] > 1000:
            assert one["per_100_km"] == pytest.approx(one["consumed"] / one["distance_m"] * 1e5)
    assert found["off_shift_trips"].sum() > 0
    assert "off_shift_m" not in fl.fleet_summary(day.states).columns


def drive(tracker: int = 1):
    moves = {
        "movement_status": "moving",
        "speed_kmh": 60.0,
        "ignition": True,
        "tracker_id": tracker,
    }
    return [row for t in range(0, 600, 10) for row in alive(t, lng=-3 + t * 2e-4, **moves)]


def test_an_odometer_that_was_read_twice_tells_the_distance():
    odometer = [
        {"event_time": at(t), "kind": "counter", "reading": "counter:odometer", "name": "odometer",
         "value": km, "tracker_id": who}
        for who, told in ((1, ((0, 100.0), (300, 105.0), (590, 112.5))), (2, ((0, 50.0),)))
        for t, km in told
    ]  # fmt: skip
    rec = recording(
        state_batch=drive() + drive(2), readings_batch=odometer + levels((0, 80.0), (400, 79.0))
    )
    first, second = fl.fleet_summary(rec).to_dicts()
    assert (first["distance_m"], first["distance_by"]) == (12_500.0, "odometer")
    assert first["per_100_km"] == pytest.approx(1.0 / 12_500 * 1e5)
    assert second["distance_by"] == "positions"
    assert second["distance_m"] == pytest.approx(10_050, rel=0.01)
    assert second["fuel_units"] is None
    assert second["consumed"] is None


def test_tanks_of_different_units_have_no_sum():
    rows = [
        level(0, 80.0),
        level(590, 70.0),
        level(0, 50.0, sensor_id=8, units="%"),
        level(590, 49.0, sensor_id=8, units="%"),
    ]
    (one,) = fl.fleet_summary(frame(drive(), "state_batch"), readings=frame(rows)).to_dicts()
    assert (one["fuel_units"], one["consumed"], one["per_100_km"]) == (None, None, None)


def test_what_idling_burns_is_told_by_tracker():
    stands = {"movement_status": "stopped", "speed_kmh": 0.0, "ignition": True}
    rows = [row for who in (1, 2) for row in alive(*range(0, 3601, 60), tracker_id=who, **stands)]
    found = fl.fleet_summary(frame(rows, "state_batch"), idling_l_per_h={1: 2.5})
    assert found.select("idling_s", "idling_l").rows() == [(3600.0, 2.5), (3600.0, None)]


def test_duckdb_sums_the_same(day, tmp_path):
    expected = fl.fleet_summary(day.states, readings=day.readings)
    for name in ("states", "readings"):
        getattr(day, name).write_parquet(tmp_path / f"{name}.parquet")
    connection = duckdb.connect()
    states, readings = (
        connection.read_parquet(str(tmp_path / f"{name}.parquet"))
        for name in ("states", "readings")
    )
    found = fl.fleet_summary(states, readings=readings)
    assert found.columns == expected.columns
    same = pl.DataFrame(found.fetchall(), expected.schema, orient="row")
    assert_frame_equal(same, expected)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"idling_l_per_h": -1}, "idling_l_per_h=-1"),
        ({"idling_l_per_h": {7: "x"}}, r"idling_l_per_h\[7\]='x'"),
        ({"min_idling_s": -1}, "min_idling_s=-1"),
    ],
)
def test_a_wrong_argument_is_named(arguments, words):
    with pytest.raises(InvalidArgument, match=words):
        fl.fleet_summary(frame(drive(), "state_batch"), **arguments)
