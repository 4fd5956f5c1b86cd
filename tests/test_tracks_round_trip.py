"""Tracks as they were written, and what detectors and charts make of them."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fleetlab as fl
from fleetlab.schemas import schema
from tests.test_tracks import NINE, gpx, point, second, written

DETECTORS = (
    "trips", "stops", "idling", "speeding", "status_spans", "silences", "mileage", "latency",
    "clean_positions",
)  # fmt: skip


@st.composite
def tracks(draw: st.DrawFn) -> list[tuple]:
    """Points of a drive, at any places and in any order of time."""
    zones = st.integers(-14 * 60, 14 * 60).map(lambda n: timezone(timedelta(minutes=n)))
    first, last = datetime(1990, 1, 1), datetime(2090, 1, 1)
    times = st.datetimes(first, last, timezones=zones)
    real = st.floats(allow_nan=False, allow_infinity=False, width=64)
    speeds = st.floats(0, 100)
    return draw(
        st.lists(
            st.tuples(
                times, st.floats(-90, 90), st.floats(-180, 180), real | st.none(),
                speeds | st.none(),
            ),
            min_size=1,
            max_size=20,
        )
    )  # fmt: skip


quick = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(rows=tracks(), kind=st.sampled_from(["gpx", "csv"]))
@settings(quick, max_examples=40)
def test_what_was_written_is_read_again(tmp_path, rows, kind):
    found = read(tmp_path, rows, kind)
    assert found.schema == schema("state_batch")
    assert found["event_time"].to_list() == [row[0] for row in rows]
    assert found.select("lat", "lng", "alt_m").rows() == [row[1:4] for row in rows]
    for got, row in zip(found["speed_kmh"], rows, strict=True):
        if row[4] is not None:
            assert got == pytest.approx(row[4] * 3.6)
        assert got is None or (got >= 0 and math.isfinite(got))


@given(rows=tracks())
@settings(quick, max_examples=10)
def test_every_detector_takes_what_was_read(tmp_path, rows):
    found = read(tmp_path, rows, "gpx")
    for name in DETECTORS:
        assert isinstance(getattr(fl, name)(found), pl.DataFrame)


def read(folder, rows, kind) -> pl.DataFrame:
    """Write a track and read it."""
    if kind == "gpx":
        text = gpx(
            [
                point(
                    lat,
                    lng,
                    time.isoformat(),
                    ("" if alt is None else f"<ele>{alt}</ele>")
                    + ("" if speed is None else f"<speed>{speed}</speed>"),
                )
                for time, lat, lng, alt, speed in rows
            ]
        )
    else:
        text = "event_time,lat,lng,alt_m,speed_kmh\n" + "".join(
            f"{time.isoformat()},{lat},{lng},{'' if alt is None else alt},"
            f"{'' if speed is None else speed}\n"
            for time, lat, lng, alt, speed in rows
        )
    return fl.read_track(written(folder, text, f"track.{kind}"), speed_unit="m/s")


def test_a_drive_is_found_and_drawn(tmp_path):
    stands = [point(51.5, 10.0, second(20 * n)) for n in range(20)]
    drives = [point(51.5, 10 + 0.0016 * n, second(400 + 10 * n)) for n in range(60)]
    stays = [point(51.5, 10 + 0.0016 * 59, second(1000 + 20 * n)) for n in range(21)]
    found = fl.read_track(written(tmp_path, gpx(stands + drives + stays)))
    [trip] = fl.trips(found).to_dicts()
    assert trip["started_at"] == NINE + timedelta(seconds=410)
    assert trip["ended_at"] == NINE + timedelta(seconds=1000)
    assert (trip["censored_start"], trip["censored_end"]) == (False, False)
    assert fl.stops(found).height == 2
    for name in ("speed", "map", "status"):
        chart = getattr(fl.charts, name)(found).to_dict()
        rows = [row for data in chart["datasets"].values() for row in data]
        assert {row["line"] for row in rows if "line" in row} == {"track"}
