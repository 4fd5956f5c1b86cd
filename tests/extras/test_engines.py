"""All detectors find the same in Polars, in DuckDB and in Spark, row by row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from math import isclose, isnan
from typing import Any

import duckdb
import polars as pl
import pytest

import fleetlab as fl
from tests.analysis import devices, made

SOUTH = [(40.40, -3.75), (40.40, -3.65), (40.30, -3.65), (40.30, -3.75)]
READINGS = ("fuel_events", "fuel_consumption")
LEAST = {
    "trips": 8, "stops": 8, "idling": 8, "speeding": 4, "status_spans": 60, "silences": 2,
    "mileage": 8, "latency": 4, "clean_positions": 1000, "fuel_events": 2, "fuel_consumption": 6,
    "resample": 1000, "align": 1000, "within": 8, "fleet_summary": 4,
}  # fmt: skip
"""How many rows each finds at least, so that nothing is compared with nothing."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """States and readings of six vehicles on two days, and states with all that goes wrong."""
    where = tmp_path_factory.mktemp("lake")
    fleet = devices.days(7, seed=5, days=1.2, every=30)
    fleet.states.write_parquet(where / "states.parquet")
    fleet.readings.write_parquet(where / "readings.parquet")
    wrong = [
        made.row(t, speed, **{"lat": 51.5 + t * 1e-5, **more})
        for t, speed, more in (
            (0, 0.0, {"snapshot": True, "received_at": made.START + 5}),
            (10, 30.0, {"movement_status": "moving", "ignition": True}),
            (10, 30.0, {"movement_status": "moving", "ignition": True}),
            (20, None, {"connection_status": "active"}),
            (40, 95.0, {"movement_status": "moving", "lat": 0.0}),
            (60, 95.0, {"movement_status": "moving"}),
            (70, float("nan"), {}),
            (500, 0.0, {"connection_status": "offline", "ignition": None}),
            (500, 2.0, {"tracker_id": 2, "label": None, "gps_updated": None}),
            (4000, 50.0, {"tracker_id": 2, "label": "Lkw", "satellites": 2.0}),
        )
    ]
    made.frame(wrong).write_parquet(where / "wrong.parquet")
    return where


def plain(value: Any) -> Any:
    """A value as it compares: moments in whole microseconds."""
    if isinstance(value, datetime):
        moment = value.astimezone(UTC)
        return int(moment.timestamp()) * 1_000_000 + moment.microsecond
    return value


def assert_alike(found: list[tuple[Any, ...]], expected: list[tuple[Any, ...]]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        for here, there in zip(map(plain, one), map(plain, other), strict=True):
            if isinstance(there, float) and here is not None:
                alike = (
                    isnan(here)
                    if isnan(there)
                    else isclose(here, there, rel_tol=1e-9, abs_tol=1e-6)
                )
                assert alike, (one, other)
            else:
                assert here == there, (one, other)


def arguments(name: str, states: Any, readings: Any) -> dict[str, Any]:
    gap = {"started_at": [datetime(2026, 7, 1, 5, tzinfo=UTC)],
           "ended_at": [datetime(2026, 7, 1, 5, 20, tzinfo=UTC)]}  # fmt: skip
    more: dict[str, Any] = {"gaps": pl.DataFrame(gap)}
    if name in READINGS:
        more["states"] = states
    if name == "fleet_summary":
        more["readings"] = readings
    if name == "mileage":
        more["timezone"] = "Europe/Madrid"
    if name in ("trips", "stops", "idling", "speeding", "within"):
        shift = ("06:00", "14:00", "Mon-Fri")
        more |= {"shifts": {"early": shift}, "timezone": "Europe/Madrid"}
    if name == "within":
        more["places"] = {"centre": (40.4168, -3.7038, 3000), "south": SOUTH}
    if name in ("resample", "align"):
        more["every"] = "1m" if name == "resample" else "5m"
    if name == "align":
        more["names"] = ["speed_kmh", "ignition", "movement_status"]
    return more


@pytest.mark.parametrize("name", LEAST)
def test_three_engines_find_the_same(name, folder, spark):
    detector = getattr(fl, name)
    # All detectors at once take long enough once.
    for states in ("states", "wrong")[: 1 if name == "fleet_summary" else 2]:
        paths = [str(folder / f"{one}.parquet") for one in (states, "readings")]

        def run(read: Callable[[str], Any], name: str = name, paths: list[str] = paths) -> Any:
            told, readings = (read(path) for path in paths)
            rows = readings if name in READINGS else told
            return detector(rows, **arguments(name, told, readings))

        expected = run(pl.scan_parquet).collect()
        assert states == "wrong" or expected.height >= LEAST[name]

        found = run(spark.read.parquet)
        assert found.columns == expected.columns
        assert_alike([tuple(row) for row in found.collect()], expected.rows())

        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'Asia/Kathmandu'")
        relation = run(connection.read_parquet)
        assert relation.columns == expected.columns
        shown = [
            f'make_timestamp(epoch_us("{column}"))' if "TIME ZONE" in str(kind) else f'"{column}"'
            for column, kind in zip(relation.columns, relation.types, strict=True)
        ]
        naive = [
            tuple(one.replace(tzinfo=UTC) if isinstance(one, datetime) else one for one in row)
            for row in relation.project(", ".join(shown)).fetchall()
        ]
        assert_alike(naive, expected.rows())


def test_a_day_is_one_of_the_asked_for_zone(folder, spark):
    days = fl.mileage(spark.read.parquet(str(folder / "states.parquet")), timezone="Asia/Tokyo")
    assert {row["date"] for row in days.collect()} == {date(2026, 7, 1), date(2026, 7, 2)}
