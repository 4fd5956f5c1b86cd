"""Time in buckets of a round width, for what is counted rather than drawn point by point."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import polars as pl

from fleetlab.schemas import TIME

if TYPE_CHECKING:
    from datetime import datetime

    from fleetlab.charts.source import Source

__all__ = ["MOST", "Buckets"]

MOST: Final = 180
"""Buckets in one chart; a bar of one is four pixels wide."""

_WIDTHS: Final = (
    *(1, 2, 5, 10, 15, 30),
    *(60 * n for n in (1, 2, 5, 10, 15, 30)),
    *(3_600 * n for n in (1, 2, 3, 6, 12)),
)
_DAY: Final = 86_400


@dataclass(frozen=True)
class Buckets:
    """What is drawn of time, cut into equal parts, but for the last.

    That one takes the rest: it is at least half as long as the others, so that a rate in it isn't
    one of a moment.

    Attributes
    ----------
    start, end : datetime.datetime
        The whole, in UTC.
    seconds : int
        The width of each.
    """

    start: datetime
    end: datetime
    seconds: int

    @classmethod
    def over(cls, source: Source) -> Buckets:
        """Cut what is drawn of time so that there are no more than :data:`MOST` parts."""
        assert source.start is not None
        assert source.end is not None
        least = (source.end - source.start).total_seconds() / MOST
        days = max(1, -int(-least // _DAY))
        width = next((one for one in _WIDTHS if one >= least), days * _DAY)
        return cls(source.start, source.end, width)

    @property
    def words(self) -> str:
        """The width in words."""
        for unit, seconds in (("days", _DAY), ("h", 3_600), ("min", 60)):
            if self.seconds >= seconds:
                return f"{self.seconds / seconds:g} {unit}"
        return f"{self.seconds} s"

    def number(self, moment: pl.Expr) -> pl.Expr:
        """Return the number of the bucket that a moment is in, from 0."""
        micros = moment.dt.epoch("us") - pl.lit(self.start).dt.epoch("us")
        number = micros // (self.seconds * 1_000_000)
        return number.clip(upper_bound=self.count - 1).alias("bucket")

    @property
    def count(self) -> int:
        """How many there are."""
        return max(1, round((self.end - self.start).total_seconds() / self.seconds))

    def frame(self) -> pl.DataFrame:
        """Return the buckets: ``bucket``, its number, and when it ``began`` and ``ended``."""
        width = timedelta(seconds=self.seconds)
        edges = [*(self.start + number * width for number in range(self.count)), self.end]
        return pl.DataFrame(
            {"bucket": range(self.count), "began": edges[:-1], "ended": edges[1:]},
            schema={"bucket": pl.Int64, "began": TIME, "ended": TIME},
        )
