"""The wire's times to UTC, one text at a time.

The platform writes times of states and readings in the user's zone and without an offset, unless
ISO 8601 was asked for and honoured. Which moment such a text means is decided in this order: the
offset in the value; the zone that the caller named; the zone that the server names; else the
offset that the server's own clock shows against the time of arrival, taken anew for each message.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

from fleetlab.schemas import TIME

__all__ = ["Twice", "is_zone", "read_time", "shown_offset"]

# To the letter: what Python reads is more than what the platform writes.
_FORM: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T](?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
    r"(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - the wire's clock has no zone
_EPOCH_UTC: Final = datetime(1970, 1, 1, tzinfo=UTC)
_US: Final = timedelta(microseconds=1)
_LATENESS_US: Final = 60_000_000
_QUARTER_US: Final = 15 * 60 * 1_000_000
_HOUR_US: Final = 3_600_000_000
_FIRST_US: Final = -62_135_510_400_000_000  # 0001-01-02, one day inside what Python can show
_LAST_US: Final = 253_402_214_400_000_000  # 9999-12-31

NOT_A_TIME: Final = "not a time of the form yyyy-MM-dd HH:mm:ss or ISO 8601"
NEVER_WAS: Final = "a time that never was: the clocks were put forward past it"
NO_ZONE: Final = "the time zone is not known, and the message has no user_time to infer it from"


class Twice(NamedTuple):
    """The two moments that a time in the hour repeated at the end of summer time may mean.

    Attributes
    ----------
    earlier, later : int
        Microseconds since 1970 in UTC.
    """

    earlier: int
    later: int

    def told_at(self, arrival: int) -> int:
        """Return the later one that is not more than 60 s after arrival."""
        return self.later if self.later <= arrival + _LATENESS_US else self.earlier


def is_zone(name: object) -> bool:
    """Tell whether a name is a time zone of the IANA database that can be used here."""
    if not isinstance(name, str) or not name:
        return False
    try:
        ZoneInfo(name)
        pl.Series([0], dtype=TIME).dt.convert_time_zone(name)  # who reads the frames may want to
    except (pl.exceptions.PolarsError, KeyError, OSError, ValueError):
        return False
    return True


def shown_offset(user_time: str, at: int) -> int | None:
    """Infer the user's offset from UTC from the server's clock, as protocol says.

    Parameters
    ----------
    user_time : str
        The server's clock as ``yyyy-MM-dd HH:mm:ss`` in the user's zone.
    at : int
        Time of arrival, microseconds since 1970 in UTC.

    Returns
    -------
    int or None
        Microseconds, rounded to 15 minutes; None where no zone on earth has that offset.
    """
    moment = _parse(user_time)
    if moment is None or moment.tzinfo is not None:
        return None
    offset = round(((moment - _EPOCH) // _US - at) / _QUARTER_US) * _QUARTER_US
    return offset if -12 * _HOUR_US <= offset <= 14 * _HOUR_US else None


def read_time(text: str, zone: ZoneInfo | None, offset: int | None) -> int | Twice | str:
    """Tell what a text means.

    Parameters
    ----------
    text : str
        As on the wire.
    zone : zoneinfo.ZoneInfo or None
        Zone of texts without an offset; None where it isn't known.
    offset : int or None
        Where the zone isn't known: the inferred offset, in microseconds.

    Returns
    -------
    int, Twice or str
        Microseconds since 1970 in UTC; the two moments that it may mean; or why it means none.
    """
    moment = _parse(text)
    if moment is None:
        return NOT_A_TIME
    if moment.tzinfo is not None:
        us = (moment - _EPOCH_UTC) // _US
        return us if _FIRST_US <= us <= _LAST_US else NOT_A_TIME
    local = (moment - _EPOCH) // _US
    if not _FIRST_US <= local <= _LAST_US:
        return NOT_A_TIME
    if zone is None:
        return NO_ZONE if offset is None else local - offset
    before, after = zone.utcoffset(moment), zone.utcoffset(moment.replace(fold=1))
    assert before is not None
    assert after is not None
    if before < after:
        return NEVER_WAS
    earlier = local - before // _US
    return earlier if before == after else Twice(earlier, local - after // _US)


def _parse(text: str) -> datetime | None:
    if _FORM.fullmatch(text) is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
