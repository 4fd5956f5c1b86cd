"""Where trackers went and where they are: what a map is drawn from.

A trail is a piece of a track without a break. It breaks in a gap of the connection, while the
device is not heard, after twenty minutes without a position, and at a jump that no vehicle makes.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import polars as pl

from fleetlab.charts.mercator import stretched
from fleetlab.charts.theme import UNKNOWN
from fleetlab.fixes import breaks, changes, is_placed, is_silent, is_towers

if TYPE_CHECKING:
    from fleetlab.charts.mercator import View
    from fleetlab.charts.source import Source

__all__ = ["last_positions", "positions", "segments", "spots", "trails"]

_SQUARES: Final = 1_000  # in a degree: squares of some 100 m, by which it is told who got around
_HALF_WORLD: Final = 180  # degrees
_WHO: Final = "who"
_POINT: Final = ("line", "event_time", "lat", "lng", "speed", "status")
_COARSER: Final = 1.5  # how much larger squares are tried next
_SEGMENTS_BYTES: Final = 1_100_000
_SPOTS_BYTES: Final = 600_000
_ROW_BYTES: Final = 150  # of a row as JSON, less its name


def positions(source: Source) -> pl.DataFrame:
    """Return the rows of states with what they are good for on a map, tracker by tracker in time.

    The positions of cell towers (``towers``), snapshots, and those of a device that is not heard
    (``silent``) are no part of a track.

    Parameters
    ----------
    source : Source
        What is drawn.

    Returns
    -------
    polars.DataFrame
        ``who`` (a tracker's id, or that of an unknown source, negative), ``line``, ``event_time``,
        ``lat``, ``lng``, ``speed``, ``status``, the flags ``towers``, ``silent``, ``placed`` and
        ``on_track``, and the number of ``gaps`` before it.
    """
    moment = pl.col("event_time")
    silent, towers, placed = is_silent(), is_towers(), is_placed()
    moving = pl.col("movement_status").fill_null(UNKNOWN)
    start = source.start or datetime.max.replace(tzinfo=UTC)
    ends = source.gaps["ended_at"].drop_nulls().sort()
    rows = (
        source.states()
        .select(
            # Sources that no tracker is known of are told apart by their own ids.
            pl.coalesce("tracker_id", -pl.col("source_id")).alias(_WHO),
            "line",
            "event_time",
            "lat",
            "lng",
            pl.when(~silent).then("speed_kmh").alias("speed"),
            pl.when(silent).then("connection_status").otherwise(moving).alias("status"),
            towers.alias("towers"),
            silent.alias("silent"),
            placed.alias("placed"),
            (placed & (moment >= start) & ~silent & ~towers & ~pl.col("snapshot"))
            .fill_null(value=False)
            .alias("on_track"),
            pl.lit(ends).search_sorted(pl.col("received_at"), side="right").alias("gaps"),
        )
        .collect()
    )
    # One key sorts several times faster than two. What was before the start keeps its order.
    trackers = rows[_WHO].unique()
    order = pl.col(_WHO).replace_strict(trackers, range(len(trackers)), return_dtype=pl.Int64)
    span = ((source.end or start) - start) // timedelta(microseconds=1) + 2
    since = (moment - pl.lit(start)).dt.total_microseconds().clip(lower_bound=-1) + 1
    return rows.sort(order * span + since, maintain_order=True)


def last_positions(rows: pl.DataFrame) -> pl.DataFrame:
    """Return each tracker's last position, those first that got around most.

    Parameters
    ----------
    rows : polars.DataFrame
        What :func:`positions` gave.

    Returns
    -------
    polars.DataFrame
        ``who``, ``line``, ``event_time``, ``lat``, ``lng`` (null where it has
        no position), ``towers``, ``speed``, ``status``, and in how many ``squares`` it was.
    """
    last = changes(_WHO, -1)
    square = (pl.col("lat") * _SQUARES).floor() * (360 * 2 * _SQUARES) + (
        pl.col("lng") * _SQUARES
    ).floor()
    told = rows.filter(last).select(_WHO, "line", "speed", "status")
    where = rows.filter("placed").filter(last).select(_WHO, "event_time", "lat", "lng", "towers")
    visited = (
        rows.lazy()
        .filter("on_track")
        .select(_WHO, square=square)
        .filter(changes(_WHO) | changes("square"))  # most stand where they stood
        .group_by(_WHO)
        .agg(pl.col("square").n_unique().alias("squares"))
        .collect()
    )
    return (
        told.join(where, on=_WHO, how="left", nulls_equal=True)
        .join(visited, on=_WHO, how="left", nulls_equal=True)
        .with_columns(pl.col("squares").fill_null(0))
        .sort("squares", _WHO, descending=[True, False])
    )


def trails(rows: pl.DataFrame, of: pl.DataFrame) -> pl.DataFrame:
    """Return the points of some trackers' trails, each trail in the order of time.

    Parameters
    ----------
    rows : polars.DataFrame
        What :func:`positions` gave.
    of : polars.DataFrame
        ``who`` of the trackers.

    Returns
    -------
    polars.DataFrame
        ``line``, ``trail``, ``event_time``, ``lat``, ``lng``, ``speed``, ``status``; a trail has
        two points or more.
    """
    trail = pl.col("trail")
    return (
        rows.lazy()
        .filter(pl.col(_WHO).is_in(of[_WHO].implode(), nulls_equal=True))
        .with_columns(_silences=pl.col("silent").cum_sum())
        .filter("on_track")
        # The same moment sent twice counts once: as it was sent last.
        .filter(changes(_WHO, -1) | changes("event_time", -1))
        .with_columns(trail=breaks(_WHO, "gaps", "_silences").cum_sum())
        .filter((trail == trail.shift()) | (trail == trail.shift(-1)))
        .select(*_POINT, "trail")
        .collect()
    )


def segments(points: pl.DataFrame, view: View) -> tuple[pl.DataFrame, int]:
    """Return points each with the next one of its trail, thinned to what can be drawn.

    Of a trail's points in one square of the picture only the fastest is kept, and where a tracker
    takes the same way again, only the fastest time; ends of trails stay. The squares are as small
    as the number of points allows.

    Returns
    -------
    frame : polars.DataFrame
        ``line``, ``event_time``, ``lat``, ``lng``, ``lat2``, ``lng2`` (null where the trail
        ends), ``speed``, ``status``.
    left_out : int
        How many points were thinned out.
    """
    room = _room(points["line"], _SEGMENTS_BYTES)
    place = {"_x": view.across(pl.col("lng")), "_y": stretched(pl.col("lat"))}
    runs = points.with_columns(**place)
    kept, size = _followed(runs, "lat", "lng"), view.pixel
    while len(kept) > room:
        runs = _slowed(runs, size)
        kept = _once(runs, size)
        size *= _COARSER
    # What would run right across a map of the whole world ends at its edges instead.
    astray = (view.across(pl.col("lng2")) - pl.col("_x")).abs() > _HALF_WORLD
    following = [pl.when(~astray).then(name).round(6).alias(name) for name in ("lat2", "lng2")]
    drawn = kept.with_columns(pl.col("lat", "lng").round(6), *following)
    return drawn.select(*_POINT, "lat2", "lng2"), len(points) - len(kept)


def _slowed(points: pl.DataFrame, size: float) -> pl.DataFrame:
    """Return the fastest of a trail's points in each square, and the ends of trails."""
    squares = points.lazy().with_columns(
        _column=(pl.col("_x") / size).floor(), _row=(pl.col("_y") / size).floor()
    )
    end = changes("trail", -1)
    starts = pl.any_horizontal(changes(name) for name in ("trail", "_column", "_row"))
    alone = end | changes("trail") | changes("trail", 2)
    run = (starts | alone).cum_sum()
    fastest = pl.col("speed").fill_null(-1)
    return (
        squares.with_columns(_run=run)
        .filter(fastest == fastest.max().over("_run"))
        .filter(changes("_run"))
        .drop("_column", "_row", "_run")
        .collect()
    )


def _once(runs: pl.DataFrame, size: float) -> pl.DataFrame:
    """Return points each with the next one; where a tracker goes a way again, the fastest time."""
    way = [(pl.col(name) / size).floor().alias(f"_{name}") for name in ("_x", "_y", "_x2", "_y2")]
    return (
        _followed(runs, "lat", "lng", "_x", "_y")
        .with_row_index("_place")
        .with_columns(way)
        .sort("speed", descending=True, nulls_last=True, maintain_order=True)
        .unique(["line", *(f"_{name}" for name in ("_x", "_y", "_x2", "_y2"))], keep="first")
        .sort("_place")
    )


def _followed(points: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """Return points with columns of the next of the same trail, named with a 2."""
    goes_on = pl.col("trail") == pl.col("trail").shift(-1)
    return points.with_columns(
        pl.when(goes_on).then(pl.col(name).shift(-1)).alias(f"{name}2") for name in columns
    )


def spots(positions: pl.DataFrame, view: View) -> pl.DataFrame:
    """Return last positions, of those that would cover each other only one.

    Returns
    -------
    polars.DataFrame
        Rows of ``positions``, with ``others``: how many more each of them stands for.
    """
    room = _room(positions["line"], _SPOTS_BYTES)
    kept, size = positions.with_columns(others=0), view.pixel * 2
    x, y = view.across(pl.col("lng")), stretched(pl.col("lat"))
    while len(kept) > room:
        kept = (
            positions.group_by((x / size).floor().alias("_x"), (y / size).floor().alias("_y"))
            .agg(pl.all().first(), others=pl.len().cast(pl.Int64) - 1)
            .drop("_x", "_y")
            .sort("squares", descending=True)
        )
        size *= _COARSER
    return kept.with_columns(pl.col("lat", "lng").round(6))


def _room(names: pl.Series, size: int) -> int:
    """Return how many rows with such names have that size in a page: ü has six bytes there."""
    some = names.sample(min(len(names), 200), seed=1).cast(pl.String).fill_null("")
    each = sum(len(json.dumps(name)) for name in some) / max(1, len(some))
    return int(size / (_ROW_BYTES + each))
