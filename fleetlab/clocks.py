"""The two clocks of a recording: the computer's, which may be set, and one that never jumps."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Moment", "Watch", "now", "starting_now"]

AWAY_US: Final = 5_000_000
"""A process that did not look at the clock for longer was asleep, and not only busy."""

SET_US: Final = 2_000_000
"""By how much the two clocks may drift apart in one look before somebody must have set one."""


class Moment(NamedTuple):
    """One moment on both clocks.

    Attributes
    ----------
    at : int
        The computer's clock: microseconds since 1970 in UTC. It may be set at any time.
    steady : int
        Microseconds on a clock that nobody sets and that goes on while the computer sleeps; it
        starts where :func:`starting_now` says, else anywhere.
    """

    at: int
    steady: int


def _steady_ns() -> int:
    if sys.platform == "linux":
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)  # CLOCK_MONOTONIC stands still in sleep
    if sys.platform == "darwin":
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC)  # and there the one of Python does
    return time.monotonic_ns()


def now() -> Moment:
    """Return this moment."""
    return Moment(time.time_ns() // 1000, _steady_ns() // 1000)


def starting_now() -> Callable[[], Moment]:
    """Return a clock whose steady side starts at 0 now."""
    zero = now().steady

    def clock() -> Moment:
        at, steady = now()
        return Moment(at, steady - zero)

    return clock


class Watch:
    """Notices that we did not run for a while, and that the computer's clock was set.

    It has to be looked at every second or so; what lies between two looks is a surprise.

    Parameters
    ----------
    clock : callable
        Returns the moment.

    Attributes
    ----------
    away_since : Moment or None
        The last look before we were away, until :meth:`proved` says that nothing came of it.
    """

    def __init__(self, clock: Callable[[], Moment] = now) -> None:
        self.away_since: Moment | None = None
        self._clock = clock
        self._woke = 0
        self._looked = clock()
        self._news: list[tuple[str, str]] = []

    def look(self) -> Moment:
        """Return the moment, after noting what is strange about it."""
        before, found = self._looked, self._clock()
        self._looked = found
        passed = found.steady - before.steady
        if passed > AWAY_US:
            self.away_since = self.away_since or before
            self._woke = found.steady
            told = f"the computer slept, or did not let us run, for {passed / 1e6:.1f} s"
            self._news.append(("asleep", told))
        shift = found.at - before.at - passed
        if abs(shift) > SET_US:
            way = "forward" if shift > 0 else "back"
            told = f"this computer's clock was put {way} by {abs(shift) / 1e6:.1f} s"
            self._news.append(("clock_set", told))
        return found

    def proved(self, asked: Moment) -> None:
        """Take note that a question asked then was answered: the connection outlived the sleep."""
        if asked.steady >= self._woke:
            self.away_since = None

    def news(self) -> list[tuple[str, str]]:
        """Return what was noted since the last time: what it was, and a sentence."""
        news, self._news = self._news, []
        return news
