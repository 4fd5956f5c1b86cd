"""What a detector looks at: rows of one event, and when there was nothing to be seen."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw
import polars as pl

from fleetlab.analysis.backends import backend_of
from fleetlab.analysis.bounds import bounds_of, gaps_of, named_bounds
from fleetlab.analysis.columns import TIMES, column
from fleetlab.analysis.shifts import in_shift, named_shifts
from fleetlab.errors import InvalidArgument
from fleetlab.recording import Recording, load
from fleetlab.tables.times import is_zone

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from fleetlab.analysis.backends import Backend, Frame
    from fleetlab.analysis.shifts import Shift, Shifts

__all__ = ["STATES", "Source", "labels_of"]

_OFFSET: Final = re.compile(r"([+-])(\d\d):(\d\d)")
STATES: Final = ("state_batch", "state")
"""Events that tell states; where both were recorded, the first counts."""

_GAP: Final = {"gap_tracker": nw.Int64, "gap_start": nw.Int64, "gap_end": nw.Int64}


@dataclass(frozen=True)
class Source:
    """Rows of an event, their backend, and what is known of when they could come.

    Attributes
    ----------
    frame : narwhals.LazyFrame
        The rows as they came.
    backend : Backend
        What their kind needs of its own.
    gaps : list of tuple
        Tracker (None: all), start and end of what is unknown, in µs since 1970 UTC.
    observed : tuple of int, or None
        From when to when it was watched, likewise; None: from a tracker's first row to its last.
    zone : str
        The recording's time zone, ``UTC`` of a frame.
    recording : Recording or None
        Where the rows are of.
    shifts : tuple of Shift
        Working hours, by the zone's clock; findings then tell in which they began.
    """

    frame: Frame
    backend: Backend
    gaps: list[tuple[int | None, int, int]]
    observed: tuple[int, int] | None
    zone: str = "UTC"
    recording: Recording | None = None
    shifts: tuple[Shift, ...] = ()

    @classmethod
    def of(
        cls,
        data: Any,
        *,
        events: Sequence[str] = STATES,
        gaps: Any = None,
        observed: tuple[datetime | str, datetime | str] | None = None,
        rows: Any = None,
        shifts: Shifts | None = None,
        timezone: str | None = None,
    ) -> Source:
        """Look at what a detector was given.

        Parameters
        ----------
        data : Recording, path, iterable of paths, or a frame
            A recording brings its gaps and bounds along; a frame is of Polars, DuckDB or PySpark,
            with the columns of one of the events.
        events : sequence of str
            Which event of a recording to take: the first that has rows.
        gaps : frame, optional
            ``started_at``, ``ended_at`` (null: still open) and, where they are of one tracker,
            ``tracker_id``; those of the recording if left out.
        observed : tuple of two moments, optional
            From when to when the rows were watched; the recording's bounds if left out.
        rows : frame, optional
            Rows of the event to take instead of those of `data`.
        shifts : mapping, optional
            Working hours by name; see :func:`fleetlab.analysis.shifts.named_shifts`.
        timezone : str, optional
            IANA name of the zone whose clock and days count; the recording's if left out.

        Raises
        ------
        InvalidArgument
            If one of them is of another kind.
        """
        data = _opened(data)
        recording = data if isinstance(data, Recording) else None
        bounds = None if observed is None else named_bounds(observed)
        if recording is not None:
            event = _first_with_rows(recording, events)
            given = recording.scan(event) if rows is None else rows
            gaps = recording.gaps if gaps is None else gaps
            bounds = bounds or bounds_of(recording)
        else:
            given = data if rows is None else rows
        frame, backend = backend_of(given)
        if recording is not None:
            # What is made of a recording is a frame in hand, though it was scanned.
            backend = backend_of(pl.DataFrame())[1] if rows is None else backend
        told = recording and (recording.info.timezone or recording.info.utc_offset)
        zone = timezone or told or "UTC"
        if not _OFFSET.fullmatch(zone) and not is_zone(zone):
            raise InvalidArgument(f"timezone={zone!r} is no IANA name, such as 'Europe/Madrid'.")
        known = [] if gaps is None else gaps_of(gaps, events)
        hours = tuple(named_shifts(shifts))
        return cls(frame, backend, known, bounds, zone, recording, hours)

    def rows(self, *names: str, keep: bool = False) -> Frame:
        """Return columns of the rows that have a moment and a tracker, in their declared types.

        Always there are ``tracker_id``, ``event_us``, ``received_us``, ``seq`` and ``snapshot``.
        Moments are whole microseconds since 1970 UTC, named ``…_us``. What the frame lacks is
        null; without `event_time` the time of arrival counts. A frame without ``tracker_id`` is
        of one tracker, whose id is null. Not-a-numbers are nulls.

        Parameters
        ----------
        *names : str
            Further columns, as the contract names them.
        keep : bool
            Keep all columns of the frame as they are, too, as ``_raw_<name>``.
        """
        wanted = ["tracker_id", "event_time", "received_at", "seq", "snapshot", *names]
        wanted = list(dict.fromkeys(wanted))
        found = self.frame.collect_schema()
        if "event_time" not in found and "received_at" not in found:
            raise InvalidArgument(
                "The frame has no column event_time or received_at; it has "
                f"{', '.join(found) or 'none'}."
            )
        times = [name for name in wanted if name in TIMES and name in found]
        for name in times:
            if not isinstance(found[name], nw.Datetime):
                raise InvalidArgument(
                    f"The column {name} has to be of moments, and is {found[name]}; convert it "
                    "to datetimes in UTC first."
                )
        raw = [nw.col(name).alias(f"_raw_{name}") for name in found] if keep else []
        frame = self.frame.select(*(name for name in wanted if name in found), *raw)
        frame = self.backend.micros(frame, times)
        kept = [f"_raw_{name}" for name in found] if keep else []
        frame = frame.select(*(column(name, found) for name in wanted), *kept)
        if "event_time" not in found:
            frame = frame.with_columns(event_us=nw.col("received_us"))
        known = ~nw.col("event_us").is_null()
        if "tracker_id" in found:
            known = known & ~nw.col("tracker_id").is_null()
        return frame.filter(known)

    def trackers(self, rows: Frame) -> Frame:
        """Return ``tracker_id``, ``first_us`` and ``last_us`` of rows with ``t``."""
        return rows.group_by("tracker_id").agg(
            nw.col("t").min().alias("first_us"), nw.col("t").max().alias("last_us")
        )

    def gap_table(self) -> Frame:
        """Return the gaps as a frame: ``gap_tracker``, ``gap_start`` and ``gap_end`` in µs."""
        return self.backend.table(self.frame, _GAP, self.gaps)

    def findings(
        self,
        frame: Frame,
        columns: Mapping[str, Any],
        explain: Mapping[str, Any] | None = None,
        *,
        by: Sequence[str] = (),
    ) -> Any:
        """Return what was found as the user gets it.

        Parameters
        ----------
        frame : narwhals.LazyFrame
            ``tracker_id``, ``started_us`` and ``ended_us``, and the columns.
        columns : mapping of str to Narwhals dtype
            What comes after ``tracker_id, label, started_at, ended_at, duration_s``.
        explain : mapping, optional
            Thresholds to add as columns.
        by : sequence of str
            Columns to sort by after tracker and start.

        Returns
        -------
        frame
            Of the kind that the user gave, sorted by tracker and start.
        """
        start, end = nw.col("started_us").cast(nw.Int64), nw.col("ended_us").cast(nw.Int64)
        lasted = (end - start).cast(nw.Float64) / 1e6
        frame = frame.select(
            "tracker_id",
            *(nw.col(name).cast(dtype) for name, dtype in columns.items()),
            *(_threshold(value).alias(name) for name, value in (explain or {}).items()),
            started_at=start,
            ended_at=end,
            duration_s=lasted,
        )
        more = list(explain or {})
        if self.shifts:
            frame = in_shift(self.clock(frame, "started_at"), list(self.shifts))
            more.insert(0, "shift")
        frame = self.backend.moments(self.labelled(frame), ["started_at", "ended_at"])
        head = ("tracker_id", "label", "started_at", "ended_at", "duration_s")
        return self.ordered(frame, [*head, *columns, *more], "started_at", *by)

    def dates(self, frame: Frame, name: str) -> Frame:
        """Turn µs since 1970 UTC into the date in the source's zone."""
        frame, zone = self._zoned(frame, name)
        return self.backend.dates(frame, name, zone)

    def clock(self, frame: Frame, name: str) -> Frame:
        """Add ``weekday`` and ``second`` of the day of µs since 1970 UTC in the source's zone."""
        moved, zone = self._zoned(frame.with_columns(_clock=nw.col(name)), "_clock")
        return self.backend.clock(moved, "_clock", zone).drop("_clock")

    def _zoned(self, frame: Frame, name: str) -> tuple[Frame, str]:
        """Return µs whose date and time in a named zone are those of the source's."""
        offset = _OFFSET.fullmatch(self.zone)
        if offset is None:
            return frame, self.zone
        sign, hours, minutes = offset.groups()
        shift = int(f"{sign}1") * (int(hours) * 60 + int(minutes)) * 60 * 1_000_000
        return frame.with_columns((nw.col(name) + shift).alias(name)), "UTC"

    def labelled(self, frame: Frame) -> Frame:
        """Add each tracker's ``label``; of one that was renamed, the last in the alphabet."""
        found = self.frame.collect_schema()
        if "tracker_id" not in found:
            nobody = nw.lit(None, nw.Int64)
            return frame.with_columns(tracker_id=nobody, label=nw.lit(None, nw.String))
        if "label" not in found:
            return frame.with_columns(label=nw.lit(None, nw.String))
        names = self.frame.select(
            nw.col("tracker_id").cast(nw.Int64), nw.col("label").cast(nw.String)
        )
        labels = names.group_by("tracker_id").agg(nw.col("label").max())
        return frame.join(labels, on="tracker_id", how="left")

    def ordered(self, frame: Frame, columns: Sequence[str], *by: str) -> Any:
        """Return columns as the user gets them, sorted by tracker and further columns."""
        return self.backend.give(frame.select(*columns).sort("tracker_id", *by))


def labels_of(first: Source, *others: Source) -> Source:
    """Return a source of which only trackers and labels are looked at, those of all."""
    if not others:
        return first
    names = [
        one.frame.select("tracker_id", "label")
        for one in (first, *others)
        if {"tracker_id", "label"} <= set(one.frame.collect_schema())
    ]
    return replace(first, frame=nw.concat(names)) if names else first


def _opened(data: Any) -> Any:
    """Return the recording of a path, or of several; anything else as it is."""
    if isinstance(data, str | os.PathLike):
        return load(data)
    if isinstance(data, list | tuple) and all(isinstance(one, str | os.PathLike) for one in data):
        return load(data)
    return data


def _first_with_rows(recording: Recording, events: Sequence[str]) -> str:
    for event in events:
        if not recording.scan(event).head(1).collect().is_empty():
            return event
    return events[0]


def _threshold(value: Any) -> nw.Expr:
    return nw.lit(None, nw.Float64) if value is None else nw.lit(value)
