"""What happened to the connection, and when data may be missing because of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fleetlab.schemas import table

if TYPE_CHECKING:
    import polars as pl

    from fleetlab.records import ConnectionRecord

__all__ = ["ConnectionLog"]


class ConnectionLog:
    """Rows of the tables ``connection`` and ``gaps``.

    Parameters
    ----------
    lost_at : int or None
        Since when the connection is lost, microseconds since 1970 in UTC; None: it is not.

    Attributes
    ----------
    rows, gaps : list of tuple
        Rows of the two tables, with moments in microseconds.
    lost_at : int or None
        As above, by now.
    """

    def __init__(self, lost_at: int | None = None) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self.gaps: list[tuple[Any, ...]] = []
        self.lost_at = lost_at

    def add(self, record: ConnectionRecord) -> None:
        """Take the next thing that happened."""
        row = (record.at, record.what, record.attempt, record.code, record.detail)
        self.rows.append(row)
        if record.what == "lost" and self.lost_at is None:
            self.lost_at = record.facts.get("alive_at", record.at)  # the last sign of life
        elif record.what in ("subscribed", "ended") and self.lost_at is not None:
            self.gap(self.lost_at, record.at, "disconnected")
            self.lost_at = None

    def gap(
        self,
        start: int,
        end: int,
        reason: str,
        event: str | None = None,
        tracker: int | None = None,
        field: str | None = None,
    ) -> None:
        """Note a time from which data may be missing, for all or for what is named."""
        start, end = min(start, end), max(start, end)
        self.gaps.append((start, end, (end - start) / 1e6, reason, event, tracker, field))

    def open_gap(self, until: int | None) -> pl.DataFrame:
        """Return the gap that has not ended, if there is one, as a frame of schema ``gaps``.

        Parameters
        ----------
        until : int or None
            When the recording ended in it, microseconds since 1970 in UTC; None: it goes on.
        """
        if self.lost_at is None:
            return table("gaps", [])
        lasted = None if until is None else (until - self.lost_at) / 1e6
        row = (self.lost_at, until, lasted, "disconnected", None, None, None)
        return table("gaps", [row])
