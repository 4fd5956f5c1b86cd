"""Shifts: working hours by the clock of a zone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import narwhals as nw

from fleetlab.errors import InvalidArgument

if TYPE_CHECKING:
    from fleetlab.analysis.backends import Frame

__all__ = ["Shift", "Shifts", "in_shift", "named_shifts"]

Shifts: TypeAlias = Mapping[str, Sequence[Any]]
"""Shifts as a caller names them."""

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN: Final = re.compile(r"([A-Za-z]{3})[a-z]*(?:\s*[-\N{EN DASH}]\s*([A-Za-z]{3})[a-z]*)?")
_SIZES: Final = (2, 3)


@dataclass(frozen=True)
class Shift:
    """A shift: from when to when by the clock, in seconds of the day, on which days it begins."""

    name: str
    start: int
    end: int
    days: tuple[int, ...]


def named_shifts(value: Shifts | None) -> list[Shift]:
    """Return shifts that a caller named: ``{"day": ("06:00", "14:00", "Mon-Fri")}``.

    Raises
    ------
    InvalidArgument
        If one of them is no shift.
    """
    return [_shift(str(name), told) for name, told in (value or {}).items()]


def _shift(name: str, told: Any) -> Shift:
    try:
        start, end, *more = told
        days = _days(more[0]) if more else tuple(range(1, 8))
        fits = len(told) in _SIZES and bool(days)
        first, last = (
            one if isinstance(one, time) else time.fromisoformat(one) for one in (start, end)
        )
    except (TypeError, ValueError, AttributeError):
        fits = False
    if not fits:
        raise InvalidArgument(
            f"shifts[{name!r}]={told!r} is no shift; give from when to when, and on which days if "
            "not on all, such as ('06:00', '14:00', 'Mon-Fri')."
        )
    seconds = [one.hour * 3600 + one.minute * 60 + one.second for one in (first, last)]
    return Shift(name, seconds[0], seconds[1], days)


def _days(text: str) -> tuple[int, ...]:
    """Return the days of a text such as ``"Mon-Fri, Sun"``, Monday as 1."""
    found: set[int] = set()
    for part in text.split(","):
        span = _SPAN.fullmatch(part.strip())
        if span is None:
            raise ValueError(text)
        first = _DAYS.index(span[1].lower())
        last = _DAYS.index((span[2] or span[1]).lower())
        found |= {(first + n) % 7 + 1 for n in range((last - first) % 7 + 1)}
    return tuple(sorted(found))


def in_shift(frame: Frame, shifts: list[Shift]) -> Frame:
    """Add ``shift``, the first shift that ``second`` of ``weekday`` is in; null outside all."""
    second, weekday = nw.col("second"), nw.col("weekday")
    name = nw.lit(None, nw.String)
    for shift in reversed(shifts):
        on = weekday.is_in(list(shift.days))
        if shift.start < shift.end:
            inside = on & (second >= shift.start) & (second < shift.end)
        else:
            # Over midnight: the morning belongs to the day before.
            after = weekday.is_in([day % 7 + 1 for day in shift.days])
            inside = (on & (second >= shift.start)) | (after & (second < shift.end))
        name = nw.when(inside).then(nw.lit(shift.name)).otherwise(name)
    return frame.with_columns(shift=name)
