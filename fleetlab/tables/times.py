"""The wire's times to UTC.

The platform writes times of states and readings in the user's zone and without an offset, unless
ISO 8601 was asked for and honoured. Which moment such a text means is decided in this order: the
offset in the value; the zone that the caller named; the zone that the server names; else the
offset that the server's own clock shows against the time of arrival, taken anew for each message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import polars as pl

from fleetlab.schemas import TIME

__all__ = ["Times", "is_zone", "shown_offset", "to_utc"]

_DATE: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK: Final = r"[0-9]{2}:[0-9]{2}:[0-9]{2}"
_FRACTION: Final = r"(\.[0-9]{1,9})?"
# What a text must be to the letter, and how Polars is to read it.
_LOCAL: Final = (f"^{_DATE} {_CLOCK}$", "%Y-%m-%d %H:%M:%S")
_LOCAL_FRACTION: Final = (f"^{_DATE} {_CLOCK}{_FRACTION}$", "%Y-%m-%d %H:%M:%S%.f")
_OFFSET: Final = (
    f"^{_DATE}T{_CLOCK}{_FRACTION}(Z|[+-][0-9]{{2}}:?[0-9]{{2}})$",
    "%Y-%m-%dT%H:%M:%S%.f%#z",
)
_LATENESS_US: Final = 60_000_000
_QUARTER_US: Final = 15 * 60 * 1_000_000
_HOUR_US: Final = 3_600_000_000
_FIRST_US: Final = -62_135_510_400_000_000  # 0001-01-02, one day inside what Python can show
_LAST_US: Final = 253_402_214_400_000_000  # 9999-12-31

NOT_A_TIME: Final = "not a time of the form yyyy-MM-dd HH:mm:ss or ISO 8601"
NEVER_WAS: Final = "a time that never was: the clocks were put forward past it"
NO_ZONE: Final = "the time zone is not known, and the message has no user_time to infer it from"


@dataclass(frozen=True)
class Times:
    """A column of moments, and why some texts are none.

    Attributes
    ----------
    utc : polars.Series
        ``Datetime("us", "UTC")``; null where there was no text or it can't be understood.
    faults : dict of int to str
        Row number to reason, for the texts that can't be understood.
    """

    utc: pl.Series
    faults: dict[int, str]


def is_zone(name: object) -> bool:
    """Tell whether a name is a time zone of the IANA database that can be used here."""
    if not isinstance(name, str) or not name:
        return False
    try:
        pl.Series([0], dtype=TIME).dt.convert_time_zone(name)
    except (pl.exceptions.PolarsError, ValueError):
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
    local = _parse(pl.Series([user_time.replace("T", " ")]), _LOCAL_FRACTION)[0]
    if local is None:
        return None
    offset: int = round((local - at) / _QUARTER_US) * _QUARTER_US
    return offset if -12 * _HOUR_US <= offset <= 14 * _HOUR_US else None


def to_utc(
    text: pl.Series, received: pl.Series, zone: str | None, offset: pl.Series | None = None
) -> Times:
    """Turn texts of times into moments.

    Parameters
    ----------
    text : polars.Series of String
        As on the wire.
    received : polars.Series of Int64
        Times of arrival, microseconds since 1970 in UTC.
    zone : str or None
        IANA name of the zone of texts without an offset; None where it isn't known.
    offset : polars.Series of Int64, optional
        Where the zone isn't known: the inferred offset of each row, in microseconds.

    Notes
    -----
    Of the two moments that a time in the hour repeated at the end of summer time may mean, it is
    the later one that is not more than 60 s after arrival.
    """
    utc = _local_to_utc(_parse(text, _LOCAL), received, zone, offset)
    rows = (text.is_not_null() & utc.is_null()).arg_true()
    if not len(rows):
        return Times(_moments(utc), {})
    # The uncommon ones: an offset in the value, a fraction, a T, or no time at all.
    text, received = text.gather(rows), received.gather(rows)
    offset = None if offset is None else offset.gather(rows)
    local = _parse(text.str.replace("T", " ", literal=True), _LOCAL_FRACTION)
    found = _parse(text.str.replace(" ", "T", literal=True), _OFFSET).zip_with(
        local.is_null(), _local_to_utc(local, received, zone, offset)
    )
    missing = NO_ZONE if zone is None else NEVER_WAS
    faults = {
        row: NOT_A_TIME if no_time else missing
        for row, no_time, failed in zip(
            rows.to_list(), local.is_null().to_list(), found.is_null().to_list(), strict=True
        )
        if failed
    }
    return Times(_moments(utc.scatter(rows, found)), faults)


def _parse(text: pl.Series, form: tuple[str, str]) -> pl.Series:
    """Microseconds of the texts that have a form to the letter; Polars alone is lenient."""
    pattern, layout = form
    exact = text.str.contains(pattern)
    if not exact.any():
        return pl.repeat(None, len(text), dtype=pl.Int64, eager=True)
    if not exact.all():
        text = text.set(~exact, None)
    zone = "UTC" if form is _OFFSET else None
    parsed = text.str.to_datetime(layout, strict=False, time_unit="us", time_zone=zone)
    us = parsed.to_physical()
    return us.set((us < _FIRST_US) | (us > _LAST_US), None)


def _local_to_utc(
    local: pl.Series, received: pl.Series, zone: str | None, offset: pl.Series | None
) -> pl.Series:
    """Microseconds in UTC of microseconds on a local clock."""
    if zone is None:
        return local.clear(len(local)) if offset is None else local - offset
    clock = local.cast(pl.Datetime("us"))
    utc = _in_zone(clock, zone, "null")
    rows = (local.is_not_null() & utc.is_null()).arg_true()
    if len(rows):
        twice = clock.gather(rows)
        earlier, later = _in_zone(twice, zone, "earliest"), _in_zone(twice, zone, "latest")
        utc = utc.scatter(
            rows, later.zip_with(later <= received.gather(rows) + _LATENESS_US, earlier)
        )
    return utc


def _in_zone(
    clock: pl.Series, zone: str, ambiguous: Literal["null", "earliest", "latest"]
) -> pl.Series:
    return clock.dt.replace_time_zone(zone, ambiguous=ambiguous, non_existent="null").to_physical()


def _moments(us: pl.Series) -> pl.Series:
    return us.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
