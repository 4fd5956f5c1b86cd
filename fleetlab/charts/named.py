"""Attributes and readings by name: what there is, and what of it goes on one axis."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import polars as pl

from fleetlab.errors import InvalidArgument
from fleetlab.recording.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetlab.charts.source import Source

__all__ = ["Named", "find"]

_TIMES: Final = ("event_time", "server_time", "received_at", "snapshot")
_VALUES: Final = ("value", "value_text", "value_type")
_WORDS: Final = ("reading", "name", "sensor_label")  # what a reading may be asked for by
_CLOSE: Final = 5


@dataclass(frozen=True)
class Named:
    """What goes on one axis: the rows of one name and one unit.

    Attributes
    ----------
    name : str
        What it was asked for by, and what it is where there is more than one kind.
    unit : str or None
        The unit that all of it has; None where none is told.
    numbers : bool
        Whether most of its values are numbers.
    others : int
        How many values are not what most are.
    rows : polars.LazyFrame
        ``line``, ``who`` (the tracker's line), ``event_time``, ``server_time``, ``received_at``,
        ``snapshot``, ``value``, ``value_text``, ``value_type``.
    overruns : polars.DataFrame
        ``line``, ``started_at``, ``ended_at``: when values of a queue may have been missed.
    """

    name: str
    unit: str | None
    numbers: bool
    others: int
    rows: pl.LazyFrame
    overruns: pl.DataFrame

    @property
    def title(self) -> str:
        """Its name with its unit."""
        return f"{self.name} ({self.unit or 'no unit told'})"


def find(source: Source, names: Sequence[str]) -> list[Named]:
    """Find what has these names, in their order; a name may bring several, or nothing.

    Raises
    ------
    InvalidArgument
        If there is no such name, whatever the tracker and the time.
    """
    attributes = _rows(source, "field").filter(pl.col("field").is_in(names))
    readings = _rows(source, "reading").filter(
        pl.any_horizontal(pl.col(word).is_in(names) for word in _WORDS)
    )
    found: list[Named] = []
    missing = []
    for name in names:
        own = _attribute(source, attributes.filter(pl.col("field") == name), name)
        own += _readings(readings, name, beside=bool(own))
        found += own
        if not own:
            missing.append(name)
    if missing:
        _check(replace(source, trackers=None, end=None), missing)
    return found


def _rows(source: Source, column: str) -> pl.LazyFrame:
    """Return the rows that have a column; none of a bare frame that is of another event."""
    rows = source.attributes() if column == "field" else source.readings()
    data = source.data
    if isinstance(data, Recording) or column in data.lazy().collect_schema().names():
        return rows
    return rows.head(0)


def _attribute(source: Source, rows: pl.LazyFrame, name: str) -> list[Named]:
    # Values of the same second are all real; a microsecond apart each of them is drawn.
    place = pl.int_range(pl.len())
    again = pl.all_horizontal(
        pl.col(one) == pl.col(one).shift(1) for one in ("line", "event_time")
    ).fill_null(value=False)
    nth = place - pl.when(~again).then(place).forward_fill()
    rows = rows.select("tracker_id", *_TIMES, *_VALUES, "line", who="line").with_columns(
        pl.col("event_time") + pl.duration(microseconds=nth)
    )
    numbers, others = _kinds(rows)
    if not numbers and not others:
        return []
    overruns = pl.DataFrame(
        schema={name: pl.Datetime("us", "UTC") for name in ("started_at", "ended_at")}
    ).with_columns(line=pl.lit(None, pl.String))
    if isinstance(source.data, Recording):
        lines = rows.select("tracker_id", "line").unique().collect()
        overruns = (
            source.data.gaps.filter(pl.col("field") == name, pl.col("event") == "iot_monitor")
            .join(lines, on="tracker_id")
            .select("line", "started_at", "ended_at")
        )
    most = max(numbers, others)
    return [Named(name, None, numbers >= others, numbers + others - most, rows, overruns)]


def _readings(rows: pl.LazyFrame, name: str, *, beside: bool) -> list[Named]:
    """Find a reading: by its own name, else by the input's or the sensor's; a unit at a time."""
    exact = rows.filter(pl.col("reading") == name)
    if exact.head(1).collect().is_empty():
        exact = rows.filter(pl.any_horizontal(pl.col(word) == name for word in _WORDS[1:]))
    which = exact.select("line", *_WORDS, "units").unique(("line", "reading", "units"), keep="last")
    kinds = which.collect().sort("units", "line", "reading", nulls_last=True)
    found = []
    for unit in kinds["units"].unique(maintain_order=True):
        mine = kinds.filter(pl.col("units").eq_missing(pl.lit(unit, pl.String)))
        called = pl.coalesce("sensor_label", "name", "reading")
        alike = pl.struct("line", called).is_duplicated()
        several = pl.format("{} · {}", "line", pl.when(alike).then("reading").otherwise(called))
        lines = mine.select(
            "line",
            "reading",
            who=pl.col("line").cast(pl.String),
            called=pl.when(pl.col("line").is_duplicated())
            .then(several)
            .otherwise(pl.col("line").cast(pl.String)),
        )
        own = (
            exact.filter(pl.col("units").eq_missing(pl.lit(unit, pl.String)))
            .join(lines.lazy(), on=["line", "reading"], maintain_order="left")
            .select("who", *_TIMES, *_VALUES, line="called")
        )
        numbers, others = _kinds(own)
        if numbers or others:
            called_so = f"{name}, as a reading" if beside else name
            rest = min(numbers, others)
            none = pl.DataFrame(schema={"line": pl.String})
            found.append(Named(called_so, unit, numbers >= others, rest, own, none))
    return found


def _kinds(rows: pl.LazyFrame) -> tuple[int, int]:
    """Return how many values are numbers, and how many are something else that isn't null."""
    number = pl.col("value").is_not_null()
    other = ~number & pl.col("value_text").is_not_null()
    [(numbers, others)] = (
        rows.select(number.sum().alias("n"), other.sum().alias("o")).collect().rows()
    )
    return numbers, others


def _check(source: Source, missing: list[str]) -> None:
    """Raise if there are names, but not these."""
    fields = source.attributes().select(pl.col("field").unique()).collect().to_series().drop_nulls()
    readings = source.readings().select(_WORDS).unique().collect()
    words = {word for column in _WORDS for word in readings[column].drop_nulls()}
    there = sorted(words | set(fields))
    if not there:
        return
    for name in missing:
        if name in there:
            continue
        folded = {word.casefold(): word for word in there}
        close = difflib.get_close_matches(name.casefold(), folded, _CLOSE, 0.5)
        hint = (
            f"close to it: {', '.join(repr(folded[word]) for word in close)}"
            if close
            else f"some there are: {', '.join(map(repr, there[:_CLOSE]))}"
        )
        raise InvalidArgument(
            f"{name!r} is neither an attribute nor a reading; {hint}. There are "
            f"{fields.len():,} attributes (iot_monitor's field) and "
            f"{readings['reading'].drop_nulls().n_unique():,} readings (readings_batch's reading, "
            "name or sensor_label)."
        )
