"""Mileage: how far each tracker drove on each day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from fleetlab.analysis.batches import by_tracker
from fleetlab.analysis.movement import Rules, moving
from fleetlab.analysis.sources import Source
from fleetlab.analysis.timeline import once, over
from fleetlab.analysis.trips import Kept, trip_rows

if TYPE_CHECKING:
    from datetime import datetime

    from fleetlab.analysis.backends import Frame

__all__ = ["mileage"]

_US: Final = 1_000_000
_COLUMNS: Final = {
    "date": nw.Date,
    "distance_m": nw.Float64,
    "moving_s": nw.Float64,
    "n_trips": nw.Int64,
    "odometer_km": nw.Float64,
}
_READINGS: Final = ("reading", "value")


def mileage(
    data: Any,
    *,
    timezone: str | None = None,
    gaps: Any = None,
    observed: tuple[datetime | str, datetime | str] | None = None,
    states: Any = None,
    readings: Any = None,
    min_stop_s: float = 300.0,
    max_gap_s: float = 1200.0,
    min_distance_m: float = 100.0,
    explain: bool = False,
) -> Any:
    """Return how far each tracker drove on each day, and by its odometer where that is sent.

    Counted are the trips of :func:`fleetlab.trips`, with its defaults for all that isn't an
    argument here; a trip over midnight counts on both days, each with its own rows. The way to a
    row counts on that row's day. A day is one of the asked-for zone, and has a row if the tracker
    has any on it; a day on which it only stood has a distance of 0.

    Parameters
    ----------
    data : Recording, path, iterable of paths, or a frame of Polars, DuckDB or PySpark
        States, as of :func:`fleetlab.trips`.
    timezone : str, optional
        IANA name of the zone whose days count; the recording's if left out, UTC of a frame.
    gaps, observed, states
        As of :func:`fleetlab.trips`.
    readings : frame, optional
        Rows of ``readings_batch``, of the kind of `data`: ``tracker_id``, ``event_time``,
        ``reading``, ``value``; of them ``counter:odometer`` counts, in km. A recording brings its
        own.
    min_stop_s, max_gap_s, min_distance_m : float
        As of :func:`fleetlab.trips`.
    explain : bool
        Add the thresholds as columns.

    Returns
    -------
    frame
        Of the input's kind, sorted by tracker and date: ``tracker_id``, ``label``; ``started_at``
        and ``ended_at``, the day's first and last row (UTC), and ``duration_s`` between them;
        ``date``; ``distance_m``; ``moving_s``, how long it moved within trips; ``n_trips``, how
        many began; ``odometer_km``, by how much the odometer rose since it was read before, null
        where it wasn't read twice.

    Raises
    ------
    InvalidArgument
        If an argument doesn't fit.
    """
    kept = Kept(min_stop_s, max_gap_s, min_distance_m=min_distance_m)
    source = Source.of(data, gaps=gaps, observed=observed, rows=states, timezone=timezone)
    told = _readings(data, source, readings)
    shown = {name: vars(kept)[name] for name in ("min_stop_s", "max_gap_s", "min_distance_m")}

    def detect(source: Source, *told: Source) -> Any:
        days = _days(source, kept)
        if told:
            odometer = _odometer(source, told[0])
            days = days.join(odometer, on=["tracker_id", "date"], how="left")
        else:
            days = days.with_columns(odometer_km=nw.lit(None, nw.Float64))
        more = {**shown, "timezone": source.zone} if explain else None
        return source.findings(days, _COLUMNS, more)

    return by_tracker(detect, source, *told)


def _readings(data: Any, source: Source, readings: Any) -> tuple[Source, ...]:
    """Return where odometers are told, if anywhere."""
    if readings is None and source.recording is None:
        return ()
    return (Source.of(source.recording or data, events=("readings_batch",), rows=readings),)


def _days(source: Source, kept: Kept) -> Frame:
    """Return each tracker's days, with what was driven on them."""
    rows = moving(source, Rules())
    parts = trip_rows(rows, kept)
    held = nw.min_horizontal(nw.col("until") - nw.col("t"), nw.lit(round(kept.max_gap_s * _US)))
    parts = parts.join(
        kept.of(parts).select("tracker_id", "trip"), on=["tracker_id", "trip"], how="inner"
    ).select(
        "tracker_id",
        nw.col("t").alias("date"),
        nw.when(~nw.col("begins")).then(nw.col("step_m")).alias("distance_m"),
        nw.when(nw.col("move")).then(held).alias("moving_s"),
        nw.col("begins").cast(nw.Int64).alias("n_trips"),
    )
    driven = (
        source.dates(parts, "date")
        .group_by("tracker_id", "date")
        .agg(nw.col("distance_m", "moving_s", "n_trips").sum())
    )
    days = rows.select("tracker_id", "t", nw.col("t").alias("date"))
    days = (
        source.dates(days, "date")
        .group_by("tracker_id", "date")
        .agg(nw.col("t").min().alias("started_us"), nw.col("t").max().alias("ended_us"))
    )
    days = days.join(driven, on=["tracker_id", "date"], how="left")
    return days.with_columns(
        distance_m=nw.col("distance_m").fill_null(0.0),
        moving_s=nw.col("moving_s").fill_null(0).cast(nw.Float64) / _US,
        n_trips=nw.col("n_trips").fill_null(0),
    )


def _odometer(source: Source, told: Source) -> Frame:
    """Return by how much each odometer rose, by day."""
    rows = told.rows(*_READINGS).filter(nw.col("reading") == "counter:odometer")
    rows = once(rows.filter(~nw.col("value").is_null()), ("value",))
    rise = nw.col("value") - over(nw.col("value").shift(1), "event_us", "t")
    rows = rows.with_columns(odometer_km=rise).filter(nw.col("odometer_km") >= 0)
    rows = rows.select("tracker_id", "odometer_km", nw.col("event_us").alias("date"))
    return (
        source.dates(rows, "date").group_by("tracker_id", "date").agg(nw.col("odometer_km").sum())
    )
