"""Positions that can be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from fleetlab.analysis.checks import number
from fleetlab.analysis.geometry import unit_vector, with_distance
from fleetlab.analysis.sources import Source
from fleetlab.analysis.timeline import once, over

if TYPE_CHECKING:
    from datetime import datetime

    from fleetlab.analysis.backends import Frame

__all__ = ["COLUMNS", "VALUES", "believable", "clean_positions", "wrong_fix"]

COLUMNS: Final = ("lat", "lng", "speed_kmh", "satellites", "gsm_lbs")
"""Columns that the rules look at."""

VALUES: Final = ("speed_kmh", "lat", "lng")
"""What decides between rows of the same moment that came together."""

_KMH_PER_M_US: Final = 3.6e6  # km/h in a metre per microsecond


def clean_positions(
    data: Any,
    *,
    gaps: Any = None,
    observed: tuple[datetime | str, datetime | str] | None = None,
    states: Any = None,
    max_jump_kmh: float = 300.0,
    min_satellites: float = 3.0,
    max_cell_kmh: float = 200.0,
) -> Any:
    """Return the rows whose position can be believed, each moment once.

    Dropped are, by the platform's rules for its own reports: rows without coordinates, those with
    coordinates out of range or with a 0 for latitude or longitude; fixes of fewer than 3
    satellites; positions of cell towers with a speed above 200 km/h; and jumps that no vehicle
    makes, over 300 km/h from the point before and to the one after, or, of a tracker's last point,
    from the one before if that is no jump itself.

    Live events tell no number of satellites; where a frame has a column ``satellites``, it counts.

    Parameters
    ----------
    data : Recording, path, iterable of paths, or a frame of Polars, DuckDB or PySpark
        States: ``tracker_id``, ``event_time`` (UTC), ``lat``, ``lng`` (°, WGS 84), ``speed_kmh``,
        ``gsm_lbs``, ``snapshot``. What a frame lacks counts as null.
    gaps, observed
        Taken for the sake of one signature; no rule needs them.
    states : frame, optional
        The states, where `data` are other rows.
    max_jump_kmh : float
        Speed between two points beyond which it is a jump.
    min_satellites : float
        Fixes of fewer are dropped.
    max_cell_kmh : float
        Speed beyond which a position of cell towers is dropped.

    Returns
    -------
    frame
        The columns of the input, of its kind (Polars, of a recording), sorted by tracker and
        ``event_time``.

    Raises
    ------
    InvalidArgument
        If an argument doesn't fit.
    """
    jump = number("max_jump_kmh", max_jump_kmh, 1, 100_000, "km/h")
    least = number("min_satellites", min_satellites, 0, 100, "")
    cell = number("max_cell_kmh", max_cell_kmh, 0, 100_000, "km/h")
    source = Source.of(data, gaps=gaps, observed=observed, rows=states)
    found = source.frame.collect_schema()
    # All columns are kept: of rows alike in what decides, that of the server's later moment.
    rows = once(source.rows(*COLUMNS, "server_time", keep=True), (*VALUES, "server_us"))
    rows = believable(rows, max_jump_kmh=jump, min_satellites=least, max_cell_kmh=cell)
    rows = rows.filter(~nw.col("lat").is_null(), ~nw.col("lng").is_null())
    rows = rows.sort("tracker_id", "event_us", "t")
    return source.backend.give(rows.select(*(nw.col(f"_raw_{name}").alias(name) for name in found)))


def believable(
    rows: Frame, *, max_jump_kmh: float, min_satellites: float, max_cell_kmh: float
) -> Frame:
    """Drop rows by the rules of :func:`clean_positions`; those without coordinates stay.

    Added are ``x``, ``y``, ``z``, the place as a unit vector; null where there are no coordinates.
    """
    wrong = wrong_fix(min_satellites=min_satellites, max_cell_kmh=max_cell_kmh)
    rows = rows.filter(~wrong).with_columns(*unit_vector("lat", "lng", ""))
    rows = rows.with_columns(
        *(over(nw.col(axis).shift(1)).alias(f"_{axis}") for axis in "xyz"),
        _event=over(nw.col("event_us").shift(1)),
    )
    rows = with_distance(rows, "", "_", "_step")
    lasted = nw.col("event_us") - nw.col("_event")
    jump = (nw.col("_step") * _KMH_PER_M_US > lasted * max_jump_kmh) & (lasted > 0)
    rows = rows.with_columns(_jump=jump.fill_null(value=False))
    jumped = nw.col("_jump").cast(nw.Int64)
    rows = rows.with_columns(_onwards=over(jumped.shift(-1)), _before=over(jumped.shift(1)))
    # The last one has nothing after it; it may be right if the one before it is the wrong one.
    onwards = nw.coalesce("_onwards", 1 - nw.col("_before").fill_null(0)) == 1
    return rows.filter(~(nw.col("_jump") & onwards)).drop(
        "_x", "_y", "_z", "_event", "_step", "_jump", "_onwards", "_before"
    )


def wrong_fix(*, min_satellites: float, max_cell_kmh: float) -> nw.Expr:
    """Return whether a row's position is wrong by itself, by :func:`clean_positions`' rules."""
    lat, lng = nw.col("lat"), nw.col("lng")
    nowhere = (lat == 0) | (lng == 0)
    nowhere = nowhere | (lat > 90) | (lat < -90) | (lng > 180) | (lng < -180)  # noqa: PLR2004
    return (
        nowhere.fill_null(value=False)
        | (nw.col("satellites") < min_satellites).fill_null(value=False)
        | (nw.col("gsm_lbs") & (nw.col("speed_kmh") > max_cell_kmh)).fill_null(value=False)
    )
