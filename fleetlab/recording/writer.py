"""Rows into finished Parquet parts, and the manifest that lists them."""

from __future__ import annotations

import threading
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from fleetlab.recording.manifest import Info, Manifest, Part
from fleetlab.recording.parquet import to_bytes, write_table
from fleetlab.recording.recording import Recording
from fleetlab.schemas import EVENTS, empty

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fleetlab.recording.folder import Folder
    from fleetlab.recording.journal import Position

__all__ = ["PART_BYTES", "PART_ROWS", "PART_SECONDS", "RecordingWriter"]

PART_ROWS: Final = 250_000
PART_SECONDS: Final = 600.0
PART_BYTES: Final = 100_000_000
"""Of rows in memory: twice those of the usual length, so that only hostile ones reach it."""

MANY: Final = 64
"""Pieces of a frame that are joined into one, so that a snapshot is cheap to read."""

_TABLES: Final = ("connection", "gaps", "rejects")


class RecordingWriter:
    """Collects decoded rows, writes them in parts, and shows what is there at any time.

    Parameters
    ----------
    folder : Folder
        Where the recording lives.
    info : Info
        What is known of it at the start.
    """

    def __init__(self, folder: Folder, info: Info) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._manifest = Manifest(info=info)
        self._pending: dict[str, list[pl.DataFrame]] = {}
        self._tables = {name: empty(name) for name in ("trackers", *_TABLES, "notes")}
        self._open_gap = empty("gaps")
        self.pending_rows = 0
        self.pending_bytes = 0
        write_table(folder, "notes", empty("notes"))
        self._publish()

    def add(
        self,
        frames: Mapping[str, pl.DataFrame],
        trackers: pl.DataFrame,
        open_gap: pl.DataFrame,
        info: Info,
    ) -> None:
        """Take rows that end at a message boundary, and what is known by now.

        Parameters
        ----------
        frames : mapping of str to polars.DataFrame
            New rows by event and by table.
        trackers : polars.DataFrame
            The trackers as of now, whole.
        open_gap : polars.DataFrame
            The gap that has not ended, if there is one.
        info : Info
            The recording as of now.
        """
        tables = {
            name: pl.concat([self._tables[name], frame])
            for name, frame in frames.items()
            if name not in EVENTS
        }
        joined = {
            name: pl.concat([*chunks, frames[name]], rechunk=True)
            for name, chunks in self._pending.items()
            if name in frames and len(chunks) >= MANY - 1
        }
        with self._lock:
            self._manifest = replace(self._manifest, info=info)
            self._tables |= tables | {"trackers": trackers}
            self._open_gap = open_gap
            for name, frame in frames.items():
                if name in EVENTS:
                    self._pending.setdefault(name, []).append(frame)
                    rows = sum(map(len, self._pending[name]))
                    self.pending_rows = max(self.pending_rows, rows)
                    self.pending_bytes += int(frame.estimated_size())
                    if len(self._pending[name]) >= MANY:
                        self._pending[name] = [joined[name]]

    def publish(
        self,
        position: Position | None,
        through_seq: int,
        decoder: dict[str, Any],
        complete: Iterable[str] = (),
        *,
        whole: bool = False,
    ) -> None:
        """Write what is pending as parts and list them; the journal must be flushed that far.

        Parameters
        ----------
        position : Position
            The place in the journal just after the last record whose rows were added.
        through_seq : int
            The last frame among them.
        decoder : dict
            The decoder's checkpoint at that place.
        complete : iterable of str
            Events that get a part without rows where they have none.
        whole : bool
            Whether the journal holds nothing beyond that place.
        """
        parts = dict(self._manifest.parts)
        frames = {name: pl.concat(chunks) for name, chunks in self._pending.items()}
        for name in complete:
            if name not in frames and not parts.get(name):
                frames[name] = empty(name)
        for name, frame in frames.items():
            finished = parts.get(name, [])
            file = f"{name}/{len(finished) + 1:08}.parquet"
            data = to_bytes(frame)
            self._folder.write(file, data)
            part = Part(file, len(frame), int(frame.estimated_size()), zlib.crc32(data))
            parts[name] = [*finished, part]
        for name in ("trackers", *_TABLES):
            write_table(self._folder, name, self._tables[name])
        with self._lock:
            self._manifest = replace(
                self._manifest,
                parts=parts,
                through_seq=through_seq,
                position=position,
                decoder=decoder,
                whole=whole,
            )
            self._pending = {}
            self.pending_rows = self.pending_bytes = 0
        self._publish()

    def finish(self, info: Info) -> None:
        """Write the last word on the recording."""
        with self._lock:
            self._manifest = replace(self._manifest, info=info)
        self._publish()

    def snapshot(self) -> Recording:
        """Return the recording as of now, at a message boundary; it won't change any more."""
        with self._lock:
            return Recording(
                self._manifest.info,
                self._folder,
                self._manifest.parts,
                {name: list(chunks) for name, chunks in self._pending.items()},
                self._tables | {"gaps": pl.concat([self._tables["gaps"], self._open_gap])},
            )

    @property
    def size(self) -> int:
        """Bytes of the folder and of the rows that no part holds yet."""
        with self._lock:
            pending = sum(
                frame.estimated_size() for chunks in self._pending.values() for frame in chunks
            )
        return self._folder.size + int(pending)

    def _publish(self) -> None:
        counts = {
            name: sum(part.rows for part in parts) for name, parts in self._manifest.parts.items()
        }
        counts |= {name: len(self._tables[name]) for name in ("trackers", *_TABLES)}
        replace(self._manifest, counts=counts).write(self._folder)
