"""Trips beside those of a report of the platform, each with why they differ."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from fleetlab.analysis.bounds import gaps_of
from fleetlab.analysis.checks import number
from fleetlab.analysis.sources import STATES
from fleetlab.errors import InvalidArgument
from fleetlab.schemas import TIME
from fleetlab.track_files import Row, csv_rows, value_of, zone_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from zoneinfo import ZoneInfo

__all__ = ["compare_trips"]

_THEIRS: Final[dict[str, Any]] = {
    "tracker_id": pl.Int64(), "label": pl.String(), "start": TIME, "end": TIME,
    "length_km": pl.Float64(),
}  # fmt: skip
_OURS: Final[dict[str, Any]] = {
    "tracker_id": pl.Int64(), "label": pl.String(), "started_at": TIME, "ended_at": TIME,
    "distance_m": pl.Float64(), "censored_start": pl.Boolean(), "censored_end": pl.Boolean(),
}  # fmt: skip


def compare_trips(
    ours: pl.DataFrame | pl.LazyFrame,
    theirs: str | os.PathLike[str] | pl.DataFrame | pl.LazyFrame,
    *,
    columns: Mapping[str, str] | None = None,
    timezone: str | None = None,
    gaps: pl.DataFrame | None = None,
    tolerance_s: float = 60.0,
    tolerance_percent: float = 5.0,
    min_distance_m: float = 100.0,
) -> pl.DataFrame:
    """Lay trips beside those of a report that was exported from the platform.

    Trips of the same tracker that overlap in time are laid beside each other. The first of these
    words that fits says why they differ:

    - ``rule: shorter than 100 m``: theirs alone, and shorter than `min_distance_m`, below which
      none of ours is kept.
    - ``same``: start and end differ by `tolerance_s` at most, and the distance, where theirs is
      known, by `tolerance_percent` of theirs.
    - ``gap``: one of `gaps` overlaps them; of theirs alone, too.
    - ``censored``: ours was not seen to begin or to end, and that is where they differ; or they
      differ in distance alone, and one of both was not seen.
    - ``split``: one of theirs is several of ours. A stop between them ended a trip here and not
      there; ``stop_s`` is the one before this part.
    - ``merged``: the reverse, with the stop between theirs.
    - ``different``: one of ours and one of theirs, and nothing of this explains it.
    - ``only ours``, ``only theirs``: nothing of the other overlaps it. Theirs may lie outside of
      what was recorded.

    Parameters
    ----------
    ours : polars.DataFrame or polars.LazyFrame
        What :func:`fleetlab.trips` found.
    theirs : path, polars.DataFrame or polars.LazyFrame
        A CSV file, as :func:`fleetlab.read_track` reads them, or a frame: ``tracker_id`` or
        ``label`` or both, ``start``, ``end``, and ``length_km``, if it is there. Rows without a
        start or an end, such as sums, are left out.
    columns : mapping of str to str, optional
        These names, and those that `theirs` has for them, as in ``{"start": "Departure"}``.
    timezone : str, optional
        IANA name of the zone of their times without an offset; needed if there are any.
    gaps : polars.DataFrame, optional
        Those of the recording, ``rec.gaps``: ``started_at``, ``ended_at`` (UTC), ``tracker_id``.
    tolerance_s, tolerance_percent : float
        Up to which differences of time and of distance they are the same.
    min_distance_m : float
        What :func:`fleetlab.trips` was asked for.

    Returns
    -------
    polars.DataFrame
        A row a pair, or one that is alone, sorted by tracker and start: ``tracker_id``, ``label``;
        ``started_at``, ``ended_at`` (UTC) and ``distance_m`` of ours; ``their_started_at``,
        ``their_ended_at`` (UTC), ``their_distance_m``; ``start_diff_s``, ``end_diff_s``,
        ``distance_diff_m``, ours less theirs; ``stop_s`` and ``why``. What is theirs has our id
        if the id is one of ours, or the label is.

    Raises
    ------
    InvalidArgument
        If an argument doesn't fit, the file can't be read or is broken (the message names the
        line), a column is missing, or a label without an id is that of several of our trackers.
    """
    seconds = number("tolerance_s", tolerance_s, 0, 86_400, "s")
    percent = number("tolerance_percent", tolerance_percent, 0, 100, "%")
    least = number("min_distance_m", min_distance_m, 0, 1e9, "m")
    mine = _ours(ours)
    other = _known(_theirs(theirs, dict(columns or {}), zone_of(timezone)), mine)
    pairs = mine.join_where(
        other,
        pl.col("tracker_id") == pl.col("_tracker"),
        pl.col("started_at") < pl.col("their_ended_at"),
        pl.col("their_started_at") < pl.col("ended_at"),
    )
    alone = (mine.join(pairs, on="_our", how="anti"), other.join(pairs, on="_their", how="anti"))
    rows = pl.concat([pairs, *alone], how="diagonal")
    rows = rows.with_columns(tracker_id=pl.coalesce("tracker_id", "_tracker", "_id"))
    rows = rows.with_columns(
        label=pl.coalesce("label", pl.col("label").max().over("tracker_id"), "_label"),
        start_diff_s=_seconds(pl.col("started_at") - pl.col("their_started_at")),
        end_diff_s=_seconds(pl.col("ended_at") - pl.col("their_ended_at")),
        distance_diff_m=pl.col("distance_m") - pl.col("their_distance_m"),
        _start=pl.min_horizontal("started_at", "their_started_at"),
        _end=pl.max_horizontal("ended_at", "their_ended_at"),
    )
    rows = _with_gaps(rows, gaps).sort("tracker_id", "label", "_start", "started_at", "_their")
    return _explained(rows, seconds, percent, least).select(
        *(name for name in _OURS if not name.startswith("censored")),
        "their_started_at",
        "their_ended_at",
        "their_distance_m",
        "start_diff_s",
        "end_diff_s",
        "distance_diff_m",
        "stop_s",
        "why",
    )


def _explained(rows: pl.DataFrame, seconds: float, percent: float, least: float) -> pl.DataFrame:
    """Add ``why`` and ``stop_s``."""
    paired = pl.col("_our").is_not_null() & pl.col("_their").is_not_null()
    several_ours = paired & (pl.len().over("_their") > 1)
    several_theirs = paired & (pl.len().over("_our") > 1)
    late_start = pl.col("start_diff_s").abs() > seconds
    late_end = pl.col("end_diff_s").abs() > seconds
    off = pl.col("distance_diff_m").abs() > pl.col("their_distance_m") * (percent / 100)
    off = off.fill_null(value=False)
    unseen_start, unseen_end = pl.col("censored_start"), pl.col("censored_end")
    in_time = ~late_start & ~late_end
    unseen = (
        (late_start & unseen_start)
        | (late_end & unseen_end)
        | (in_time & off & (unseen_start | unseen_end))
    )
    why = (
        pl.when(pl.col("_their").is_null())
        .then(pl.lit("only ours"))
        .when(~paired & (pl.col("their_distance_m") < least))
        .then(pl.lit(f"rule: shorter than {least:g} m"))
        .when(paired & in_time & ~off)
        .then(pl.lit("same"))
        .when("_gap")
        .then(pl.lit("gap"))
        .when(~paired)
        .then(pl.lit("only theirs"))
        .when(unseen)
        .then(pl.lit("censored"))
        .when(several_ours)
        .then(pl.lit("split"))
        .when(several_theirs)
        .then(pl.lit("merged"))
        .otherwise(pl.lit("different"))
    )
    ours = pl.col("started_at") - pl.col("ended_at").shift(1).over("_their")
    theirs = pl.col("their_started_at") - pl.col("their_ended_at").shift(1).over("_our")
    stop = pl.when(several_ours).then(ours).when(several_theirs).then(theirs)
    return rows.with_columns(why=why, stop_s=_seconds(stop))


def _seconds(lasted: pl.Expr) -> pl.Expr:
    return lasted.dt.total_microseconds() / 1e6


def _with_gaps(rows: pl.DataFrame, gaps: Any) -> pl.DataFrame:
    """Add ``_gap``, whether a gap overlaps."""
    known = [] if gaps is None else gaps_of(gaps, STATES)
    start, end = pl.col("_start").dt.epoch("us"), pl.col("_end").dt.epoch("us")
    meets = [
        (start < until) & (end > since) & (who is None or pl.col("tracker_id") == who)
        for who, since, until in known
    ]
    return rows.with_columns(_gap=pl.any_horizontal(pl.lit(value=False), *meets))


def _ours(trips: Any) -> pl.DataFrame:
    if not isinstance(trips, pl.DataFrame | pl.LazyFrame):
        raise InvalidArgument(
            f"ours= has to be a Polars frame of trips, not {type(trips).__name__}."
        )
    rows = trips.lazy().collect()
    if lacking := [name for name in _OURS if name not in rows.columns]:
        raise InvalidArgument(f"ours= are no trips: there is no {', '.join(lacking)}.")
    try:
        return rows.select(*_OURS).cast(pl.Schema(_OURS)).with_row_index("_our")
    except pl.exceptions.PolarsError as error:
        raise InvalidArgument(
            "ours= are no trips: its columns have other types than fleetlab.trips gives them."
        ) from error


def _theirs(report: Any, columns: dict[str, str], zone: ZoneInfo | None) -> pl.DataFrame:
    if unknown := [name for name in columns if name not in _THEIRS]:
        raise InvalidArgument(
            f"columns= has {unknown[0]!r}, which is no name of ours; choose from "
            f"{', '.join(_THEIRS)}."
        )
    wanted = {name: columns.get(name, name) for name in _THEIRS}
    needed = {name: wanted[name] for name in _THEIRS if name in ("start", "end", *columns)}
    if isinstance(report, str | os.PathLike):
        file = Path(report).expanduser()
        name, rows = f"{file}, line", csv_rows(file, wanted, needed)
    elif isinstance(report, pl.DataFrame | pl.LazyFrame):
        name, rows = "theirs, row", _frame_rows(report.lazy().collect(), wanted, needed)
    else:
        raise InvalidArgument(
            f"theirs= has to be a CSV file or a Polars frame, not {type(report).__name__}."
        )
    made = []
    for row in rows:
        if not {"start", "end"} <= row.values.keys():
            continue
        if not {"tracker_id", "label"} & row.values.keys():
            raise InvalidArgument(
                f"{name} {row.line}: there is neither tracker_id nor label; name the column as in "
                "columns={'label': 'Vehicle'}."
            )
        made.append(
            {
                key: value_of(text, _THEIRS[key], zone, f"{name} {row.line}, {key}")
                for key, text in row.values.items()
            }
        )
    return pl.DataFrame(made, schema=_THEIRS).select(
        _id="tracker_id",
        _label="label",
        their_started_at="start",
        their_ended_at="end",
        their_distance_m=pl.col("length_km") * 1000,
    )


def _frame_rows(
    frame: pl.DataFrame, wanted: Mapping[str, str], needed: Mapping[str, str]
) -> Iterator[Row]:
    """Read a frame as if it were a file."""
    if lacking := [name for name in needed.values() if name not in frame.columns]:
        raise InvalidArgument(
            f"theirs= has no column {', '.join(lacking)}; it has "
            f"{', '.join(frame.columns) or 'none'}."
        )
    found = {ours: theirs for ours, theirs in wanted.items() if theirs in frame.columns}
    for n, cells in enumerate(frame.select(**found).iter_rows(), 1):
        told = {
            name: value.isoformat() if isinstance(value, datetime) else str(value)
            for name, value in zip(found, cells, strict=True)
            if value is not None
        }
        yield Row(n, 0, told)


def _known(theirs: pl.DataFrame, ours: pl.DataFrame) -> pl.DataFrame:
    """Add ``_their``, its number, and ``_tracker``, which of our trackers it is of."""
    names = ours.select("tracker_id", "label").drop_nulls().unique()
    known = theirs["_id"].is_in(ours["tracker_id"].unique().implode())
    twice = names.filter(pl.col("label").is_duplicated())["label"]
    unclear = theirs.filter(~known.fill_null(value=False), pl.col("_label").is_in(twice.implode()))
    if len(unclear):
        raise InvalidArgument(
            f"{unclear['_label'][0]!r} is the label of several of our trackers; give theirs a "
            "column tracker_id."
        )
    ids = names.unique("label").select(_label="label", _named="tracker_id")
    rows = theirs.with_columns(_known=known).join(
        ids, on="_label", how="left", maintain_order="left"
    )
    tracker = pl.when("_known").then("_id").otherwise("_named")
    return rows.with_columns(_tracker=tracker).drop("_known", "_named").with_row_index("_their")
