"""States and findings for GeoPandas: points, and the lines of trips."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from fleetlab.analysis.sources import Source
from fleetlab.errors import FleetlabError, InvalidArgument
from fleetlab.recording import Recording
from fleetlab.schemas import TIME

if TYPE_CHECKING:
    import geopandas

__all__ = ["to_geopandas"]

_ENDS: Final = ("start_lng", "start_lat", "end_lng", "end_lat")
_POINT: Final = ("lng", "lat")
_TRIP: Final = (*_ENDS, "started_at", "ended_at")


def to_geopandas(
    data: Recording | pl.DataFrame | pl.LazyFrame,
    states: Recording | pl.DataFrame | pl.LazyFrame | None = None,
) -> geopandas.GeoDataFrame:
    """Return states or findings as a GeoDataFrame, for spatial joins, maps and files of GIS.

    Parameters
    ----------
    data : Recording, polars.DataFrame or polars.LazyFrame
        A recording, whose states are taken; or rows with ``lat`` and ``lng`` (°, WGS 84), such as
        states, stops, idling, speeding and fuel events; or trips, with ``start_lat``,
        ``start_lng``, ``end_lat``, ``end_lng``, ``started_at`` and ``ended_at``.
    states : Recording, polars.DataFrame or polars.LazyFrame, optional
        Of trips: where they went, ``tracker_id``, ``event_time`` (UTC), ``lat``, ``lng``. Best
        cleaned first, by :func:`fleetlab.clean_positions`.

    Returns
    -------
    geopandas.GeoDataFrame
        The columns of `data`, and ``geometry`` in EPSG:4326, longitude first. Points of rows with
        ``lat`` and ``lng``, null where those are. Lines of trips: through the positions of `states`
        from ``started_at`` to ``ended_at``, both included, in the order of time; straight from
        start to end where `states` is left out or has less than two positions of it.

    Raises
    ------
    InvalidArgument
        If an argument is of another kind or has none of these columns.
    FleetlabError
        If GeoPandas isn't installed.
    """
    geopandas = _needed("geopandas")
    rows = _rows("data", data)
    if set(_POINT) <= set(rows.columns):
        if states is not None:
            raise InvalidArgument("states= is for trips; these rows are points, with lat and lng.")
        shapes = _points(rows)
    elif set(_TRIP) <= set(rows.columns):
        shapes = _lines(rows, None if states is None else _rows("states", states))
    else:
        raise InvalidArgument(
            "The rows have no place: neither lat and lng, nor start_lat, start_lng, end_lat, "
            f"end_lng, started_at and ended_at; they have {', '.join(rows.columns) or 'none'}."
        )
    pandas = _needed("pandas")
    columns = {
        column.name: pandas.Series(column.to_list(), dtype=_dtype(column.dtype)) for column in rows
    }
    return geopandas.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4326")


def _needed(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise FleetlabError(f"This needs {package}: pip install geopandas.") from error


def _rows(argument: str, data: Any) -> pl.DataFrame:
    if isinstance(data, Recording):
        data = Source.of(data).frame.to_native()
    if not isinstance(data, pl.DataFrame | pl.LazyFrame):
        raise InvalidArgument(
            f"{argument}= has to be a Recording or a Polars frame, not {type(data).__name__}."
        )
    return data.lazy().collect()


def _dtype(dtype: pl.DataType) -> str | None:
    """Return the type of pandas that keeps all values and nulls as they are."""
    if isinstance(dtype, pl.Datetime):
        return f"datetime64[us, {dtype.time_zone}]" if dtype.time_zone else "datetime64[us]"
    if dtype.is_integer():
        return "Int64"
    return {pl.Boolean: "boolean", pl.Float64: "float64"}.get(type(dtype))


def _points(rows: pl.DataFrame) -> list[Any]:
    point = _needed("shapely").Point
    return [
        None if lng is None or lat is None else point(lng, lat)
        for lng, lat in rows.select(_POINT).iter_rows()
    ]


def _lines(trips: pl.DataFrame, states: pl.DataFrame | None) -> list[Any]:
    line = _needed("shapely").LineString
    driven = {} if states is None else _driven(trips, states)
    lines = []
    for n, ends in enumerate(trips.select(_ENDS).iter_rows()):
        straight = [] if None in ends else [ends[:2], ends[2:]]
        way = driven.get(n, [])
        way = way if len(way) > 1 else straight
        lines.append(line(way) if way else None)
    return lines


def _driven(trips: pl.DataFrame, states: pl.DataFrame) -> dict[int, list[tuple[float, float]]]:
    """Return the positions of each trip, by its row."""
    if lacking := [name for name in ("event_time", *_POINT) if name not in states.columns]:
        raise InvalidArgument(
            f"states= has no {', '.join(lacking)}; it has {', '.join(states.columns) or 'none'}."
        )
    for name, rows in (("started_at", trips), ("ended_at", trips), ("event_time", states)):
        if not isinstance(rows.schema[name], pl.Datetime):
            raise InvalidArgument(
                f"The column {name} has to be of moments, and is {rows.schema[name]}."
            )
    # A frame of one tracker may have no id.
    who = [
        (pl.col("tracker_id") if "tracker_id" in frame.columns else pl.lit(None, pl.Int64))
        .fill_null(0)
        .alias("_who")
        for frame in (trips, states)
    ]
    spans = trips.with_row_index("_trip").select(
        "_trip", pl.col("started_at", "ended_at").cast(TIME), who[0]
    )
    places = states.select(
        pl.col("event_time").cast(TIME), *_POINT, who[1].alias("_tracker")
    ).drop_nulls()
    met = spans.join_where(
        places,
        pl.col("_who") == pl.col("_tracker"),
        pl.col("event_time") >= pl.col("started_at"),
        pl.col("event_time") <= pl.col("ended_at"),
    )
    ways = met.sort("_trip", "event_time").group_by("_trip").agg(pl.struct(_POINT).alias("way"))
    return {n: [(one["lng"], one["lat"]) for one in way] for n, way in ways.iter_rows()}
