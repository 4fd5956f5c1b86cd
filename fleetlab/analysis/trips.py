"""Trips: drives from standstill to standstill."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from fleetlab.analysis.checks import number
from fleetlab.analysis.movement import Rules, moving, since_until, yes
from fleetlab.analysis.sources import Source
from fleetlab.analysis.timeline import over

if TYPE_CHECKING:
    from datetime import datetime

    from fleetlab.analysis.backends import Frame

__all__ = ["trip_rows", "trips"]

_US: Final = 1_000_000
_COLUMNS: Final = {
    "distance_m": nw.Float64,
    "avg_speed_kmh": nw.Float64,
    "max_speed_kmh": nw.Float64,
    "start_lat": nw.Float64,
    "start_lng": nw.Float64,
    "end_lat": nw.Float64,
    "end_lng": nw.Float64,
    "n_points": nw.Int64,
    "censored_start": nw.Boolean,
    "censored_end": nw.Boolean,
}


def trips(
    data: Any,
    *,
    gaps: Any = None,
    observed: tuple[datetime | str, datetime | str] | None = None,
    states: Any = None,
    min_speed_kmh: float = 3.0,
    min_step_m: float = 50.0,
    min_stop_s: float = 300.0,
    max_gap_s: float = 1200.0,
    min_points: int = 2,
    min_top_speed_kmh: float = 3.0,
    min_distance_m: float = 100.0,
    max_jump_kmh: float = 300.0,
    min_satellites: float = 3.0,
    max_cell_kmh: float = 200.0,
    explain: bool = False,
) -> Any:
    """Find trips, by the platform's rules for its own reports."""
    rules = Rules(min_speed_kmh, min_step_m, max_jump_kmh, min_satellites, max_cell_kmh)
    limits = {
        "min_stop_s": number("min_stop_s", min_stop_s, 0, 86_400, "s"),
        "max_gap_s": number("max_gap_s", max_gap_s, 1, 864_000, "s"),
        "min_points": int(number("min_points", min_points, 1, 1e9, "")),
        "min_top_speed_kmh": number("min_top_speed_kmh", min_top_speed_kmh, 0, 1000, "km/h"),
        "min_distance_m": number("min_distance_m", min_distance_m, 0, 1e9, "m"),
    }
    source = Source.of(data, gaps=gaps, observed=observed, rows=states)
    rows = trip_rows(source, rules, min_stop_s=min_stop_s, max_gap_s=max_gap_s)
    found = _found(rows).filter(
        nw.col("n_points") >= min_points,
        nw.col("max_speed_kmh") >= min_top_speed_kmh,
        nw.col("distance_m") >= min_distance_m,
    )
    shown = {**rules.shown(), **limits} if explain else None
    return source.findings(found, _COLUMNS, shown)


def trip_rows(source: Source, rules: Rules, *, min_stop_s: float, max_gap_s: float) -> Frame:
    """Return the rows that are part of trips, with ``trip``, its number within the tracker.

    Added, too: ``begins``, whether it is the trip's first row; ``ends_us``, until when the trip
    lasts at least; ``begun_seen`` and ``ended_seen``, whether a standstill long enough was seen
    before it and after it.
    """
    stop, gap = round(min_stop_s * _US), round(max_gap_s * _US)
    rows = since_until(moving(source, rules), gap)
    move, before, t = nw.col("move"), nw.col("move_before"), nw.col("t")
    stood = ~before & (t - nw.col("stood_us") >= stop)
    begins = move & ((nw.col("moves") == 1) | yes(stood) | (before & nw.col("apart")))
    rows = rows.with_columns(begins=begins)
    rows = rows.with_columns(
        _begins=nw.col("begins").cast(nw.Int64),
        _next=nw.when(move).then(nw.col("begins").cast(nw.Int64)),
    )
    rows = rows.with_columns(
        trip=over(nw.col("_begins").cum_sum()),
        _next=over(nw.col("_next").fill_null(strategy="backward")),
    )
    on = nw.col("_next").fill_null(1) == 0
    halt = ~move & ~on & before & ~nw.col("first") & ~nw.col("apart")
    held = nw.col("until") - t <= gap
    rows = rows.with_columns(
        _part=(nw.col("trip") > 0) & (move | on | halt),
        ends_us=nw.when(move & nw.col("last") & held).then(nw.col("until")).otherwise(t),
        begun_seen=begins_seen(stop),
        ended_seen=halt & (nw.col("free_us") - t >= stop),
    )
    return rows.filter(nw.col("_part")).drop("_part", "_begins", "_next")


def begins_seen(stop: int) -> nw.Expr:
    """Return whether a standstill was seen before a row, without a gap, that was long enough."""
    seen = yes(nw.col("t") - nw.col("seen_us") >= stop)
    return nw.col("begins") & ~nw.col("move_before") & ~nw.col("first") & seen


def _found(rows: Frame) -> Frame:
    rows = rows.with_columns(_next=over(nw.col("trip").shift(-1)))
    ends = nw.col("_next").is_null() | (nw.col("_next") != nw.col("trip"))
    begins = nw.col("begins")
    way = nw.when(~begins).then(nw.col("step_m"))
    rows = rows.with_columns(
        way.alias("_way"),
        nw.when(begins).then(nw.col("lat")).alias("_start_lat"),
        nw.when(begins).then(nw.col("lng")).alias("_start_lng"),
        nw.when(ends).then(nw.col("lat")).alias("_end_lat"),
        nw.when(ends).then(nw.col("lng")).alias("_end_lng"),
        nw.col("begun_seen").cast(nw.Int64).alias("_begun"),
        nw.col("ended_seen").cast(nw.Int64).alias("_ended"),
    )
    found = rows.group_by("tracker_id", "trip").agg(
        nw.col("t").min().alias("started_us"),
        nw.col("ends_us").max().alias("ended_us"),
        nw.col("_way").sum().alias("distance_m"),
        nw.col("speed_kmh").max().alias("max_speed_kmh"),
        nw.col("_start_lat").max().alias("start_lat"),
        nw.col("_start_lng").max().alias("start_lng"),
        nw.col("_end_lat").max().alias("end_lat"),
        nw.col("_end_lng").max().alias("end_lng"),
        nw.len().alias("n_points"),
        nw.col("_begun").max(),
        nw.col("_ended").max(),
    )
    hours = (nw.col("ended_us") - nw.col("started_us")).cast(nw.Float64) / (3600 * _US)
    return found.with_columns(
        avg_speed_kmh=nw.when(hours > 0).then(nw.col("distance_m") / 1000 / hours),
        censored_start=nw.col("_begun") == 0,
        censored_end=nw.col("_ended") == 0,
    )
