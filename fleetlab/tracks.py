"""Tracks of other programs, GPX and CSV, as states that detectors and charts take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw
import polars as pl

from fleetlab.analysis.checks import one_of
from fleetlab.analysis.geometry import unit_vector, with_distance
from fleetlab.errors import InvalidArgument
from fleetlab.schemas import schema
from fleetlab.track_files import csv_rows, gpx_rows, value_of, zone_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping
    from zoneinfo import ZoneInfo

    from fleetlab.track_files import Row

__all__ = ["read_track"]

_NEEDED: Final = ("event_time", "lat", "lng")
_TYPES: Final = {
    name: dtype for name, dtype in schema("state_batch").items() if not isinstance(dtype, pl.List)
}
_KMH: Final = {"km/h": 1.0, "m/s": 3.6, "mph": 1.609344, "knots": 1.852}
_LAT, _LNG = 90.0, 180.0  # °
_KMH_PER_M_US: Final = 3.6e6  # km/h in a metre per microsecond


def read_track(
    path: str | os.PathLike[str],
    *,
    columns: Mapping[str, str] | None = None,
    format: str | None = None,
    timezone: str | None = None,
    speed_unit: str = "km/h",
    tracker_id: int = 1,
    label: str | None = None,
) -> pl.DataFrame:
    """Read a track of another program as states, so that every detector and chart works on it.

    Of GPX (1.0 and 1.1) all points of all segments of all tracks are read, with time, elevation,
    and speed and course where they are there, also in extensions such as Garmin's. Of CSV the
    columns that are named as those of ``state_batch``, or by `columns`; commas, semicolons and
    tabs separate them.

    Rows without a time, or without coordinates that are on Earth, are left out. A point that has no
    speed, or one below 0, gets that of the way from the point before: the great circle on a sphere
    of 6,371,008.8 m by the time it took. The first point of a segment (of a tracker, in CSV) and
    one that took no time have none.

    Parameters
    ----------
    path : path
        The file.
    columns : mapping of str to str, optional
        Of CSV: our names, and those of the file, as in ``{"event_time": "Time", "lat":
        "Latitude"}``. Names that are ours already need none. Lists can't be read.
    format : {"gpx", "csv"}, optional
        By the file's suffix if left out.
    timezone : str, optional
        IANA name of the zone of times without an offset; needed if there are any. Of an hour that
        comes twice as the clocks are put back, the first is meant.
    speed_unit : {"km/h", "m/s", "mph", "knots"}
        Of the speed in CSV; that of GPX is in m/s.
    tracker_id : int
        The tracker's id, where the file has none.
    label : str, optional
        Its label, where the file has none; the file's name without its suffix if left out.

    Returns
    -------
    polars.DataFrame
        All columns of ``state_batch`` in their declared types and units, in the order of the file:
        ``event_time`` (UTC), ``lat``, ``lng`` (°, WGS 84), ``speed_kmh``, ``heading_deg``,
        ``alt_m``. Where the file doesn't tell otherwise, ``snapshot`` is False, ``gps_updated`` is
        ``event_time``, and ``recording`` is the file's name without its suffix. All else is null,
        such as ``received_at``: nothing was received, so there is no latency and no quality.

    Raises
    ------
    InvalidArgument
        If an argument doesn't fit, the file can't be read or is broken (the message names the
        line), it has a document type (DTD), lacks a column, or no row can be used.
    """
    file = Path(path).expanduser()
    kind = format if format is not None else file.suffix.lower().removeprefix(".")
    if format is None and kind not in ("gpx", "csv"):
        raise InvalidArgument(f"{file} ends in neither .gpx nor .csv; say format='gpx' or 'csv'.")
    one_of("format", kind, ("gpx", "csv"))
    one_of("speed_unit", speed_unit, tuple(_KMH))
    zone = zone_of(timezone)
    if kind == "gpx":
        if columns is not None:
            raise InvalidArgument("columns= is for CSV; what GPX has is named by its standard.")
        rows, factor = gpx_rows(file), _KMH["m/s"]
    else:
        rows, factor = _of_csv(file, columns or {}), _KMH[speed_unit]
    frame = _usable(file, rows, zone).with_columns(speed_kmh=pl.col("speed_kmh") * factor)
    defaults = {
        "recording": pl.lit(file.stem),
        "snapshot": pl.lit(value=False),
        "tracker_id": pl.lit(tracker_id),
        "label": pl.lit(file.stem if label is None else label),
        "gps_updated": pl.col("event_time"),
    }
    frame = frame.with_columns(
        (pl.coalesce(name, default) if name in frame.columns else default).alias(name)
        for name, default in defaults.items()
    )
    return _with_speed(frame).select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in schema("state_batch").items()
    )


def _of_csv(file: Path, columns: Mapping[str, str]) -> Iterator[Row]:
    if unknown := [name for name in columns if name not in _TYPES]:
        raise InvalidArgument(
            f"columns= has {unknown[0]!r}, which is no name of ours; choose from "
            f"{', '.join(_TYPES)}."
        )
    wanted = {name: columns.get(name, name) for name in _TYPES}
    needed = {name: wanted[name] for name in _TYPES if name in _NEEDED or name in columns}
    return csv_rows(file, wanted, needed)


def _usable(file: Path, rows: Iterator[Row], zone: ZoneInfo | None) -> pl.DataFrame:
    """Return the rows that have a time and a place, with ``segment`` and what was told of them."""
    told: dict[str, list[Any]] = {"speed_kmh": []}
    segments: list[int] = []
    count = 0
    for row in rows:
        count += 1
        values = {
            name: value_of(text, _TYPES[name], zone, f"{file}, line {row.line}, {name}")
            for name, text in row.values.items()
        }
        if any(values.get(name) is None for name in _NEEDED):
            continue
        if abs(values["lat"]) > _LAT or abs(values["lng"]) > _LNG:
            continue
        for name in values:
            if name not in told:
                told[name] = [None] * len(segments)
        for name, column in told.items():
            column.append(values.get(name))
        segments.append(row.segment)
    if not segments:
        what = f"none of its {count:,} points has" if count else "there is no point with"
        raise InvalidArgument(f"{file}: {what} a time and coordinates that are on Earth.")
    return pl.DataFrame({**told, "segment": segments}, schema_overrides=_TYPES)


def _with_speed(frame: pl.DataFrame) -> pl.DataFrame:
    """Fill in speeds that were not told with those of the way from the point before."""
    before = [pl.col(name).shift(1).over("tracker_id", "segment") for name in ("lat", "lng")]
    lasted = pl.col("event_time").diff().over("tracker_id", "segment").dt.total_microseconds()
    frame = frame.with_columns(before[0].alias("_lat"), before[1].alias("_lng"), _lasted=lasted)
    rows = nw.from_native(frame.lazy())
    rows = rows.with_columns(*unit_vector("lat", "lng", ""), *unit_vector("_lat", "_lng", "_"))
    frame = with_distance(rows, "", "_", "_way").to_native().collect()
    computed = pl.when(pl.col("_lasted") > 0).then(
        pl.col("_way") * _KMH_PER_M_US / pl.col("_lasted")
    )
    given = pl.when(pl.col("speed_kmh") >= 0).then("speed_kmh")
    return frame.with_columns(speed_kmh=pl.coalesce(given, computed))
