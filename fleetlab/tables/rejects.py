"""What could not be understood, kept by name instead of dropped in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from fleetlab.schemas import table

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Origin", "Reject", "Rejects"]

RAW_LIMIT = 2_000
"""Characters of a rejected part that are kept, and of the names that lead to it; the whole message
is in the journal."""

ROW_LIMIT = 100_000
"""Rejects that are listed one by one; a hostile server may not fill the memory with them."""


class Origin(NamedTuple):
    """Where a piece of data came from: the message, and the tracker where it is known."""

    seq: int
    at: int
    event: str | None
    tracker_id: int | None = None


class Reject(NamedTuple):
    """One part that could not be read.

    Attributes
    ----------
    path : str
        JSON path, relative to the part that was being read.
    reason : str
        Why, for people.
    raw : str
        The part as it came.
    """

    path: str
    reason: str
    raw: str


class Rejects:
    """Collects rejects in the order in which they were met."""

    def __init__(self, listed: int = 0) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self.listed = listed

    def add(self, origin: Origin, path: str, reason: str, raw: str | bytes) -> None:
        """Note a part that could not be read."""
        self.listed += 1
        if self.listed > ROW_LIMIT:
            return
        if self.listed == ROW_LIMIT:
            reason = f"more than {ROW_LIMIT:,} rejects; from here on they are in the journal only"
        text = raw if isinstance(raw, str) else raw.decode("utf-8", "replace")
        self.rows.append((*origin[:4], _cut(path), reason, _cut(text)))

    def frame(self) -> pl.DataFrame:
        """Return what was collected as a frame of schema ``rejects``."""
        return table("rejects", self.rows)


def _cut(text: str) -> str:
    return text if len(text) <= RAW_LIMIT else text[:RAW_LIMIT] + "…"
