"""The clock that the wire's times are read on: a zone that is known, or an inferred offset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from fleetlab.tables.times import Twice, is_zone, read_time, shown_offset

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["UserClock"]

REMEMBERED: Final = 100_000
"""Texts of times whose meaning is remembered: 12,000 vehicles have about 50,000 at a time."""


class _Meanings(dict[str | None, int | None]):
    """What texts mean on one clock, looked up as they are met: most come again and again.

    Attributes
    ----------
    others : dict
        Texts that mean no single moment, which are None here.
    """

    def __init__(self, zone: ZoneInfo | None, offset: int | None) -> None:
        super().__init__({None: None})
        self._zone = zone
        self._offset = offset
        self.others: dict[str | None, Twice | str] = {}

    def __missing__(self, text: str | None) -> int | None:
        assert text is not None
        meaning = read_time(text, self._zone, self._offset)
        if isinstance(meaning, int):
            self[text] = meaning
            return meaning
        self.others[text] = meaning
        self[text] = None
        return None


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
        self._clock: tuple[str | None, int | None] = (None, None)
        self._meanings = _Meanings(None, None)

    def state(self) -> dict[str, Any]:
        """Return what to go on from, JSON-able."""
        return {"zone": self.zone, "zone_source": self.source, "offset": self.offset}

    def name(self, zone: object, source: str) -> bool:
        """Take a zone, unless it is none; tell whether it was taken."""
        if not is_zone(zone):
            return False
        self.zone, self.source = str(zone), source
        return True

    def hear(self, user_time: str, at: int) -> None:
        """Hear the server's clock; where the zone isn't known, it shows the offset anew.

        Parameters
        ----------
        user_time : str
            As on the wire.
        at : int
            Time of arrival, microseconds since 1970 in UTC.
        """
        offset = shown_offset(user_time, at) if self.zone is None else None
        if offset is not None:
            self.offset, self.source = offset, "inferred"

    def read(
        self, texts: Sequence[str | None], at: int, offset: int | None
    ) -> tuple[list[int | None], list[tuple[int, str]]]:
        """Turn the texts of times of one message into moments.

        Parameters
        ----------
        texts : sequence of str or None
            As on the wire.
        at : int
            Time of arrival, microseconds since 1970 in UTC.
        offset : int or None
            Where the zone isn't known: the offset inferred for the message, in microseconds.

        Returns
        -------
        moments : list of int or None
            Microseconds since 1970 in UTC; None where there is no text or none that is a time.
        faults : list of (int, str)
            Place and reason of the texts that are no time.
        """
        meanings = self._on_clock(offset)
        moments = list(map(meanings.__getitem__, texts))
        faults: list[tuple[int, str]] = []
        others = meanings.others
        for place in [n for n, text in enumerate(texts) if text in others] if others else ():
            meaning = others[texts[place]]
            if isinstance(meaning, Twice):
                moments[place] = meaning.told_at(at)
            else:
                faults.append((place, meaning))
        return moments, faults

    def _on_clock(self, offset: int | None) -> _Meanings:
        clock = (self.zone, None if self.zone else offset)
        if clock != self._clock or len(self._meanings) > REMEMBERED:
            self._clock = clock
            self._meanings = _Meanings(ZoneInfo(self.zone) if self.zone else None, offset)
        return self._meanings

    @property
    def utc_offset(self) -> str | None:
        """The inferred offset from UTC as ``+05:45``, where the zone isn't known."""
        if self.zone is not None or self.offset is None:
            return None
        minutes = abs(self.offset) // 60_000_000
        return f"{'-' if self.offset < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"
