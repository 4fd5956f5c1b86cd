"""The simulated time: either it runs with the computer's clock, or it stands until it is told."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

__all__ = ["Clock"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock:
    """Simulated time, in whole microseconds.

    Parameters
    ----------
    start_at : datetime or None
        The moment in which simulated time begins; None takes the computer's.
    tick : float or None
        Seconds from one update to the next; None stops the clock but for `advance`.
    """

    def __init__(self, start_at: datetime | None, tick: float | None) -> None:
        self._starts_now = start_at is None
        self.start_us = _us(start_at if start_at is not None else datetime.now(UTC))
        self.tick_us = None if tick is None else round(tick * 1e6)
        self._origin_ns: int | None = None
        self._manual_us = 0

    def run(self) -> None:
        """Begin, when serving begins for the first time."""
        if self._origin_ns is None:
            self._origin_ns = time.monotonic_ns()
            if self._starts_now:
                self.start_us = _us(datetime.now(UTC))

    def advance(self, seconds: float) -> None:
        """Move a clock that stands."""
        self._manual_us += round(seconds * 1e6)

    @property
    def elapsed_us(self) -> int:
        """Simulated time since the start."""
        if self.tick_us is None or self._origin_ns is None:
            return self._manual_us
        return (time.monotonic_ns() - self._origin_ns) // 1000

    @property
    def update_us(self) -> int:
        """Simulated time of the latest update: the last whole tick."""
        if self.tick_us is None:
            return self._manual_us
        return self.elapsed_us // self.tick_us * self.tick_us

    @property
    def to_next_s(self) -> float | None:
        """Seconds until the next update; None where only `advance` makes one."""
        if self.tick_us is None:
            return None
        return (self.tick_us - self.elapsed_us % self.tick_us) / 1e6

    def moment_us(self, elapsed_s: float) -> int:
        """Return microseconds since 1970 UTC of a simulated second."""
        return self.start_us + round(elapsed_s * 1e6)

    @property
    def now_us(self) -> int:
        """Microseconds since 1970 UTC."""
        return self.start_us + self.elapsed_us


def _us(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
