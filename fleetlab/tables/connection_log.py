"""What happened to the connection, and when data may be missing because of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fleetlab.records import whole
from fleetlab.schemas import empty, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from fleetlab.records import ConnectionRecord

__all__ = ["ConnectionLog"]

_NONE: Final = empty("gaps")  # asked for several times a second


class ConnectionLog:
    """Rows of the tables ``connection`` and ``gaps``.

    Parameters
    ----------
    state : mapping, optional
        What :meth:`state` gave, to go on from there.

    Attributes
    ----------
    rows, gaps : list of tuple
        Rows of the two tables, with moments in microseconds.
    """

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self.gaps: list[tuple[Any, ...]] = []
        state = state or {}
        lost = state.get("lost")
        self._lost: tuple[int, int | None, str] | None = None if lost is None else tuple(lost)

    def state(self) -> dict[str, Any]:
        """Return what to go on from, JSON-able."""
        return {"lost": self._lost}

    def add(self, record: ConnectionRecord) -> None:
        """Take the next thing that happened."""
        steady_s = _seconds(0, record.steady)
        what, detail = whole(record.what), None if record.detail is None else whole(record.detail)
        self.rows.append((record.at, what, record.attempt, record.code, detail, steady_s))
        if record.what == "lost" and self._lost is None:
            at, steady = record.facts.get("alive", (record.at, record.steady))
            reason = "asleep" if record.facts.get("asleep") else "disconnected"
            self._lost = (at, steady, reason)
        elif record.what in ("subscribed", "ended") and self._lost is not None:
            at, steady, reason = self._lost
            self.gap(at, record.at, reason, lasted=_seconds(steady, record.steady))
            self._lost = None

    def gap(
        self,
        start: int,
        end: int,
        reason: str,
        event: str | None = None,
        tracker: int | None = None,
        field: str | None = None,
        *,
        lasted: float | None = None,
    ) -> None:
        """Note a time from which data may be missing, for all or for what is named.

        How long it lasted is told by the clock that nobody sets, where that is known.
        """
        start, end = min(start, end), max(start, end)
        lasted = (end - start) / 1e6 if lasted is None else lasted
        self.gaps.append((start, end, lasted, reason, event, tracker, field))

    def open_gap(self, until: int | None) -> pl.DataFrame:
        """Return the gap that has not ended, if there is one, as a frame of schema ``gaps``.

        Parameters
        ----------
        until : int or None
            When the recording ended in it, microseconds since 1970 in UTC; None: it goes on.
        """
        if self._lost is None:
            return _NONE
        start, _, reason = self._lost
        lasted = None if until is None else (until - start) / 1e6
        return table("gaps", [(start, until, lasted, reason, None, None, None)])


def _seconds(start: int | None, end: int | None) -> float | None:
    return None if start is None or end is None else (end - start) / 1e6
