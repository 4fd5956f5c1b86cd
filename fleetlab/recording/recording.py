"""A recording in the hands of its reader."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl
import psutil

from fleetlab.errors import InvalidArgument, RecordingError
from fleetlab.recording.accessors import Plot
from fleetlab.recording.describe import as_html, as_text
from fleetlab.recording.disk import explained
from fleetlab.recording.notes import add_note
from fleetlab.recording.parquet import scan_parts
from fleetlab.schemas import EVENTS, TABLES, empty

if TYPE_CHECKING:
    import os
    from datetime import datetime

    from fleetlab.recording.folder import Folder
    from fleetlab.recording.manifest import Info, Part

__all__ = ["Frames", "Recording"]


class Frames(Mapping[str, pl.DataFrame]):
    """The event frames of a recording by name, each read when it is asked for."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def __getitem__(self, event: str) -> pl.DataFrame:
        if event not in EVENTS:
            raise KeyError(event)
        return self._recording.frame(event)

    def __iter__(self) -> Iterator[str]:
        return iter(EVENTS)

    def __len__(self) -> int:
        return len(EVENTS)

    def __repr__(self) -> str:
        return f"Frames({', '.join(EVENTS)})"


class Recording:
    """What was recorded of a fleet: typed frames, and what is known of how they came.

    Recordings come from :func:`fleetlab.capture`, :func:`fleetlab.load` or
    ``job.recording``; this class isn't called by users. One doesn't change under its reader's
    hands, even while the capture that it was taken from goes on.

    Attributes
    ----------
    info : Info
        ``started_at``, ``ended_at``, ``server``, ``timezone``, ``timezone_source``,
        ``utc_offset``, ``requests``, ``note``, ``path``, ``stopped_because`` and more.
    frames : Mapping of str to polars.DataFrame
        The event frames by name.
    state, state_batch, readings_batch, iot_monitor, lifecycle, logout : polars.DataFrame
        One frame an event, always there with its full schema.
    trackers, connection, gaps, rejects, notes : polars.DataFrame
        The trackers, the log of the connection, what was not received, what could not be
        understood, and the notes made by :meth:`annotate`.
    """

    def __init__(
        self,
        info: Info,
        folder: Folder | None,
        parts: Mapping[str, list[Part]],
        tail: Mapping[str, list[pl.DataFrame]],
        tables: Mapping[str, pl.DataFrame],
        others: tuple[Recording, ...] = (),
    ) -> None:
        self.info = info
        self._folder = folder
        self._parts = parts
        self._tail = tail
        self._tables = dict(tables)
        self._others = others

    # -- frames -----------------------------------------------------------------------------

    @property
    def frames(self) -> Frames:
        """The event frames by name, each read when it is asked for."""
        return Frames(self)

    @property
    def state(self) -> pl.DataFrame:
        """Single changes of state, one row each (see ``fleetlab.schemas``)."""
        return self.frame("state")

    @property
    def state_batch(self) -> pl.DataFrame:
        """States that came in batches, one row a state."""
        return self.frame("state_batch")

    @property
    def readings_batch(self) -> pl.DataFrame:
        """Readings of sensors, states, virtual sensors and counters, one row a reading."""
        return self.frame("readings_batch")

    @property
    def iot_monitor(self) -> pl.DataFrame:
        """Raw attributes of devices, one row a new value, in the order of time."""
        return self.frame("iot_monitor")

    @property
    def lifecycle(self) -> pl.DataFrame:
        """Trackers blocked, unblocked or removed, one row an event."""
        return self.frame("lifecycle")

    @property
    def logout(self) -> pl.DataFrame:
        """The end of the session, where it ended."""
        return self.frame("logout")

    @property
    def trackers(self) -> pl.DataFrame:
        """The account's trackers, and what the server said of each as it was asked for."""
        return self._tables["trackers"]

    @property
    def connection(self) -> pl.DataFrame:
        """What happened to the connection, in order."""
        return self._tables["connection"]

    @property
    def gaps(self) -> pl.DataFrame:
        """When data may be missing, and why."""
        return self._tables["gaps"]

    @property
    def rejects(self) -> pl.DataFrame:
        """What was received and could not be understood, part by part."""
        return self._tables["rejects"]

    @property
    def notes(self) -> pl.DataFrame:
        """The notes made by :meth:`annotate`, by time."""
        return self._tables["notes"].sort("noted_at", maintain_order=True)

    @property
    def plot(self) -> Plot:
        """Charts of it: ``speed``, ``fuel_level``, ``status``, ``map``, ``attribute``, …."""
        return Plot(self)

    def scan(self, event: str) -> pl.LazyFrame:
        """Return an event's rows lazily, without loading them.

        Parameters
        ----------
        event : str
            ``"state"``, ``"state_batch"``, ``"readings_batch"``, ``"iot_monitor"``,
            ``"lifecycle"`` or ``"logout"``.

        Returns
        -------
        polars.LazyFrame
            All rows of the event in the order in which they came.

        Raises
        ------
        InvalidArgument
            For any other name.
        RecordingError
            If the folder was rebuilt or removed in the meantime.
        """
        if event not in EVENTS:
            raise InvalidArgument(f"{event!r} is no event; choose from {', '.join(EVENTS)}.")
        return self._after(event, 0)

    def _after(self, event: str, rows: int) -> pl.LazyFrame:
        """Return an event's rows after the first so many, reading nothing that holds only these."""
        if self._others:
            pieces = []
            for other in self._others:
                pieces.append(other._after(event, rows))  # noqa: SLF001
                rows = max(0, rows - other._rows(event))  # noqa: SLF001
            return pl.concat(pieces)
        parts, tail = list(self._parts.get(event, ())), list(self._tail.get(event, ()))
        while parts and rows >= parts[0].rows:
            rows -= parts.pop(0).rows
        while tail and not parts and rows >= len(tail[0]):
            rows -= len(tail.pop(0))
        pieces = [pl.concat(tail).lazy()] if tail else []
        if parts and self._folder is not None:
            try:
                pieces.insert(0, scan_parts(self._folder, parts, event))
            except FileNotFoundError as error:
                raise RecordingError(
                    f"{self._folder.path} has changed since it was loaded: {error.filename} is "
                    "gone. Load it again with fl.load."
                ) from error
        whole = pl.concat(pieces) if pieces else empty(event).lazy()
        return whole.slice(rows) if rows else whole

    def _pieces(self, event: str) -> Iterator[pl.LazyFrame]:
        """Yield an event's rows part by part; each ends between two messages."""
        for other in self._others:
            yield from other._pieces(event)  # noqa: SLF001
        for part in self._parts.get(event, ()):
            assert self._folder is not None
            yield scan_parts(self._folder, [part], event)
        tail = self._tail.get(event, ())
        if tail:
            yield pl.concat(tail).lazy()

    def frame(self, event: str) -> pl.DataFrame:
        """Return an event's rows as a frame.

        Raises
        ------
        RecordingError
            If the frame would take more than half of the memory that is free.
        """
        needed = self._size(event)
        free = psutil.virtual_memory().available
        if needed > free / 2:
            raise RecordingError(
                f"{event} of {self.info.name} would take about {needed / 1e9:.1f} GB, and "
                f"{free / 1e9:.1f} GB of memory are free. Use rec.scan({event!r}): filter and "
                "aggregate first, then collect()."
            )
        return self.scan(event).collect()

    def _size(self, event: str) -> int:
        own = sum(part.bytes for part in self._parts.get(event, []))
        own += sum(int(frame.estimated_size()) for frame in self._tail.get(event, []))
        return own + sum(other._size(event) for other in self._others)  # noqa: SLF001

    def _rows(self, event: str) -> int:
        own = sum(part.rows for part in self._parts.get(event, []))
        own += sum(map(len, self._tail.get(event, [])))
        return own + sum(other._rows(event) for other in self._others)  # noqa: SLF001

    # -- in words ---------------------------------------------------------------------------

    def summary(self) -> pl.DataFrame:
        """Return what was recorded, one row an event.

        Returns
        -------
        polars.DataFrame
            ``event``; ``rows``; ``snapshot_rows`` (what held before the capture began);
            ``trackers`` heard; ``first_at`` and ``last_at``, times of arrival in UTC.
        """
        rows = [
            self.scan(event).select(
                pl.lit(event).alias("event"),
                pl.len().cast(pl.Int64).alias("rows"),
                pl.col("snapshot").sum().cast(pl.Int64).alias("snapshot_rows"),
                pl.col("tracker_id").drop_nulls().n_unique().cast(pl.Int64).alias("trackers"),
                pl.col("received_at").min().alias("first_at"),
                pl.col("received_at").max().alias("last_at"),
            )
            for event in EVENTS
            if self._rows(event) or event in self._requested()
        ]
        return pl.concat(rows).collect() if rows else pl.DataFrame(schema=_SUMMARY)

    def _requested(self) -> set[str]:
        return {request["type"] for request in self.info.requests}

    def __repr__(self) -> str:
        return as_text(self.info, self._counts(), self._missed(), self._refused())

    def _repr_html_(self) -> str:
        return as_html(self.info, self._counts(), self._missed(), self._refused())

    def _counts(self) -> dict[str, int]:
        counts = {event: self._rows(event) for event in EVENTS}
        return {event: rows for event, rows in counts.items() if rows or event in self._requested()}

    def _missed(self) -> dict[str, int]:
        never = not any(self._counts().values()) and "subscribed" not in self.connection["what"]
        return {"gaps": len(self.gaps), "rejects": len(self.rejects), "all": int(never)}

    def _refused(self) -> dict[str, int]:
        """Return how many trackers are blocked, unknown or disallowed, by the server's word."""
        words = self.trackers.select("tracker_id", *self._requested() & {*self.trackers.columns})
        told = words.unpivot(index="tracker_id").filter(pl.col("value") != "normal")
        counts = told.group_by("value").agg(pl.col("tracker_id").n_unique()).sort("value")
        return dict(counts.iter_rows())

    # -- kept -------------------------------------------------------------------------------

    def annotate(self, when: datetime | str, text: str) -> None:
        """Add a note on a moment; it is kept with the recording and drawn in charts.

        Parameters
        ----------
        when : datetime.datetime or str
            The moment, with its zone; text in ISO 8601 with an offset.
        text : str
            The note.

        Raises
        ------
        InvalidArgument
            If the moment has no zone, or the text is empty.
        RecordingError
            If the notes can't be written, or this is several recordings in one.
        """
        if self._folder is None:
            raise RecordingError("A note belongs to one recording; annotate it before joining.")
        self._tables["notes"] = add_note(self._folder, when, text)

    def save(self, folder: str | os.PathLike[str]) -> Recording:
        """Write a recording that is only in memory, or a copy of one on disk, to a new folder.

        Parameters
        ----------
        folder : str or os.PathLike
            A folder that is empty or not there yet.

        Returns
        -------
        Recording
            The one in the new folder.

        Raises
        ------
        RecordingError
            If it still runs, or the folder can't be used.
        """
        from fleetlab.recording.load import load  # noqa: PLC0415 - load makes recordings

        if self._folder is None:
            raise RecordingError("Several recordings in one can't be saved; use to_parquet.")
        if self.info.stopped_because is None:
            raise RecordingError("The recording still runs: stop it first, then save it.")
        return load(self._folder.copy_to(folder).path)

    def share(
        self,
        folder: str | os.PathLike[str],
        *,
        pseudonymise: bool = True,
        raw: bool = False,
        cut_ends_m: float | None = None,
    ) -> Recording:
        """Write a copy for others, without what tells whose vehicles these are.

        Positions and times stay, and may tell it all the same: docs/sharing.md says what becomes
        of each column, and what remains.

        Parameters
        ----------
        folder : str or os.PathLike
            A folder that is empty or not there yet; its name is the copy's.
        pseudonymise : bool
            Trackers are numbered from 1 on in random order, sensors too, the same way in all
            frames. Labels, ids of devices, groups and sources, models, notes, errors, the server,
            texts that devices send, and values of attributes that name somebody are left out.
        raw : bool
            Share the journal, too: a whole copy, as of :meth:`save`. Only with
            ``pseudonymise=False``.
        cut_ends_m : float, optional
            Leave out positions this near (m) to where the tracker began or ended a trip, was
            parked, first or last seen, so that homes aren't shown; and all of ``iot_monitor``.

        Returns
        -------
        Recording
            The one in the new folder; ``info.note`` says that it was shared, and how.

        Raises
        ------
        InvalidArgument
            If the arguments contradict one another.
        RecordingError
            If it still runs, or the folder can't be used.
        """
        from fleetlab.sharing import share  # noqa: PLC0415 - it looks for trips

        return share(self, folder, pseudonymise=pseudonymise, raw=raw, cut_ends_m=cut_ends_m)

    def to_parquet(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write each frame as one Parquet file, ``<name>.parquet``.

        Parameters
        ----------
        folder : str or os.PathLike
            Made if need be; files of the same names in it are replaced.

        Returns
        -------
        list of pathlib.Path
            The files.

        Raises
        ------
        RecordingError
            If they can't be written.
        """
        target = Path(folder).expanduser()
        with explained("be written", target, also=pl.exceptions.ComputeError):
            return self._sink(target)

    def _sink(self, folder: Path) -> list[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        files = []
        for name in (*EVENTS, *TABLES):
            lazy = self.scan(name) if name in EVENTS else self._tables[name].lazy()
            path = folder / f"{name}.parquet"
            lazy.sink_parquet(path, compression="zstd")
            files.append(path)
        return files


_SUMMARY: Final = {
    "event": pl.String(),
    "rows": pl.Int64(),
    "snapshot_rows": pl.Int64(),
    "trackers": pl.Int64(),
    "first_at": pl.Datetime("us", "UTC"),
    "last_at": pl.Datetime("us", "UTC"),
}
