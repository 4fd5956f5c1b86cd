"""A time axis in any zone, whatever zone the browser is in.

Vega knows the browser's zone and UTC, nothing else. So the data stay true instants on a UTC scale,
and only ticks and labels are moved by the zone's offset, piece by piece between two changes of the
clocks. All of it is computed in the browser from the axis's current extent, so that ticks stay
round while the reader zooms and pans.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import altair as alt

from fleetlab.errors import InvalidArgument, argument
from fleetlab.tables.times import is_zone

__all__ = ["Zone", "milliseconds"]

_SECOND: Final = 1_000
_MINUTE: Final = 60_000
_DAY: Final = 86_400_000
# Distances between ticks that people read easily.
_STEPS: Final = (
    *(n * _SECOND for n in (1, 2, 5, 10, 15, 30)),
    *(n * 60 * _SECOND for n in (1, 2, 5, 10, 15, 30)),
    *(n * 3_600 * _SECOND for n in (1, 2, 3, 6, 12)),
    *(n * _DAY for n in (1, 2, 7, 14, 28, 91, 364)),
)
_TICKS: Final = 8  # at most, about
_OFFSET: Final = re.compile(r"([+-])(\d{2}):(\d{2})")
_LOW: Final = "time(domain('x')[0])"
_HIGH: Final = "time(domain('x')[1])"


def milliseconds(moment: datetime) -> int:
    """Return a moment as Vega counts time: milliseconds since 1970 in UTC."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


@dataclass(frozen=True)
class Zone:
    """A time zone, and its offsets from UTC over the time that is drawn.

    Attributes
    ----------
    name : str
        IANA name, or an offset such as ``"+05:45"``.
    offsets : tuple of (int, int)
        From when on (milliseconds since 1970 in UTC; the first counts for all before, too), and
        the offset in milliseconds.
    """

    name: str
    offsets: tuple[tuple[int, int], ...]

    @classmethod
    def over(cls, name: str, start: datetime, end: datetime) -> Zone:
        """Return a zone as it is from ``start`` to ``end``.

        Raises
        ------
        InvalidArgument
            If there is no zone of that name.
        """
        fixed = _OFFSET.fullmatch(name)
        if fixed:
            sign = -1 if fixed[1] == "-" else 1
            minutes = sign * (int(fixed[2]) * 60 + int(fixed[3]))
            return cls(name, ((milliseconds(start), minutes * 60_000),))
        if not is_zone(name):
            raise InvalidArgument(
                argument("timezone", name),
                " is no time zone; write an IANA name such as 'Europe/Madrid', "
                "or an offset such as '+05:45'.",
            )
        zone = ZoneInfo(name)
        offsets = [(milliseconds(start), _offset(zone, start))]
        day = start
        while day < end:
            following = min(day + timedelta(days=1), end)
            if _offset(zone, following) != offsets[-1][1]:
                change = _change(zone, day, following)
                offsets.append((milliseconds(change), _offset(zone, change)))
            day = following
        return cls(name, tuple(offsets))

    def local(self, moment: str) -> str:
        """Return an expression for a moment moved so that UTC's clock shows this zone's.

        Parameters
        ----------
        moment : str
            An expression for milliseconds since 1970 in UTC.
        """
        expression = f"({self.offsets[0][1]})"
        for since, offset in self.offsets[1:]:
            expression = f"({moment}<{since}?{expression}:{offset})"
        return f"({moment}+{expression})"

    def text(self, moment: str, form: str = "%Y-%m-%d %H:%M:%S") -> str:
        """Return an expression for a moment as this zone's clock shows it."""
        return f"utcFormat({self.local(f'time({moment})')},'{form}')"

    def shown(self, moment: datetime, form: str = "%Y-%m-%d %H:%M:%S") -> str:
        """Return a moment as this zone's clock shows it, for text beside charts."""
        at = milliseconds(moment)
        offset = next(
            (ms for since, ms in reversed(self.offsets) if since <= at), self.offsets[0][1]
        )
        local = moment.astimezone(UTC) + timedelta(milliseconds=offset)
        return local.strftime(form)

    @property
    def title(self) -> str:
        """What the axis is called."""
        return f"Time ({self.name.replace('_', ' ')})"

    def axis(self, *, labels: bool = True) -> alt.Axis:
        """Return an axis with round ticks and labels in this zone.

        Parameters
        ----------
        labels : bool
            Whether it is labelled; of panels under one another only the lowest is.
        """
        if not labels:
            return alt.Axis(values=self._ticks(), labels=False, title=None)
        local = self.local("toNumber(datum.value)")
        # The date is told at the first tick and where a day begins.
        whole_days = f"({_step()})>={_DAY}"
        form = f"({_step()})<60000?'%H:%M:%S':'%H:%M'"
        begins = f"datum.index==0||({local})%{_DAY}==0"
        date = f"utcFormat({local},'%a %d %b')"
        words = f"{whole_days}?{date}:[utcFormat({local},{form}),{begins}?{date}:'']"
        return alt.Axis(
            values=self._ticks(),
            labelExpr=words,
            title=self.title,
            labelOverlap=True,
        )

    def ticks(self, low: int, high: int) -> list[tuple[int, str, str]]:
        """Return the same ticks for what Vega does not draw.

        Parameters
        ----------
        low, high : int
            What is drawn of time, in milliseconds since 1970 in UTC.

        Returns
        -------
        list of (int, str, str)
            Moment in milliseconds, its time, and its date where that is to be told.
        """
        wanted = (high - low) / _TICKS
        step = next((one for one in _STEPS if one >= wanted), _STEPS[-1])
        form = "%H:%M:%S" if step < _MINUTE else "%H:%M"
        found: list[tuple[int, str, str]] = []
        starts = [since for since, _ in self.offsets[1:]]
        pieces = zip([low, *starts], [*starts, high + 1], self.offsets, strict=True)
        for since, until, (_, offset) in pieces:
            first = -(-(max(low, since) + offset) // step) * step - offset
            for moment in range(first, min(until, high + 1), step):
                local = datetime.fromtimestamp((moment + offset) / 1000, UTC)
                is_day = not found or not (moment + offset) % _DAY
                date = f"{local:%a %d %b}" if is_day else ""
                found.append((moment, "" if step >= _DAY else f"{local:{form}}", date))
        return found

    def _ticks(self) -> alt.ExprRef:
        """Round moments of this zone within the axis's extent; one sequence for each offset."""
        sequences = []
        step = _step()
        for number, (since, offset) in enumerate(self.offsets):
            low = _LOW if number == 0 else f"max({_LOW},{since})"
            last = number == len(self.offsets) - 1
            high = f"{_HIGH}+1" if last else f"min({_HIGH},{self.offsets[number + 1][0]})"
            first = f"ceil(({low}+({offset}))/{step})*{step}-({offset})"
            sequences.append(f"sequence({first},{high},{step})")
        if len(sequences) == 1:
            return alt.ExprRef(sequences[0])
        joined = "+','+".join(f"join({one},',')" for one in sequences)
        # An offset that isn't in view leaves empty texts behind.
        return alt.ExprRef(f"split(replace(replace({joined},/,+/g,','),/^,|,$/g,''),',')")


def _offset(zone: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return offset // timedelta(milliseconds=1)


def _change(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """Return the first second with another offset than ``low``, which ``high`` has."""
    before = _offset(zone, low)
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if _offset(zone, middle) == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def _step() -> str:
    """Return an expression for the distance between ticks: the first that is as wide as wanted."""
    wanted = f"({_HIGH}-{_LOW})/{_TICKS}"
    steps = ",".join(map(str, _STEPS))
    return f"[{steps}][min({len(_STEPS) - 1},indexof(sort([{steps},{wanted}]),{wanted}))]"
