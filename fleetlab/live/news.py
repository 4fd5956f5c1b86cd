"""What is new in a recording that grows, from where the last look at it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleetlab.recording import Recording

__all__ = ["PIECE", "own", "pieces"]

PIECE: Final = 250_000
"""Rows that are looked at at a time, so that a long recording does not fill the memory."""


def pieces(recording: Recording, event: str, taken: int) -> Iterator[tuple[pl.LazyFrame, int]]:
    """Yield an event's rows after those that were taken, less those of nobody.

    Parameters
    ----------
    recording : Recording
        A later snapshot of the one that rows were taken of.
    event : str
        Whose rows.
    taken : int
        How many were taken before.

    Yields
    ------
    tuple of polars.LazyFrame and int
        Rows of known trackers, and how many rows will have been taken with them.
    """
    there = recording._rows(event)  # noqa: SLF001
    while taken < there:
        rows = recording._after(event, taken).head(PIECE)  # noqa: SLF001
        taken = min(there, taken + PIECE)
        yield rows.filter(pl.col("tracker_id").is_not_null()), taken


def own(kept: pl.DataFrame) -> pl.DataFrame:
    """Return the same, with texts of its own.

    In Polars the rows that a filter leaves hold on to the texts of all the rows that they were
    taken of; what is kept from look to look would so keep the whole recording's.
    """
    return kept.with_columns(pl.col(pl.String) + "")
