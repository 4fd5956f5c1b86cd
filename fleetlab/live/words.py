"""Figures in words, short enough for a panel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fleetlab.progress import clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fleetlab.progress import Progress

__all__ = ["NOTHING", "log_line", "mood_of", "rates", "seconds", "size", "time_gone", "time_left"]

NOTHING: Final = "–"  # noqa: RUF001 - a dash for what is not there
_BAD: Final = frozenset({"lost", "retry", "refused", "failed", "paused"})
_GOOD: Final = frozenset({"subscribed", "renewed"})


def mood_of(state: str) -> str:
    """Return what a word on the connection means: ``good``, ``bad`` or ``busy``."""
    return "good" if state in _GOOD else "bad" if state in _BAD else "busy"


def time_left(progress: Progress) -> str:
    """Return how long it has gone on, and how long it will."""
    gone = time_gone(progress)
    if progress.total_s is None:
        return f"{gone}, until stopped"
    # Rounded up, so that it says 0:00 when it is over and not before.
    left = -int(-(progress.total_s - progress.elapsed_s) // 1)
    return f"{gone}, {clock(left)} left"


def time_gone(progress: Progress) -> str:
    """Return how long it has gone on."""
    gone = clock(progress.elapsed_s)
    return gone if progress.total_s is None else f"{gone} of {clock(progress.total_s)}"


def seconds(value: float | None) -> str:
    """Return a delay; the finer, the shorter it is."""
    if value is None:
        return NOTHING
    if abs(value) < 10:  # noqa: PLR2004
        return f"{value:.1f} s"
    return f"{value:.0f} s" if abs(value) < 600 else f"{value / 60:,.0f} min"  # noqa: PLR2004


def size(count: int) -> str:
    """Return a number of bytes."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:  # noqa: PLR2004
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"  # noqa: PLR2004
        value /= 1000
    return f"{value:,.1f} GB"


def rates(by_event: Mapping[str, float]) -> str:
    """Return rows a second, event by event, the most first."""
    several = sorted(by_event.items(), key=lambda item: -item[1])
    return "   ".join(f"{event} {_rate(value)}" for event, value in several) or NOTHING


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or not value else f"{value:.1f}"  # noqa: PLR2004


def log_line(moment: str, words: Iterable[str | None]) -> str:
    """Return one line of the log, whatever was put into its words."""
    return " ".join([moment, *(" ".join(word.split()) for word in words if word)])
