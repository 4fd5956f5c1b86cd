"""Stops: standing long enough to count as parking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from fleetlab.analysis.batches import by_tracker
from fleetlab.analysis.checks import number, one_of
from fleetlab.analysis.movement import Rules, moving, yes
from fleetlab.analysis.sources import Source
from fleetlab.analysis.timeline import over

if TYPE_CHECKING:
    from datetime import datetime

    from fleetlab.analysis.backends import Frame
    from fleetlab.analysis.shifts import Shifts

__all__ = ["stops"]

_US: Final = 1_000_000
_COLUMNS: Final = {
    "lat": nw.Float64,
    "lng": nw.Float64,
    "ignition_on_s": nw.Float64,
    "n_points": nw.Int64,
    "censored_start": nw.Boolean,
    "censored_end": nw.Boolean,
}


def stops(
    data: Any,
    *,
    gaps: Any = None,
    observed: tuple[datetime | str, datetime | str] | None = None,
    states: Any = None,
    shifts: Shifts | None = None,
    timezone: str | None = None,
    min_duration_s: float = 300.0,
    by: str = "speed",
    min_speed_kmh: float = 3.0,
    min_step_m: float = 50.0,
    max_jump_kmh: float = 300.0,
    min_satellites: float = 3.0,
    max_cell_kmh: float = 200.0,
    explain: bool = False,
) -> Any:
    """Find stops (parking), by the platform's rules for its own reports.

    A stop begins with the first row whose speed is below the threshold and ends with movement, as
    :func:`fleetlab.trips` defines it; it is kept if it lasts 5 minutes. Standing holds until the
    next row, however long that takes. A gap or a bound of the recording cuts it: the parts are
    found where each is long enough for itself.

    Parameters
    ----------
    data : Recording, path, iterable of paths, or a frame of Polars, DuckDB or PySpark
        States: ``tracker_id``, ``label``, ``event_time`` (UTC), ``snapshot``, ``lat``, ``lng`` (°),
        ``speed_kmh``, ``movement_status``, ``ignition``. What a frame lacks counts as null.
    gaps, observed, states, shifts, timezone
        As of :func:`fleetlab.trips`.
    min_duration_s : float
        Shorter ones are left out; the platform allows 1 to 1,440 minutes, and so does this.
    by : str
        ``"speed"``; ``"ignition"``: a vehicle stands while its ignition is off; ``"motion"``: while
        ``movement_status``, which may come from a motion sensor, doesn't say moving.
    min_speed_kmh : float
        Below it a vehicle stands; 0 to 200.
    min_step_m, max_jump_kmh, min_satellites, max_cell_kmh : float
        As of :func:`fleetlab.trips`.
    explain : bool
        Add the thresholds as columns.

    Returns
    -------
    frame
        Of the input's kind, sorted by tracker and start: ``tracker_id``, ``label``, ``started_at``
        and ``ended_at`` (UTC), ``duration_s``; ``lat`` and ``lng`` of the first row; how much of it
        the ignition was known to be on, ``ignition_on_s``; ``n_points``, its rows;
        ``censored_start`` and ``censored_end``, true where it was not seen to begin, or to end.

    Raises
    ------
    InvalidArgument
        If an argument doesn't fit.
    """
    one_of("by", by, ("speed", "ignition", "motion"))
    rules = Rules(min_speed_kmh, min_step_m, max_jump_kmh, min_satellites, max_cell_kmh, by)
    least = number("min_duration_s", min_duration_s, 60, 86_400, "s")
    source = Source.of(
        data, gaps=gaps, observed=observed, rows=states, shifts=shifts, timezone=timezone
    )

    def detect(source: Source) -> Any:
        found = _found(moving(source, rules, "ignition"), rules)
        found = found.filter(nw.col("ended_us") - nw.col("started_us") >= round(least * _US))
        shown = {"min_duration_s": least, "by": by, **rules.shown()} if explain else None
        return source.findings(found, _COLUMNS, shown)

    return by_tracker(detect, source)


def _found(rows: Frame, rules: Rules) -> Frame:
    """Return the stretches without movement, from their first standing row on."""
    move = nw.col("move")
    opens = ~move & (nw.col("move_before") | nw.col("first"))
    stands = ~move
    if rules.by == "speed":
        stands = stands & (nw.col("speed_kmh") < rules.min_speed_kmh)
    rows = rows.with_columns(
        _opens=opens.cast(nw.Int64),
        _stands=stands.cast(nw.Int64),
        _first=nw.col("first").cast(nw.Int64),
    )
    rows = rows.with_columns(stop=over(nw.col("_opens").cum_sum())).filter(~move)
    # What came before it stood is no part of it.
    by = ["tracker_id", "stop"]
    rows = rows.with_columns(
        _stood=nw.col("_stands").cum_max().over(by, order_by="t"),
        _first=nw.col("_first").cum_max().over(by, order_by="t"),
    )
    rows = rows.with_columns(_stood_before=nw.col("_stood").shift(1).over(by, order_by="t"))
    stood = nw.col("_stood_before").fill_null(0) == 1
    begins = (nw.col("_stood") == 1) & ~stood
    on_us = nw.when(yes(nw.col("ignition"))).then(nw.col("until") - nw.col("t"))
    rows = rows.filter(nw.col("_stood") == 1).with_columns(
        nw.when(begins).then(nw.col("lat")).alias("_lat"),
        nw.when(begins).then(nw.col("lng")).alias("_lng"),
        on_us.otherwise(nw.lit(0)).cast(nw.Float64).alias("_on_us"),
        nw.col("last").cast(nw.Int64).alias("_last"),
    )
    found = rows.group_by(*by).agg(
        nw.col("t").min().alias("started_us"),
        nw.col("until").max().alias("ended_us"),
        nw.col("_lat").max().alias("lat"),
        nw.col("_lng").max().alias("lng"),
        nw.col("_on_us").sum().alias("ignition_on_s"),
        nw.len().alias("n_points"),
        nw.col("_first").max(),
        nw.col("_last").max(),
    )
    return found.with_columns(
        ignition_on_s=nw.col("ignition_on_s") / _US,
        censored_start=nw.col("_first") == 1,
        censored_end=nw.col("_last") == 1,
    )
