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
    speed : float
        Simulated seconds in a real one. Updates and rate limits keep to the real ones.

    Attributes
    ----------
    error_us : int
        How far the platform's own clock is ahead of the true time; those of devices are right.
    """

    def __init__(self, start_at: datetime | None, tick: float | None, speed: float = 1.0) -> None:
        self.error_us = 0
        self.speed = 1.0 if tick is None else speed
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
    def real_us(self) -> int:
        """Real time since the start; where it stands, the simulated one."""
        if self.tick_us is None or self._origin_ns is None:
            return self._manual_us
        return (time.monotonic_ns() - self._origin_ns) // 1000

    @property
    def real_update_us(self) -> int:
        """Real time of the latest update: the last whole tick."""
        if self.tick_us is None:
            return self._manual_us
        return self.real_us // self.tick_us * self.tick_us

    @property
    def update_us(self) -> int:
        """Simulated time of the latest update."""
        return round(self.real_update_us * self.speed)

    @property
    def to_next_s(self) -> float | None:
        """Seconds until the next update; None where only `advance` makes one."""
        if self.tick_us is None:
            return None
        return (self.tick_us - self.real_us % self.tick_us) / 1e6

    @property
    def start(self) -> datetime:
        """The moment in which simulated time begins, in UTC."""
        return _EPOCH + timedelta(microseconds=self.start_us)

    def moment_us(self, elapsed_s: float) -> int:
        """Return microseconds since 1970 UTC of a simulated second."""
        return self.start_us + round(elapsed_s * 1e6)

    def told_us(self, elapsed_s: float) -> int:
        """Return what the platform's clock showed at a simulated second."""
        return self.moment_us(elapsed_s) + self.error_us

    @property
    def now_us(self) -> int:
        """What the platform's clock shows."""
        return self.start_us + round(self.real_us * self.speed) + self.error_us


def _us(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
