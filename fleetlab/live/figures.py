"""What a panel shows, made of what a capture counts and of the rows that are new.

Nothing here opens, waits or draws. Rates and delays are of news: what comes only because we
subscribed would dwarf it. Rates are means over the last seconds, for rows come in batches;
delays are taken of some hundreds of rows, so that a large fleet hardly costs more than a small one.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from fleetlab.live import words
from fleetlab.schemas import EVENTS
from fleetlab.tables.asked import Asked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fleetlab.progress import Progress
    from fleetlab.recording import Recording

__all__ = ["Figures", "Shown"]

WINDOW_S: Final = 10.0
"""How far rates and delays look back."""

SILENT_S: Final = 300.0
"""After that the platform calls a device idle."""

POINTS: Final = 120
"""Of the line, one a second."""

SAMPLES: Final = 500
"""Delays taken at a time."""

LINES: Final = 50
"""Of the log, the last."""

_SHORT: Final = ("subscribing", "ended")
"""What is said of these is long, or stands elsewhere in the panel."""

_LOOKED_AT: Final = ("snapshot", "tracker_id", "received_at", "event_time")

WIDTH: Final = 600
HEIGHT: Final = 40


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a panel shows at one moment.

    Attributes
    ----------
    texts : dict of str to str
        Text by the name of its place.
    percent : float or None
        How much of the time is over; None: nobody knows when it ends.
    mood : str
        ``good``, ``busy``, ``bad`` or ``ended``.
    line : str
        Path of the new rows a second in a box of :data:`WIDTH` to :data:`HEIGHT`.
    """

    texts: dict[str, str]
    percent: float | None
    mood: str
    line: str

    def at(self, progress: Progress) -> Shown:
        """Return the same with what is only counted as of now."""
        counts = {
            "state": progress.state.replace("_", " "),
            "clock": words.time_left(progress),
            "messages": f"{progress.messages:,}",
            "rows": f"{sum(progress.rows.values()):,}",
        }
        total = progress.total_s
        return Shown(
            texts=self.texts | counts,
            percent=None if total is None else round(100 * progress.elapsed_s / total, 1),
            mood=words.mood_of(progress.state),
            line=self.line,
        )


@dataclass
class Figures:
    """Follows one capture.

    Attributes
    ----------
    troubles : deque of str
        What went wrong with the view itself; shown in the log.
    """

    troubles: deque[str] = field(default_factory=lambda: deque(maxlen=5))
    _news: Counter[str] = field(default_factory=Counter)
    _counted: deque[tuple[float, Counter[str]]] = field(default_factory=deque)
    _delays: deque[tuple[float, list[float]]] = field(default_factory=deque)
    _heard: dict[int, float] = field(default_factory=dict)
    _totals: deque[float] = field(default_factory=lambda: deque(maxlen=POINTS))

    def take(self, now: float, batches: Iterable[Mapping[str, pl.DataFrame]]) -> None:
        """Take what has come since the last time, about a second ago.

        Parameters
        ----------
        now : float
            Seconds on a clock that never jumps.
        batches : iterable of mapping of str to polars.DataFrame
            Rows, by event.
        """
        frames: dict[str, list[pl.DataFrame]] = {}
        for batch in batches:
            for event in batch.keys() & EVENTS.keys():
                frames.setdefault(event, []).append(batch[event].select(_LOOKED_AT))
        for event, several in frames.items():
            self._look_at(now, event, pl.concat(several).filter(~pl.col("snapshot")))
        self._counted.append((now, self._news.copy()))
        while len(self._counted) > 2 and self._counted[1][0] <= now - WINDOW_S:  # noqa: PLR2004
            self._counted.popleft()
        while self._delays and self._delays[0][0] < now - WINDOW_S:
            self._delays.popleft()
        self._totals.append(sum(self.rates().values()))

    def _look_at(self, now: float, event: str, news: pl.DataFrame) -> None:
        self._news[event] += len(news)
        trackers = news["tracker_id"].drop_nulls().unique()
        self._heard.update(dict.fromkeys(trackers, now))
        sample = news.gather_every(-(-len(news) // SAMPLES) or 1)
        delays = (sample["received_at"] - sample["event_time"]).drop_nulls()
        self._delays.append((now, [value / 1e6 for value in delays.dt.total_microseconds()]))

    def rates(self) -> dict[str, float]:
        """Return new rows a second by event."""
        if not self._counted:
            return {}
        (since, before), (until, rows) = self._counted[0], self._counted[-1]
        return {
            event: (rows[event] - before[event]) / (until - since) if until > since else 0.0
            for event in rows
        }

    def delay_s(self) -> float | None:
        """Return the median of the delays from device to here, where there were any."""
        values = [value for _, several in self._delays for value in several]
        return median(values) if values else None

    def heard(self, now: float) -> int:
        """Return how many trackers told something new, and not too long ago."""
        return sum(at > now - SILENT_S for at in self._heard.values())

    def shown(self, now: float, progress: Progress, recording: Recording, size: int) -> Shown:
        """Return what to show.

        Parameters
        ----------
        now : float
            As of :meth:`take`.
        progress : Progress
            How far the capture is.
        recording : Recording
            What has been recorded as of now.
        size : int
            Its bytes.
        """
        heard = self.heard(now)
        silent = max(0, _expected(recording) - heard)
        delay = self.delay_s()
        texts = {
            "delay": words.seconds(delay),
            "heard": f"{heard:,}",
            "silent": f"{silent:,}",
            "gaps": f"{len(recording.gaps):,}",
            "size": words.size(size),
            "rates": words.rates(self.rates()),
            "peak": f"{max(self._totals, default=0.0):,.0f}",
            "log": "\n".join([*_log(recording), *self.troubles]),
        }
        seconds = POINTS if progress.total_s is None else round(progress.total_s)
        shown = Shown(texts=texts, percent=None, mood="busy", line=self._line(seconds))
        return shown.at(progress)

    def _line(self, seconds: int) -> str:
        """Return the path of the line: from left to right, and on when that is full."""
        top = max(self._totals, default=0.0) or 1.0
        step = WIDTH / max(1, min(seconds, POINTS - 1), len(self._totals) - 1)
        points = (
            f"{n * step:.1f},{HEIGHT - 1 - (HEIGHT - 2) * value / top:.1f}"
            for n, value in enumerate(self._totals)
        )
        return "M" + "L".join(points) if self._totals else ""


def _expected(recording: Recording) -> int:
    """Return how many trackers are to be heard: those asked for, or all that are known."""
    asked = Asked(recording.info.requests).trackers("lifecycle")  # it comes for those of all
    # Data of a device that several trackers share is the first one's; the clones never tell any.
    clones = int(recording.trackers["clone"].sum())
    return len(recording.trackers) - clones if asked is None else len(asked)


def _log(recording: Recording) -> list[str]:
    rows: list[tuple[Any, ...]] = (
        recording.connection.tail(LINES).select("logged_at", "what", "code", "detail").rows()
    )
    lines = []
    for at, what, code, detail in rows:
        said = [] if what in _SHORT else [detail, code and f"(code {code})"]
        lines.append(words.log_line(f"{at:%H:%M:%S}", [what.replace("_", " "), *said]))
    return lines
