"""Trips: drives from standstill to standstill."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from fleetlab.analysis.batches import by_tracker
from fleetlab.analysis.checks import number
from fleetlab.analysis.movement import Rules, moving, since_until, yes
from fleetlab.analysis.sources import Source
from fleetlab.analysis.timeline import over

if TYPE_CHECKING:
    from datetime import datetime

    from fleetlab.analysis.backends import Frame
    from fleetlab.analysis.shifts import Shifts

__all__ = ["Kept", "trip_rows", "trips"]

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
    shifts: Shifts | None = None,
    timezone: str | None = None,
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
    """Find trips, by the platform's rules for its own reports.

    A row is movement if its speed is 3 km/h or more and ``movement_status`` says moving; where
    that says otherwise, if it is 50 m or more from the last point before this speed began, or the
    last at which it said moving; where it says nothing, by the speed alone. A trip begins with the
    first movement, and ends with the first row that is none, if no movement follows for 300 s. It
    ends, too, with the last row before there are none for over 1,200 s, and before a gap of the
    recording in which it may have ended: one of 300 s or more. Kept are those of 2 points or more
    (the one at which it ends counts), a top speed of 3 km/h or more and 100 m or more.

    Positions are cleaned first, as by :func:`fleetlab.clean_positions`. A snapshot is the state
    before, never a movement. Live events tell no number of satellites; and where no row comes for
    a while, the state before holds, so a vehicle whose last row was movement is on its trip until
    the next row, at most 1,200 s.

    The platform measures the 50 m from the last point that was accepted as movement. Here a point
    accepted for its distance alone isn't measured from, since then each row would depend on all
    before it.

    Parameters
    ----------
    data : Recording, path, iterable of paths, or a frame of Polars, DuckDB or PySpark
        States: ``tracker_id``, ``label``, ``event_time`` (UTC), ``snapshot``, ``lat``, ``lng``
        (°, WGS 84), ``speed_kmh``, ``movement_status``, ``gsm_lbs``. What a frame lacks counts as
        null; one without ``tracker_id`` is of one tracker. Where ``received_at`` and ``seq`` are
        there, they say which of two rows of the same moment came last.
    gaps : frame, optional
        ``started_at``, ``ended_at``, and ``tracker_id`` where they are of one tracker: when rows
        may be missing. A recording brings its own.
    observed : tuple of two datetimes or texts in ISO 8601, optional
        From when to when it was watched. A recording brings its own; of a bare frame, each
        tracker's first and last row count.
    states : frame, optional
        The states, where `data` are other rows.
    shifts : mapping, optional
        Working hours by name: from when to when by the clock, and on which days if not on all, as
        in ``{"early": ("06:00", "14:00", "Mon-Fri"), "night": ("22:00", "06:00")}``. They add a
        column ``shift``: the first in which it began, null outside all.
    timezone : str, optional
        IANA name of the zone of their clock; the recording's if left out, UTC of a frame.
    min_speed_kmh, min_step_m : float
        What is movement.
    min_stop_s : float
        A trip ends if no movement follows for so long.
    max_gap_s : float
        Or if there are no rows for longer than this.
    min_points, min_top_speed_kmh, min_distance_m
        What a trip needs to be kept.
    max_jump_kmh, min_satellites, max_cell_kmh : float
        As of :func:`fleetlab.clean_positions`.
    explain : bool
        Add the thresholds as columns.

    Returns
    -------
    frame
        Of the input's kind (Polars, of a recording), sorted by tracker and start: ``tracker_id``,
        ``label``, ``started_at`` and ``ended_at`` (UTC), ``duration_s``; ``distance_m`` (great
        circles on a sphere of 6,371,008.8 m), ``avg_speed_kmh`` (null if it took no time),
        ``max_speed_kmh``; ``start_lat``, ``start_lng``, ``end_lat``, ``end_lng`` (°); ``n_points``;
        ``censored_start`` and ``censored_end``: true unless it was seen, without a gap, that the
        vehicle stood for 300 s before, or after.

    Raises
    ------
    InvalidArgument
        If an argument doesn't fit.
    """
    rules = Rules(min_speed_kmh, min_step_m, max_jump_kmh, min_satellites, max_cell_kmh)
    kept = Kept(min_stop_s, max_gap_s, min_points, min_top_speed_kmh, min_distance_m)
    source = Source.of(
        data, gaps=gaps, observed=observed, rows=states, shifts=shifts, timezone=timezone
    )

    def detect(source: Source) -> Any:
        found = kept.of(trip_rows(moving(source, rules), kept))
        shown = {**rules.shown(), **vars(kept)} if explain else None
        return source.findings(found, _COLUMNS, shown)

    return by_tracker(detect, source)


@dataclass(frozen=True)
class Kept:
    """What ends a trip, and which trips are kept; defaults and units as in :func:`trips`."""

    min_stop_s: float = 300.0
    max_gap_s: float = 1200.0
    min_points: int = 2
    min_top_speed_kmh: float = 3.0
    min_distance_m: float = 100.0

    def __post_init__(self) -> None:
        """Check them."""
        number("min_stop_s", self.min_stop_s, 0, 86_400, "s")
        number("max_gap_s", self.max_gap_s, 1, 864_000, "s")
        number("min_points", self.min_points, 1, 1_000_000_000, "")
        number("min_top_speed_kmh", self.min_top_speed_kmh, 0, 1000, "km/h")
        number("min_distance_m", self.min_distance_m, 0, 1e9, "m")

    def of(self, rows: Frame) -> Frame:
        """Return the trips that are kept, of the rows that are part of trips."""
        return _found(rows).filter(
            nw.col("n_points") >= self.min_points,
            nw.col("max_speed_kmh") >= self.min_top_speed_kmh,
            nw.col("distance_m") >= self.min_distance_m,
        )


def trip_rows(rows: Frame, kept: Kept) -> Frame:
    """Return the rows that are part of trips, with ``trip``, its number within the tracker.

    Parameters
    ----------
    rows : narwhals.LazyFrame
        As :func:`fleetlab.analysis.movement.moving` gives them.
    kept : Kept
        What ends a trip.

    Returns
    -------
    narwhals.LazyFrame
        Added, too: ``begins``, whether it is the trip's first row; ``ends_us``, until when the trip
        lasts at least; ``begun_seen`` and ``ended_seen``, whether a standstill long enough was seen
        before it and after it.
    """
    stop, gap = round(kept.min_stop_s * _US), round(kept.max_gap_s * _US)
    rows = since_until(rows, gap, stop)
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
