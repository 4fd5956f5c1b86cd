"""What a chart is drawn from: a recording, or any frame with the contract's columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import polars as pl

from fleetlab.charts.time_axis import Zone
from fleetlab.errors import InvalidArgument
from fleetlab.recording.recording import Recording
from fleetlab.schemas import empty, schema
from fleetlab.tables.times import is_zone

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Drawable", "Source"]

Drawable = Recording | pl.DataFrame | pl.LazyFrame
"""What charts are drawn from."""

_WHO: Final = "tracker_id"
_MOMENT: Final = timedelta(seconds=1)
_OLD: Final = timedelta(hours=1)
_MOSTLY: Final = 0.9
_STATES: Final = ("state_batch", "state")  # where both were recorded, the first counts


@dataclass(frozen=True)
class Source:
    """Frames, bounds and zone of what is drawn.

    Attributes
    ----------
    name : str or None
        The recording's name.
    start, end : datetime.datetime or None
        What is drawn of time, in UTC: the recording's bounds or, of a bare frame, the first and
        the last moment in it, unless the caller named others. None where there are no rows.
    zone : Zone
        What the time axis shows.
    gaps : polars.DataFrame
        When nothing was received of anything, ``started_at`` and ``ended_at``.
    notes : polars.DataFrame
        The recording's notes within the bounds.
    since : datetime.datetime or None
        When the last gap before the start ended: what came before it was not known any more.
    """

    data: Drawable
    name: str | None
    start: datetime | None
    end: datetime | None
    zone: Zone
    trackers: tuple[int | str, ...] | None
    gaps: pl.DataFrame
    notes: pl.DataFrame
    since: datetime | None = None

    @classmethod
    def of(
        cls,
        data: Drawable,
        *,
        trackers: Iterable[int | str] | int | str | None = None,
        start: datetime | str | None = None,
        end: datetime | str | None = None,
        timezone: str | None = None,
    ) -> Source:
        """Look at what is to be drawn.

        Parameters
        ----------
        data : Recording, polars.DataFrame or polars.LazyFrame
            A recording, or a frame with the columns of one of its events.
        trackers : int, str, or iterable of them, optional
            Ids or labels of the trackers to draw; all, or the most interesting, if left out.
        start, end : datetime.datetime or str, optional
            What to draw of time; text in ISO 8601. Without an offset it is in the chart's zone.
        timezone : str, optional
            IANA name; the recording's zone if left out, UTC for a bare frame.

        Raises
        ------
        InvalidArgument
            If an argument doesn't fit.
        """
        if not isinstance(data, Drawable):
            raise InvalidArgument(
                f"Charts are drawn from a Recording or a Polars frame, not {type(data).__name__}."
            )
        info = data.info if isinstance(data, Recording) else None
        name = timezone or (info and (info.timezone or info.utc_offset)) or "UTC"
        first, last = _bounds(data)
        begin = _moment("start", start, name) or first
        finish = _moment("end", end, name) or last
        if begin and finish and begin >= finish:
            raise InvalidArgument(
                f"There is no time between start={begin.isoformat()} and end={finish.isoformat()}."
            )
        chosen = (trackers,) if isinstance(trackers, int | str) else trackers
        at = datetime.now(UTC)
        source = cls(
            data=data,
            name=info.name if info else None,
            start=begin,
            end=finish,
            zone=Zone.over(name, begin or at, finish or at),
            trackers=None if chosen is None else tuple(chosen),
            gaps=empty("gaps"),
            notes=empty("notes"),
        )
        return source._with_tables() if isinstance(data, Recording) else source

    def _with_tables(self) -> Source:
        assert isinstance(self.data, Recording)
        gaps = self.data.gaps.filter(
            pl.col("tracker_id").is_null() & pl.col("field").is_null() & pl.col("event").is_null()
        )
        notes, since = self.data.notes, None
        if self.start and self.end:
            before: Any = gaps.filter(pl.col("ended_at") <= self.start)["ended_at"].max()
            since = before
            # One that is still open, as in a recording that runs, goes on to the end.
            gaps = gaps.with_columns(pl.col("ended_at").fill_null(self.end))
            gaps = gaps.filter(pl.col("ended_at") > self.start, pl.col("started_at") < self.end)
            notes = notes.filter(pl.col("noted_at").is_between(self.start, self.end))
        return replace(self, gaps=gaps, notes=notes, since=since)

    def states(self) -> pl.LazyFrame:
        """Return the rows of states: of ``state_batch``, or ``state`` where there are none."""
        return self._rows(*_STATES)

    def readings(self) -> pl.LazyFrame:
        """Return the rows of readings."""
        return self._rows("readings_batch")

    def attributes(self) -> pl.LazyFrame:
        """Return the rows of devices' attributes; of the two queues ``nonnull`` counts."""
        return self._rows("iot_monitor").filter(pl.col("queue").fill_null("nonnull") == "nonnull")

    def lifecycle(self) -> pl.LazyFrame:
        """Return what happened to trackers; nothing of a bare frame."""
        if not isinstance(self.data, Recording):
            return empty("lifecycle").lazy()
        return self._rows("lifecycle")

    def asked(self, *events: str) -> str:
        """Return a sentence on why there are no rows of these events."""
        if not isinstance(self.data, Recording):
            return "The frame has no rows to draw."
        requested = {request["type"] for request in self.data.info.requests}
        if requested.isdisjoint(events):
            return (
                f"{self.name} was recorded without {' or '.join(events)}: "
                f"capture with events=[{events[0]!r}]."
            )
        return f"{' and '.join(sorted(requested & set(events)))} brought no rows of this."

    def _rows(self, *events: str) -> pl.LazyFrame:
        """Return rows up to the end of the trackers asked for, with all columns and ``line``."""
        if isinstance(self.data, Recording):
            lazy = self.data.scan(_first_with_rows(self.data, events))
        else:
            lazy = self.data.lazy()
        wanted = schema(events[0])
        found = lazy.collect_schema().names()
        lazy = lazy.with_columns(
            pl.lit(None, dtype).alias(name) for name, dtype in wanted.items() if name not in found
        )
        if "event_time" not in found:
            lazy = lazy.with_columns(event_time="received_at")
        lazy = lazy.with_columns(pl.col("snapshot").fill_null(value=False))
        lazy = self.chosen(lazy)
        if self.end is not None:
            lazy = lazy.filter(pl.col("event_time") <= self.end)
        return lazy.join(_names(lazy), on=_WHO, how="left", nulls_equal=True, maintain_order="left")

    def chosen(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """Return the rows of the trackers asked for, by ``tracker_id`` and ``label``."""
        if self.trackers is None:
            return rows
        ids = [one for one in self.trackers if isinstance(one, int)]
        labels = [one for one in self.trackers if isinstance(one, str)]
        return rows.filter(pl.col("tracker_id").is_in(ids) | pl.col("label").is_in(labels))


def _names(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Return ``line``, a tracker's name in a chart: its last label, with the id if need be."""
    labels = rows.group_by(_WHO).agg(pl.col("label").last()).sort(_WHO).collect()
    label = pl.coalesce("label", pl.format("tracker {}", _WHO), pl.lit("unknown source"))
    several = pl.format("{} ({})", label, _WHO)
    names = labels.select(_WHO, line=pl.when(label.is_duplicated()).then(several).otherwise(label))
    # As an Enum, so that grouping by it is no slower than by a number.
    return names.cast({"line": pl.Enum(names["line"])}).lazy()


def _first_with_rows(rec: Recording, events: tuple[str, ...]) -> str:
    for event in events:
        if not rec.scan(event).head(1).collect().is_empty():
            return event
    return events[0]


def _bounds(data: Drawable) -> tuple[datetime | None, datetime | None]:
    """Return from when to when a source tells something."""
    if isinstance(data, Recording):
        started, ended = data.info.started_at, data.info.ended_at
        if ended is None:
            latest = [
                data.scan(event).select(pl.col("received_at").max())
                for event in ("state_batch", "state", "readings_batch", "iot_monitor")
            ]
            ended = max(
                (one.item() for one in pl.collect_all(latest) if one.item() is not None),
                default=None,
            )
        return started, ended
    lazy = data.lazy()
    names = lazy.collect_schema().names()
    column = "event_time" if "event_time" in names else "received_at"
    if column not in names:
        raise InvalidArgument(
            "The frame has no column event_time or received_at; it has "
            f"{', '.join(names) or 'none'}."
        )
    rows = lazy.filter(~pl.col("snapshot").fill_null(value=False)) if "snapshot" in names else lazy
    moment = pl.col(column)
    # What is sent live may still speak of long ago, as the old position of a parked vehicle does;
    # such rows say nothing of when a frame is from, unless it has many of them.
    recent = pl.lit(value=True)
    if "received_at" in names:
        recent = (pl.col("received_at") - moment).is_between(-_OLD, _OLD)
    [(first, last, share, *whole)] = (
        rows.select(
            moment.filter(recent).min().alias("first"),
            moment.filter(recent).max().alias("last"),
            (recent & moment.is_not_null()).mean().alias("share"),
            moment.min().alias("earliest"),
            moment.max().alias("latest"),
        )
        .collect()
        .rows()
    )
    if share is None or share < _MOSTLY:
        first, last = whole
    # A single moment takes no time, but something holds from it on.
    return first, last + timedelta(seconds=1) if first == last and last else last


def _moment(argument: str, value: Any, zone: str) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            value = None
    if not isinstance(value, datetime):
        raise InvalidArgument(
            f"{argument}= is no moment; give a datetime, or text such as '2026-07-01 09:30'."
        )
    moment: datetime = value
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(zone) if is_zone(zone) else UTC)
    return moment.astimezone(UTC)
