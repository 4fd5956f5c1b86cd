"""The last minutes of a recording that grows, as a recording of their own.

Each look takes only rows that are new, and lets go those that are too old. What it returns is a
:class:`~fleetlab.recording.Recording` in memory, so that all that draws one draws this, too.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

import polars as pl

from fleetlab.live.news import own, pieces
from fleetlab.recording import Recording
from fleetlab.schemas import schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["KEYS", "Window"]

KEYS: Final = {
    "state_batch": ("tracker_id",),
    "state": ("tracker_id",),
    "readings_batch": ("tracker_id", "reading"),
    "lifecycle": ("tracker_id",),
}
"""What has one value at a time, by event."""

_LATE: Final = timedelta(minutes=1)
_RECENT: Final = timedelta(minutes=1)
_ZERO: Final = timedelta(0)
_LEFT_OUT: Final = frozenset({"extra", "additional", "inputs", "outputs"})


class Window:
    """Follows one recording.

    Parameters
    ----------
    events : mapping of str to polars.Expr
        What it keeps, of :data:`KEYS`, and which rows of it.
    length : datetime.timedelta
        How long it is.

    Attributes
    ----------
    trackers : frozenset of int or None
        The trackers whose rows are kept; all if None. It can be set at any time.
    start, now : datetime.datetime
        What it holds as of the last look, in UTC: at first it grows, then it moves.
    """

    trackers: frozenset[int] | None = None

    def __init__(self, events: Mapping[str, pl.Expr], length: timedelta) -> None:
        self._events = events
        self._length = length
        self._taken = dict.fromkeys(events, 0)
        self._rows = {event: _columns(event) for event in events}
        self._first: datetime | None = None
        self._lag = _ZERO
        self.start = self.now = datetime.fromtimestamp(0, UTC)

    def look(self, recording: Recording, *, at: datetime) -> Recording:
        """Take what is new, and return what there is now.

        The window ends now; or, where even the freshest news are a minute old or more, as those
        of a replay are, as long ago as these.

        Parameters
        ----------
        recording : Recording
            A later snapshot of the one that it was given the last time.
        at : datetime.datetime
            The moment on the recording's clock, in UTC.

        Returns
        -------
        Recording
            The rows of the window, and before it the last of what has one value at a time; with the
            recording's gaps and notes.
        """
        self._learn(recording, at)
        self.now = at - self._lag
        begin = recording.info.started_at if self._lag == _ZERO else self._first
        self.start = max(begin or self.now, self.now - self._length)
        for event in self._rows:
            for rows, taken in self._new(recording, event):
                self._rows[event] = self._kept(event, pl.concat([self._rows[event], rows]))
                self._taken[event] = taken
            self._rows[event] = self._kept(event, self._rows[event])
        tables = {name: getattr(recording, name) for name in ("gaps", "notes", "trackers")}
        kept = dict(self._rows)
        if self._lag:
            tables["gaps"], kept = _retold(tables["gaps"], kept)
        tail = {event: [frame] for event, frame in kept.items()}
        info = replace(recording.info, started_at=self.start, ended_at=self.now, path=None)
        return Recording(info, None, {}, tail, tables)

    @property
    def end(self) -> datetime:
        """Where it will end once it moves."""
        return self.start + self._length

    def _learn(self, recording: Recording, at: datetime) -> None:
        """Learn how late the freshest news is."""
        late = pl.col("received_at") - pl.col("event_time")
        recent = pl.col("received_at") > at - _RECENT
        looks = [
            recording._after(event, taken)  # noqa: SLF001
            .filter(~pl.col("snapshot"))
            .select(late.filter(recent).min().alias("late"), pl.col("event_time").min())
            for event, taken in self._taken.items()
            if recording._rows(event) > taken  # noqa: SLF001
        ]
        for frame in pl.collect_all(looks):
            lag, first = frame.row(0)
            if lag is not None:
                self._lag = lag if lag > _LATE else _ZERO
            if first is not None:
                self._first = min(first, self._first or first)

    def _new(self, recording: Recording, event: str) -> Iterator[tuple[pl.DataFrame, int]]:
        """Yield the rows that are new, and how many have been taken with them."""
        for rows, taken in pieces(recording, event, self._taken[event]):
            wanted = rows.filter(self._events[event])
            if self.trackers is not None:
                wanted = wanted.filter(pl.col("tracker_id").is_in(self.trackers))
            yield wanted.select(self._rows[event].columns).collect(), taken

    def _kept(self, event: str, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the rows of the window, and the last before it of each value.

        That is the one of the latest moment; and the one that came last, for what comes late holds.
        """
        moment, came = pl.col("event_time"), pl.col("received_at")
        before = (moment < self.start) & (came < self.start + self._lag)
        latest = moment.filter(before).max().over(KEYS[event])
        last = came.filter(before).max().over(KEYS[event])
        mine = pl.lit(value=True)
        if self.trackers is not None:
            mine = pl.col("tracker_id").is_in(self.trackers)
        return own(rows.filter(mine & (~before | (moment == latest) | (came == last))))


def _columns(event: str) -> pl.DataFrame:
    wanted = {name: type_ for name, type_ in schema(event).items() if name not in _LEFT_OUT}
    return pl.DataFrame(schema=wanted)


def _retold(
    gaps: pl.DataFrame, rows: Mapping[str, pl.DataFrame]
) -> tuple[pl.DataFrame, dict[str, pl.DataFrame]]:
    """Tell arrivals and gaps on the clock that the events are on."""
    news = (
        pl.concat(
            frame.lazy().filter(~pl.col("snapshot")).select("received_at", told="event_time")
            for frame in rows.values()
        )
        .sort("received_at")
        .with_columns(pl.col("told").cum_max())
        .collect()
    )

    def on_clock(
        frame: pl.DataFrame, column: str, strategy: Literal["backward", "forward"]
    ) -> pl.DataFrame:
        moments = frame.with_row_index("_n").sort(column)
        found = moments.join_asof(news, left_on=column, right_on="received_at", strategy=strategy)
        return found.sort("_n").with_columns(pl.col("told").alias(column)).select(frame.columns)

    lost = on_clock(gaps, "started_at", "backward")
    lost = on_clock(lost, "ended_at", "forward").drop_nulls("started_at")
    return lost, {
        event: on_clock(frame, "received_at", "backward").with_columns(
            pl.col("received_at").fill_null(pl.col("event_time"))
        )
        for event, frame in rows.items()
    }
