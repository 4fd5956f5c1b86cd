"""Idling: standing with the ignition on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from fleetlab.analysis.batches import by_tracker
from fleetlab.analysis.checks import number
from fleetlab.analysis.islands import at_start, held, islands
from fleetlab.analysis.positions import COLUMNS, VALUES, wrong_fix
from fleetlab.analysis.sources import Source
from fleetlab.analysis.timeline import told, within

if TYPE_CHECKING:
    from datetime import datetime

    from fleetlab.analysis.backends import Frame
    from fleetlab.analysis.shifts import Shifts

__all__ = ["idling"]

_US: Final = 1_000_000
_STATUS: Final = ("movement_status", "ignition", "connection_status")
_COLUMNS: Final = {
    "lat": nw.Float64,
    "lng": nw.Float64,
    "n_points": nw.Int64,
    "censored_start": nw.Boolean,
    "censored_end": nw.Boolean,
}


def idling(
    data: Any,
    *,
    gaps: Any = None,
    observed: tuple[datetime | str, datetime | str] | None = None,
    states: Any = None,
    shifts: Shifts | None = None,
    timezone: str | None = None,
    min_duration_s: float = 0.0,
    min_speed_kmh: float = 3.0,
    min_satellites: float = 3.0,
    max_cell_kmh: float = 200.0,
    explain: bool = False,
) -> Any:
    """Find idling: standing with the ignition on, from the first such row to the next other one.

    A vehicle stands while its speed is below 3 km/h or ``movement_status`` says something else
    than moving. A device that has no fix goes on to tell of its ignition: what it tells holds
    since the server sent it, and its old speed isn't believed, nor is one with a position that
    can't be (:func:`fleetlab.clean_positions`). A null ignition or speed tells nothing, so that
    what was told before holds. Red lights are idling too: ask for a ``min_duration_s``.

    Unknown is what was so in a gap, before the first row, and while ``connection_status`` says
    that the platform doesn't hear the device; that ends idling.

    Parameters
    ----------
    data : Recording, path, iterable of paths, or a frame of Polars, DuckDB or PySpark
        States: ``tracker_id``, ``label``, ``event_time`` (UTC), ``snapshot``, ``speed_kmh``,
        ``movement_status``, ``ignition``, ``connection_status``, ``lat``, ``lng`` (°). What a frame
        lacks counts as null.
    gaps, observed, states, shifts, timezone
        As of :func:`fleetlab.trips`.
    min_duration_s : float
        Shorter ones are left out.
    min_speed_kmh : float
        Below it a vehicle stands.
    min_satellites, max_cell_kmh : float
        As of :func:`fleetlab.clean_positions`.
    explain : bool
        Add the thresholds as columns.

    Returns
    -------
    frame
        Of the input's kind, sorted by tracker and start: ``tracker_id``, ``label``, ``started_at``
        and ``ended_at`` (UTC), ``duration_s``; ``lat`` and ``lng`` of the first row; ``n_points``,
        its rows; ``censored_start`` and ``censored_end``, true where it was not seen to begin, or
        to end.

    Raises
    ------
    InvalidArgument
        If an argument doesn't fit.
    """
    limits = {
        "min_duration_s": number("min_duration_s", min_duration_s, 0, 864_000, "s"),
        "min_speed_kmh": number("min_speed_kmh", min_speed_kmh, 0, 200, "km/h"),
        "min_satellites": number("min_satellites", min_satellites, 0, 100, ""),
        "max_cell_kmh": number("max_cell_kmh", max_cell_kmh, 0, 100_000, "km/h"),
    }
    source = Source.of(
        data, gaps=gaps, observed=observed, rows=states, shifts=shifts, timezone=timezone
    )

    def detect(source: Source) -> Any:
        rows = source.rows("server_time", *COLUMNS, *_STATUS)
        wrong = wrong_fix(min_satellites=min_satellites, max_cell_kmh=max_cell_kmh)
        rows = within(told(rows, (*_STATUS, *VALUES)), source)
        rows = _idle(rows, wrong, min_speed_kmh)
        found = islands(rows, "idle", at_start("lat"), at_start("lng")).filter(
            nw.col("idle") == 1,
            nw.col("ended_us") - nw.col("started_us") >= round(min_duration_s * _US),
        )
        return source.findings(found, _COLUMNS, limits if explain else None)

    return by_tracker(detect, source)


def _idle(rows: Frame, wrong: nw.Expr, min_speed_kmh: float) -> Frame:
    """Add ``idle``: 1, 0, or null where it isn't known."""
    status, speed = nw.col("movement_status"), nw.col("speed_kmh")
    drives = (speed >= min_speed_kmh) & (status.is_null() | (status == "moving"))
    believed = ~nw.col("again") & ~wrong & ~speed.is_null()
    stands = nw.when(believed).then(~drives).otherwise(status != "moving")
    rows = rows.with_columns(
        _stands=_words(stands),
        _on=_words(nw.col("ignition")),
        lat=nw.when(~wrong).then(nw.col("lat")),
        lng=nw.when(~wrong).then(nw.col("lng")),
    )
    rows = held(rows, ("_stands", "_on"))
    stands, on = nw.col("_stands") == "yes", nw.col("_on") == "yes"
    return rows.with_columns(idle=(stands & on).cast(nw.Int64))


def _words(flag: nw.Expr) -> nw.Expr:
    return nw.when(flag).then(nw.lit("yes")).otherwise(nw.when(~flag).then(nw.lit("no")))
