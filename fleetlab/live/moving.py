"""A chart that moves: the last minutes of a capture, as the charts of a recording draw them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final

import polars as pl
import traitlets

from fleetlab.charts.display import shown as displayed
from fleetlab.charts.lines import MOST
from fleetlab.charts.source import Source
from fleetlab.live import plots
from fleetlab.live.arguments import checked, named, number
from fleetlab.live.assets import script, style
from fleetlab.live.following import Following
from fleetlab.live.window import Window

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleetlab.job import Job
    from fleetlab.recording import Recording


__all__ = ["ALL", "Moving", "arguments"]

PATIENCE_S: Final = 60.0
"""After that, places that are free go to trackers of which nothing changes."""

LEAST_MIN: Final = 0.1
MOST_MIN: Final = 1440.0

ALL: Final = pl.lit(value=True)
"""All rows of an event."""


class Moving(Following):
    """A chart that moves.

    Attributes
    ----------
    recording : Recording
        The rows of the window, in memory, as of the last look.
    errors : tuple of str
        What went wrong while it kept up, the last of it.
    """

    _esm = script("moving")
    _css = style("moving")

    picture: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)

    _what: ClassVar[str]
    _events: ClassVar[Mapping[str, pl.Expr]]
    _change: ClassVar[pl.Expr]
    _parts: ClassVar[pl.Expr] = pl.lit(1)
    _most: ClassVar[int] = MOST

    recording: Recording

    def __init__(
        self,
        source: Job | Recording,
        every: float,
        minutes: float,
        trackers: tuple[int | str, ...] | None,
        timezone: str | None,
    ) -> None:
        self._minutes = minutes
        self._timezone = timezone
        self._asked = trackers
        self._window = Window(self._events, timedelta(minutes=minutes))
        self._places: dict[str, int] = {}
        self._picked: dict[int, int] = {}
        self._known = 0
        self._since = time.monotonic()
        super().__init__(source, every)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.title}, {self.words})"

    def chart(self) -> Any:
        """Return what is shown at this moment as a chart of Altair.

        Returns
        -------
        altair.LayerChart or altair.VConcatChart
            Of the function of the same name in ``fleetlab.charts``.
        """
        window = self._window
        bounds = {"start": window.start, "end": window.now, "timezone": self._timezone}
        return displayed(self._drawn(trackers=self._shown() or None, **bounds))

    # -- what each of them does by itself -----------------------------------------------------

    def _panels(self, source: Source) -> tuple[list[dict[str, Any]], str | None]:
        """Return the panels, and a sentence on what is not in them."""
        raise NotImplementedError

    def _drawn(self, **more: Any) -> Any:
        raise NotImplementedError

    # -- in the thread --------------------------------------------------------------------------

    def _prepare(self) -> dict[str, Any]:
        minutes = f"{self._minutes:g} minute{'' if self._minutes == 1 else 's'}"
        return {"title": f"{self._what}, last {minutes}", "picture": self._take()}

    def _look(self) -> None:
        self.picture = self._take()

    def _latest(self) -> datetime | None:
        return self._window.now

    def _take(self) -> dict[str, Any]:
        """Look at what is new, and return the picture of it."""
        whole = self._recording()
        if self._asked is not None:
            self._window.trackers = _ids(self._asked, whole)
        self.recording = self._window.look(whole, at=self._moment(whole))
        if self._asked is None:
            self._choose()
        window = self._window
        if window.start >= window.now:
            return {"panels": [], "why": "Nothing has come yet."}
        source = Source.of(
            self.recording, trackers=self._shown(), start=window.start, end=window.now,
            timezone=self._timezone,
        )  # fmt: skip
        panels, note = self._panels(source)
        why = note or source.asked(*self._events)
        if self._known and not self._picked:
            why = f"Of {self._known:,} trackers none has changed yet."
        end = window.end if whole.info.ended_at is None else window.now
        drawn = {"axis": plots.axis(source, end), "panels": panels, "why": why}
        return drawn | {"remarks": [one for one in (self._left_out(), note) if one]}

    def _moment(self, whole: Recording) -> datetime:
        if whole.info.ended_at is not None:
            return whole.info.ended_at
        if self._runs():
            return datetime.now(UTC)
        latest = [whole.scan(event).select(pl.col("received_at").max()) for event in self._events]
        told = (frame.item() for frame in pl.collect_all(latest))
        return max((one for one in told if one is not None), default=whole.info.started_at)

    def _shown(self) -> tuple[int | str, ...]:
        """Return the trackers that are shown, as they are asked for."""
        return tuple(self._picked) if self._asked is None else self._asked

    def _choose(self) -> None:
        """Give places to trackers of which something changes; whoever has one keeps it.

        After a while, or where nothing more comes, places that are free go to the others.
        """
        rows = pl.concat(
            [self.recording.scan(event) for event in self._events if event != "lifecycle"],
            how="diagonal",
        )
        found = (
            rows.filter(pl.col("tracker_id").is_not_null())
            .group_by("tracker_id")
            .agg(
                self._change.fill_null(0).alias("change"),
                self._parts.alias("parts"),
                pl.col("label").last(),
            )
            .sort("change", "label", "tracker_id", descending=[True, False, False])
            .collect()
        )
        self._known = max(self._known, len(found))
        is_late = time.monotonic() - self._since > PATIENCE_S or not self._runs()
        for who, change, parts, _ in found.rows():
            free = self._most - sum(self._picked.values())
            if who not in self._picked and 0 < parts <= free and (change > 0 or is_late):
                self._picked[who] = parts
        if sum(self._picked.values()) >= self._most:
            self._window.trackers = frozenset(self._picked)

    def _left_out(self) -> str | None:
        if self._asked is not None or self._known <= len(self._picked):
            return None
        return (
            f"{len(self._picked)} of {self._known:,} trackers: those of which something changed "
            "first. Choose others with trackers=[…]."
        )

    def _place(self, name: str) -> int:
        """Return the number of a line: each keeps its own, and so its colour."""
        return self._places.setdefault(name, len(self._places))


def arguments(
    view: str, source: object, every: object, minutes: object, trackers: object, zone: str | None
) -> tuple[Any, ...]:
    """Return what a view is made with, or refuse it in a sentence."""
    found = checked(view, source, every)
    span = number("minutes", minutes, LEAST_MIN, MOST_MIN, "minutes")
    return (*found, span, named(trackers), zone)


def _ids(asked: tuple[int | str, ...], whole: Recording) -> frozenset[int] | None:
    """Return the ids of trackers; None while a label is of none that is known."""
    labels = {one for one in asked if isinstance(one, str)}
    named = whole.trackers.filter(pl.col("label").is_in(labels)).select("tracker_id", "label")
    if not labels <= set(named["label"]):
        return None
    return frozenset(named["tracker_id"]) | {one for one in asked if isinstance(one, int)}
