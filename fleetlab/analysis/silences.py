"""Silences: positions that are not updated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from fleetlab.analysis.batches import by_tracker
from fleetlab.analysis.checks import number
from fleetlab.analysis.sources import Source
from fleetlab.analysis.timeline import once, over, within

if TYPE_CHECKING:
    from datetime import datetime

    from fleetlab.analysis.backends import Frame

__all__ = ["silences"]

_US: Final = 1_000_000
_VALUES: Final = ("gps_updated_us", "lat", "lng", "connection_status")
_COLUMNS: Final = {
    "last_lat": nw.Float64,
    "last_lng": nw.Float64,
    "last_status": nw.String,
    "censored_end": nw.Boolean,
}


def silences(
    data: Any,
    *,
    gaps: Any = None,
    observed: tuple[datetime | str, datetime | str] | None = None,
    states: Any = None,
    min_duration_s: float = 300.0,
    explain: bool = False,
) -> Any:
    """Find when a tracker's position was not updated for 5 minutes and longer.

    That is the platform's rule for a connection that is idle; after 10 minutes it calls the device
    offline. A silence begins with the last fix, which may be long before the recording, and ends
    with the next one. What came in a gap is unknown: there it ends, unless a row after the gap
    still tells of the same fix. Rows are taken in the order in which they arrived, for what a
    device stored while it couldn't send was not heard until then; where no arrival is known, in
    that of ``event_time``.

    Parameters
    ----------
    data : Recording, path, iterable of paths, or a frame of Polars, DuckDB or PySpark
        States: ``tracker_id``, ``label``, ``gps_updated`` (UTC; where a frame lacks it,
        ``event_time``), ``received_at``, ``lat``, ``lng`` (°), ``connection_status``.
    gaps, observed, states
        As of :func:`fleetlab.trips`.
    min_duration_s : float
        Shorter ones are left out.
    explain : bool
        Add the threshold as a column.

    Returns
    -------
    frame
        Of the input's kind, sorted by tracker and start: ``tracker_id``, ``label``, ``started_at``
        and ``ended_at`` (UTC), ``duration_s``; ``last_lat`` and ``last_lng``, the last fix;
        ``last_status``, what ``connection_status`` said last; ``censored_end``, true where the next
        fix was not seen.

    Raises
    ------
    InvalidArgument
        If an argument doesn't fit.
    """
    least = number("min_duration_s", min_duration_s, 1, 864_000, "s")
    source = Source.of(data, gaps=gaps, observed=observed, rows=states)

    def detect(source: Source) -> Any:
        found = _found(source)
        found = found.filter(nw.col("ended_us") - nw.col("started_us") >= round(least * _US))
        return source.findings(found, _COLUMNS, {"min_duration_s": least} if explain else None)

    return by_tracker(detect, source)


def _found(source: Source) -> Frame:
    rows = source.rows("gps_updated", "lat", "lng", "connection_status")
    if "gps_updated" not in source.frame.collect_schema():
        rows = rows.with_columns(gps_updated_us=nw.col("event_us"))
    rows = rows.filter(~nw.col("gps_updated_us").is_null())
    heard = nw.coalesce("received_us", "event_us")
    # As it arrived, whatever came because we subscribed: an old fix is what is looked for.
    rows = rows.with_columns(event_us=heard, received_us=heard, snapshot=nw.lit(value=False))
    rows = within(once(rows, _VALUES), source)
    fix = nw.col("gps_updated_us")
    rows = rows.with_columns(_latest=over(fix.cum_max()))
    rows = rows.filter(fix == nw.col("_latest"))
    rows = rows.with_columns(
        _next=over(fix.shift(-1)), _segment_next=over(nw.col("segment").shift(-1))
    )
    # A fix that is told again after a gap was not updated in it.
    same = (nw.col("_next") == fix).fill_null(value=False)
    seen = (nw.col("_segment_next") == nw.col("segment")).fill_null(value=False)
    until = nw.when(seen).then(nw.col("_next")).otherwise(nw.col("until"))
    rows = rows.filter(~same).with_columns(ended_us=until, censored_end=~seen)
    started = fix.alias("started_us")
    return rows.select(
        "tracker_id",
        started,
        nw.max_horizontal("ended_us", "gps_updated_us").alias("ended_us"),
        nw.col("lat").alias("last_lat"),
        nw.col("lng").alias("last_lng"),
        nw.col("connection_status").alias("last_status"),
        "censored_end",
    )
