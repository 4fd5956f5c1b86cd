"""Some trackers at a time: windows over a hundred million rows at once don't fit a machine."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw
import polars as pl

from fleetlab.analysis.backends import backend_of
from fleetlab.analysis.columns import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fleetlab.analysis.sources import Source

__all__ = ["by_tracker"]

ROWS: Final = 1_000_000
"""Rows in a batch, about: measured, ten of these take a third of the time of all at once."""

_PASSES: Final = 20  # a recording is read once a batch, and not more often
_WHO: Final = "tracker_id"


def by_tracker(detect: Callable[..., Any], *sources: Source) -> Any:
    """Return what a detector finds of all trackers, some of them at a time where that is better.

    No detector looks from one tracker to another. DuckDB and Spark divide the work themselves;
    Polars is given batches of whole trackers, in their order.

    Parameters
    ----------
    detect : callable
        Takes as many sources, and returns a native frame that is sorted by tracker.
    *sources : Source
        What it looks at; the first tells the kind of the result.
    """
    backend = sources[0].backend
    whole = all(_WHO in one.frame.collect_schema() for one in sources)
    if backend.eager is None or not whole:
        return detect(*sources)
    if backend.eager:
        return _in_turn(detect, sources)
    source, *others = sources
    kept = [name for name in source.frame.collect_schema() if name in COLUMNS]
    rows: pl.LazyFrame = source.frame.select(*kept).to_native()

    def found(frame: pl.DataFrame) -> pl.DataFrame:
        made, eager = backend_of(frame)
        first = replace(source, frame=made, backend=eager)
        one: pl.DataFrame = _in_turn(detect, (first, *others))
        return one

    schema = detect(*sources).collect_schema()
    return rows.map_batches(found, schema=schema)


def _in_turn(detect: Callable[..., Any], sources: Sequence[Source]) -> Any:
    frames: list[pl.LazyFrame] = [one.frame.to_native() for one in sources]
    batches = list(_batches(frames))
    if len(batches) < 2:  # noqa: PLR2004
        return detect(*sources)
    found = []
    for ids in batches:
        parts = [
            replace(one, frame=nw.from_native(frame.filter(_who().is_in(ids.implode()))))
            for one, frame in zip(sources, frames, strict=True)
        ]
        found.append(detect(*parts))
    return pl.concat(found)


def _batches(frames: Sequence[pl.LazyFrame]) -> Iterator[pl.Series]:
    """Return the ids of trackers that have about so many rows together."""
    counted = pl.concat([frame.group_by(_who()).len() for frame in frames])
    counts = counted.group_by(_WHO).agg(pl.col("len").sum()).sort(_WHO).collect()
    size = max(ROWS, (counts["len"].sum() or 0) // _PASSES)
    batch = (pl.col("len").cast(pl.Int64).cum_sum() - 1) // size
    for part in counts.with_columns(batch=batch).partition_by("batch", maintain_order=True):
        yield part[_WHO]


def _who() -> pl.Expr:
    return pl.col(_WHO).cast(pl.Int64)
