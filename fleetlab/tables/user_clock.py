"""The clock that the wire's times are read on: a zone that is known, or an inferred offset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from fleetlab.tables.times import Times, is_zone, shown_offset, to_utc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["UserClock"]


class UserClock:
    """What a time without an offset means.

    Parameters
    ----------
    state : mapping
        What :meth:`state` gave, to go on from there.

    Attributes
    ----------
    zone : str or None
        IANA name, where it is known.
    source : str or None
        ``"argument"``, ``"server"`` or ``"inferred"``.
    offset : int or None
        The offset from UTC inferred last, in microseconds.
    """

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.zone: str | None = state.get("zone")
        self.source: str | None = state.get("zone_source")
        self.offset: int | None = state.get("offset")

    def state(self) -> dict[str, Any]:
        """Return what to go on from, JSON-able."""
        return {"zone": self.zone, "zone_source": self.source, "offset": self.offset}

    def name(self, zone: object, source: str) -> bool:
        """Take a zone, unless it is none; tell whether it was taken."""
        if not is_zone(zone):
            return False
        self.zone, self.source = str(zone), source
        return True

    def hear(self, user_time: str, at: int) -> Times:
        """Read the server's clock; where the zone isn't known, it shows the offset anew.

        Parameters
        ----------
        user_time : str
            As on the wire.
        at : int
            Time of arrival, microseconds since 1970 in UTC.
        """
        if self.zone is None:
            offset = shown_offset(user_time, at)
            if offset is not None:
                self.offset, self.source = offset, "inferred"
        return self.read([user_time], at)

    def read(self, texts: Sequence[str | None], at: int) -> Times:
        """Read some times of one message."""
        count = len(texts)
        offset = None if self.offset is None else pl.Series([self.offset] * count)
        received = pl.Series([at] * count)
        return to_utc(pl.Series(texts, dtype=pl.String), received, self.zone, offset)

    @property
    def utc_offset(self) -> str | None:
        """The inferred offset from UTC as ``+05:45``, where the zone isn't known."""
        if self.zone is not None or self.offset is None:
            return None
        minutes = abs(self.offset) // 60_000_000
        return f"{'-' if self.offset < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"
