"""Charts of one page that look through what is told once, and not one after the other.

To make a detector's plan takes much longer than to look through the rows of one tracker.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import polars as pl

from fleetlab.analysis.columns import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from fleetlab.charts.source import Source

    Page = tuple[Sequence[Source], dict[Hashable, pl.DataFrame]]

__all__ = ["detected", "in_hand", "together"]

_page: ContextVar[Page | None] = ContextVar("page", default=None)


@contextmanager
def together(sources: Sequence[Source]) -> Iterator[None]:
    """Have detectors look through all of these once, for the charts that are made in this block.

    Parameters
    ----------
    sources : sequence of Source
        What the block's charts are drawn from: all of each, of a tracker each, with the same
        bounds, gaps and zone.
    """
    token = _page.set((sources, {}))
    try:
        yield
    finally:
        _page.reset(token)


def detected(
    what: Hashable,
    detect: Callable[..., pl.DataFrame],
    own: Sequence[pl.LazyFrame],
    read: Callable[[Source], Sequence[pl.LazyFrame]],
) -> pl.DataFrame:
    """Return what is found in a chart's own rows; within :func:`together`, in those of all.

    Parameters
    ----------
    what : hashable
        The detector with what it was asked for.
    detect : callable
        Takes as many frames as there are of a source, and returns what it finds.
    own : sequence of polars.LazyFrame
        What is to be looked at of the chart's source.
    read : callable
        Returns the same of another source.
    """
    page = _page.get()
    if page is None:
        return detect(*map(in_hand, own))
    sources, found = page
    if what not in found:
        parts = zip(*(map(in_hand, read(one)) for one in sources), strict=True)
        found[what] = detect(*(pl.concat(part, how="diagonal") for part in parts))
    return found[what]


def in_hand(rows: pl.LazyFrame) -> pl.DataFrame:
    """Return what detectors look at, read: of lazy rows they make their plan twice."""
    return rows.select(name for name in rows.collect_schema() if name in COLUMNS).collect()
