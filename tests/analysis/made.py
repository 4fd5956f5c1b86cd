"""Rows that hypothesis makes, as worlds of the reference and as frames."""

from __future__ import annotations

from datetime import UTC, datetime
from math import isclose
from typing import Any

import polars as pl
from hypothesis import strategies as st

from tests.analysis.reference import Row, World

START = 1_782_949_200  # 2026-07-01 23:40 UTC, so that midnight is near
TIME = pl.Datetime("us", "UTC")
TIMES = ("event_time", "received_at", "server_time", "gps_updated")
SCHEMA = {
    "recording": pl.String,
    "seq": pl.Int64,
    "received_at": TIME,
    "server_time": TIME,
    "event_time": TIME,
    "snapshot": pl.Boolean,
    "tracker_id": pl.Int64,
    "label": pl.String,
    "gps_updated": TIME,
    "lat": pl.Float64,
    "lng": pl.Float64,
    "speed_kmh": pl.Float64,
    "satellites": pl.Float64,
    "gsm_lbs": pl.Boolean,
    "movement_status": pl.String,
    "ignition": pl.Boolean,
    "connection_status": pl.String,
}
BLANK: Row = dict.fromkeys(SCHEMA)
PLACES = ((0.5, 179.9985), (-0.4, 10.0), (89.995, -170.0), (-89.999, 30.0), (51.5, -0.2))


def row(t: int, speed: float | None = 0.0, **more: Any) -> Row:
    """A row of tracker 1, `t` seconds after START, as it came then."""
    moment = START + t
    return {
        **BLANK,
        "recording": "made",
        "event_time": moment,
        "received_at": moment,
        "server_time": moment,
        "gps_updated": moment,
        "snapshot": False,
        "tracker_id": 1,
        "label": f"Truck {more.get('tracker_id', 1)}",
        "lat": 51.5,
        "lng": 10.0,
        "speed_kmh": speed,
        **more,
    }


def micros(seconds: int | None) -> int | None:
    return None if seconds is None else seconds * 1_000_000


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def frame(rows: list[Row]) -> pl.DataFrame:
    columns = {
        name: [micros(one[name]) if name in TIMES else one[name] for one in rows] for name in SCHEMA
    }
    plain = {name: pl.Int64 if name in TIMES else dtype for name, dtype in SCHEMA.items()}
    return pl.DataFrame(columns, schema=plain).cast(SCHEMA)


def gaps_of(world: World) -> pl.DataFrame:
    rows = [(micros(a), micros(b), who) for who, a, b in world.gaps]
    schema = {"started_at": pl.Int64, "ended_at": pl.Int64, "tracker_id": pl.Int64}
    made = pl.DataFrame(rows, schema=schema, orient="row")
    return made.cast({"started_at": TIME, "ended_at": TIME})


def known(world: World) -> dict[str, Any]:
    """What goes with a world's rows."""
    bounds = world.observed
    return {
        "gaps": gaps_of(world),
        "observed": None if bounds is None else (moment(bounds[0]), moment(bounds[1])),
    }


def assert_same(found: list[Row], expected: list[Row]) -> None:
    """Compare the columns that the reference has."""
    shown = f"\nfound    {found}\nexpected {expected}"
    assert len(found) == len(expected), shown
    for one, other in zip(found, expected, strict=True):
        for name, value in other.items():
            here = one[name]
            if isinstance(here, datetime):
                here = here.timestamp()
            if isinstance(value, float) and here is not None:
                assert isclose(here, value, rel_tol=1e-6, abs_tol=1e-5), (name, here, value, shown)
            else:
                assert here == value, (name, here, value, shown)


nothing_or = lambda *values: st.sampled_from((None, *values))  # noqa: E731


@st.composite
def worlds(draw: st.DrawFn, *, most: int = 24) -> World:
    """Two trackers that drive and stand, with everything that goes wrong on the way."""
    steps = st.sampled_from((0, 1, 10, 30, 60, 120, 290, 300, 310, 1200, 1300, 2000, -20, -400))
    speeds = st.sampled_from((0.0, 2.9, 3.0, 20.0, 50.0, 91.0, 120.0, 210.0, None))
    statuses = st.sampled_from((None, "moving", "moving", "stopped", "parked"))
    connections = nothing_or("active", "active", "idle", "offline", "signal_lost")
    with_status = draw(st.booleans())
    with_arrival = draw(st.booleans())
    rows = []
    for tracker in (1, 2)[: draw(st.integers(0, 2))]:
        lat, lng = draw(st.sampled_from(PLACES))
        t = START + draw(st.integers(0, 5))
        for n in range(draw(st.integers(1, most))):
            t += draw(steps)
            kind = draw(st.integers(0, 19))
            lng += draw(st.sampled_from((0.0, 0.0002, 0.001, 0.003)))
            lng = round(lng - 360 if lng > 180 else lng, 6)
            arrival = t + draw(st.sampled_from((0, 1, 2, 30)))
            rows.append(
                {
                    **BLANK,
                    "recording": "made",
                    "seq": n + 1 if with_arrival else None,
                    "received_at": arrival if with_arrival else None,
                    "server_time": arrival - draw(st.integers(0, 2)),
                    "event_time": t,
                    "snapshot": kind in (1, 2),
                    "tracker_id": tracker,
                    "label": f"Truck {tracker}",
                    "gps_updated": None if kind == 3 else t - draw(st.sampled_from((0, 0, 5, 400))),
                    "lat": {4: None, 5: 0.0, 6: 91.0}.get(kind, lat),
                    "lng": {4: None, 7: lng + 0.5, 8: -181.0}.get(kind, lng),
                    "speed_kmh": draw(speeds),
                    "satellites": {9: 2.0, 10: 3.0}.get(kind),
                    "gsm_lbs": draw(nothing_or(True, False)),
                    "movement_status": draw(statuses) if with_status else None,
                    "ignition": draw(nothing_or(True, True, False)),
                    "connection_status": draw(connections) if with_status else None,
                }
            )
    again = draw(st.lists(st.sampled_from(rows), max_size=3)) if rows else []
    rows = draw(st.permutations(rows + again))
    seconds = st.integers(START - 300, START + 4000)
    gaps = [
        (draw(nothing_or(1)), start, draw(nothing_or(start + 30, start + 400, start + 2000)))
        for start in draw(st.lists(seconds, max_size=2))
    ]
    observed = draw(nothing_or((START - 60, START + 3000)))
    return World(rows, gaps, observed)
