"""Speeding: driving faster than a limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from fleetlab.analysis.batches import by_tracker
from fleetlab.analysis.checks import number
from fleetlab.analysis.geometry import with_distance
from fleetlab.analysis.islands import at_start, islands
from fleetlab.analysis.positions import COLUMNS, VALUES, believable
from fleetlab.analysis.sources import Source
from fleetlab.analysis.timeline import once, over, within

if TYPE_CHECKING:
    from datetime import datetime

    from fleetlab.analysis.backends import Frame
    from fleetlab.analysis.shifts import Shifts

__all__ = ["speeding"]

_US: Final = 1_000_000
_COLUMNS: Final = {
    "limit_kmh": nw.Float64,
    "max_speed_kmh": nw.Float64,
    "distance_m": nw.Float64,
    "lat": nw.Float64,
    "lng": nw.Float64,
    "n_points": nw.Int64,
    "censored_start": nw.Boolean,
    "censored_end": nw.Boolean,
}
_LIMITS: Final = {"limit_tracker": nw.Int64, "own_kmh": nw.Float64}


def speeding(
    data: Any,
    limit_kmh: float | Mapping[int, float] = 90.0,
    min_duration_s: float = 0.0,
    *,
    gaps: Any = None,
    observed: tuple[datetime | str, datetime | str] | None = None,
    states: Any = None,
    shifts: Shifts | None = None,
    timezone: str | None = None,
    max_gap_s: float = 1800.0,
    max_jump_kmh: float = 300.0,
    min_satellites: float = 3.0,
    max_cell_kmh: float = 200.0,
    explain: bool = False,
) -> Any:
    """Find when vehicles drove faster than a limit, by the platform's rule.

    It begins with the first row above the limit and ends with the first one that isn't, or, if no
    row follows for over 30 minutes, with the last one. Kept is what lasts longer than
    ``min_duration_s``. A gap or a bound of the recording cuts it. Positions are cleaned first, as
    by :func:`fleetlab.clean_positions`; a snapshot above the limit is no movement, and left out.

    Parameters
    ----------
    data : Recording, path, iterable of paths, or a frame of Polars, DuckDB or PySpark
        States: ``tracker_id``, ``label``, ``event_time`` (UTC), ``snapshot``, ``speed_kmh``,
        ``lat``, ``lng`` (°), ``gsm_lbs``. What a frame lacks counts as null.
    limit_kmh : float or mapping of int to float
        The limit for all, or one a tracker id; trackers that it doesn't name have none.
    min_duration_s : float
        What lasts no longer is left out.
    gaps, observed, states, shifts, timezone
        As of :func:`fleetlab.trips`.
    max_gap_s : float
        How long the last row before none comes is believed, at most.
    max_jump_kmh, min_satellites, max_cell_kmh : float
        As of :func:`fleetlab.clean_positions`.
    explain : bool
        Add the thresholds as columns.

    Returns
    -------
    frame
        Of the input's kind, sorted by tracker and start: ``tracker_id``, ``label``, ``started_at``
        and ``ended_at`` (UTC), ``duration_s``; ``limit_kmh``; ``max_speed_kmh``; ``distance_m``,
        from the first row to the one that ends it; ``lat`` and ``lng`` of the first row;
        ``n_points``, rows above the limit; ``censored_start`` and ``censored_end``, true where it
        was not seen to begin, or to end.

    Raises
    ------
    InvalidArgument
        If an argument doesn't fit.
    """
    if isinstance(limit_kmh, Mapping):
        own, shared = _own(limit_kmh), None
    else:
        own, shared = None, number("limit_kmh", limit_kmh, 0, 1000, "km/h")
    least = number("min_duration_s", min_duration_s, 0, 864_000, "s")
    gap = number("max_gap_s", max_gap_s, 1, 864_000, "s")
    jump = number("max_jump_kmh", max_jump_kmh, 1, 100_000, "km/h")
    satellites = number("min_satellites", min_satellites, 0, 100, "")
    cell = number("max_cell_kmh", max_cell_kmh, 0, 100_000, "km/h")
    source = Source.of(
        data, gaps=gaps, observed=observed, rows=states, shifts=shifts, timezone=timezone
    )

    def detect(source: Source) -> Any:
        rows = once(source.rows(*COLUMNS), VALUES)
        rows = believable(rows, max_jump_kmh=jump, min_satellites=satellites, max_cell_kmh=cell)
        rows = rows.filter(~nw.col("speed_kmh").is_null())
        if own is None:
            rows = rows.with_columns(limit_kmh=nw.lit(shared))
        else:
            limits = source.backend.table(source.frame, _LIMITS, own)
            rows = rows.join(limits, left_on="tracker_id", right_on="limit_tracker", how="inner")
            rows = rows.rename({"own_kmh": "limit_kmh"})
        found = _found(rows, source, round(gap * _US)).filter(
            nw.col("ended_us") - nw.col("started_us") > round(least * _US)
        )
        shown = {
            "min_duration_s": least,
            "max_gap_s": gap,
            "max_jump_kmh": jump,
            "min_satellites": satellites,
            "max_cell_kmh": cell,
        }
        return source.findings(found, _COLUMNS, shown if explain else None)

    return by_tracker(detect, source)


def _own(limits: Mapping[int, float]) -> list[tuple[int, float]]:
    return [
        (int(tracker), number(f"limit_kmh[{tracker}]", limit, 0, 1000, "km/h"))
        for tracker, limit in limits.items()
    ]


def _found(rows: Frame, source: Source, gap_us: int) -> Frame:
    fast = nw.col("speed_kmh") > nw.col("limit_kmh")
    rows = within(rows.filter(~(nw.col("snapshot") & fast)), source)
    rows = rows.with_columns(
        *(over(nw.col(axis).shift(-1)).alias(f"_{axis}") for axis in "xyz"),
        fast=fast.cast(nw.Int64),
    )
    # The way to the next row is driven too fast, unless a gap lies in it.
    rows = with_distance(rows, "", "_", "_way")
    known = ~nw.col("last") & (nw.col("until") - nw.col("t") <= gap_us)
    rows = rows.with_columns(_way=nw.when(known).then(nw.col("_way")))
    more = (
        nw.col("limit_kmh").max(),
        nw.col("speed_kmh").max().alias("max_speed_kmh"),
        nw.col("_way").sum().alias("distance_m"),
        at_start("lat"),
        at_start("lng"),
    )
    return islands(rows, "fast", *more, max_gap_us=gap_us).filter(nw.col("fast") == 1)
