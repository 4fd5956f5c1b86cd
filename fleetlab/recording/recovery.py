"""One recording from disk, whatever happened to it: to its process, or to its files.

What is damaged or missing is left out, named in ``rec.rejects``, and made again from the journal
where that can be done without writing. Nothing is taken for what it may not be.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import polars as pl
import psutil

from fleetlab.errors import RecordingError
from fleetlab.protocol import Response, read
from fleetlab.recording.batches import read_batches
from fleetlab.recording.check import intact_parts
from fleetlab.recording.journal import Position, has_journal, read_journal, remedy
from fleetlab.recording.lock import is_held
from fleetlab.recording.manifest import (
    MANIFEST,
    Manifest,
    UnreadableManifest,
    read_manifest,
)
from fleetlab.recording.parquet import read_table
from fleetlab.recording.recording import Recording
from fleetlab.recording.told import begun, decoded_info, ended_info, told_info
from fleetlab.records import MessageRecord, RestRecord
from fleetlab.schemas import EVENTS, TABLES, empty, table
from fleetlab.tables.decoder import Decoder

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from fleetlab.recording.folder import DiskFolder, Folder

__all__ = ["GROWING", "is_recording", "losses_table", "open_recording"]

GROWING: Final = ("connection", "gaps", "rejects")
"""Tables that only grow, so that their first rows are those of an earlier moment."""

_FATE: Final = {
    "trackers": "its rows were made again from the journal, as far as it goes",
    "notes": "the notes that were in it are lost, and can't be made again",
}


def is_recording(folder: DiskFolder) -> bool:
    """Tell whether a folder holds a recording, or what is left of one."""
    return folder.exists(MANIFEST) or has_journal(folder)


def open_recording(folder: DiskFolder, events: Collection[str] = tuple(EVENTS)) -> Recording:
    """Open one recording, unfinished or damaged as it may be.

    Parameters
    ----------
    folder : DiskFolder
        Where it lives; nothing there is changed.
    events : collection of str
        The events that are wanted; only their parts are checked and can be read.

    Raises
    ------
    RecordingError
        If it is no recording, was made by a newer fleetlab, or has too long a journal that is in no
        part yet.
    """
    problems: list[tuple[str, str]] = []
    manifest = _read_manifest(folder, problems)
    begin = begun(None if manifest is None else manifest.info, folder.name)
    known = manifest or Manifest(info=told_info(begin["settings"], None))
    tables = {name: _read_table(folder, name, known, problems) for name in TABLES}
    parts = intact_parts(
        folder,
        {event: listed for event, listed in known.parts.items() if event in events},
        problems,
    )
    running = known.info.stopped_because is None and is_held(folder.path)
    if manifest is not None and (problems or not (running or known.whole)):
        # Between the first look and this one it may have been finished, or rebuilt.
        with contextlib.suppress(UnreadableManifest):
            if read_manifest(folder) != manifest:
                return open_recording(folder, events)
    # What no finished part holds is decoded from the journal: nothing, if all went well.
    decoder = Decoder(known.decoder or begin, tables["trackers"])
    tail, first, losses = _decode_rest(folder, known, decoder)
    if not running:  # while it is written, the end is simply not there yet
        problems += [("raw", sentence) for sentence in losses]
    tail.setdefault("rejects", []).append(losses_table(problems))
    tail.setdefault("gaps", []).append(decoder.log.open_gap(None if running else decoder.last_at))
    tables["trackers"] = decoder.directory.frame
    for name in GROWING:
        tables[name] = pl.concat([tables[name], *tail.pop(name, [])])
    info = told_info(decoder.settings, first) if manifest is None else known.info
    info = replace(info, path=str(folder.path))
    info = info if known.whole else decoded_info(info, decoder)
    return Recording(info if running else ended_info(info, decoder), folder, parts, tail, tables)


def losses_table(problems: Iterable[tuple[str, str]]) -> pl.DataFrame:
    """Return what is missing of a recording's files as rows of ``rejects``: file and sentence."""
    rows = [(None, None, None, None, path, reason, "") for path, reason in problems]
    return table("rejects", rows)


def _read_manifest(folder: DiskFolder, problems: list[tuple[str, str]]) -> Manifest | None:
    """Read the manifest; None if it can't be read, and the journal has to tell everything."""
    try:
        return read_manifest(folder)
    except UnreadableManifest as error:
        if not has_journal(folder):
            if not folder.exists(MANIFEST):
                raise
            raise UnreadableManifest(
                f"{error} Nor is there a journal (raw/) to make it again from: take the folder "
                "from a backup, or read its Parquet files one by one."
            ) from error
        missing = f"{MANIFEST} is missing." if not folder.exists(MANIFEST) else str(error)
        told = "All was decoded from the journal; fleetlab rebuild makes the file again."
        problems.append((MANIFEST, f"{missing} {told}"))
        return None


def _decode_rest(
    folder: DiskFolder, manifest: Manifest, decoder: Decoder
) -> tuple[dict[str, list[pl.DataFrame]], int | None, list[str]]:
    """Decode what comes after the finished parts.

    Returns
    -------
    tail : dict of str to list of polars.DataFrame
        The rows by event and by table.
    first : int or None
        When the first record was made.
    losses : list of str
        Sentences on what is missing.
    """
    tail: dict[str, list[pl.DataFrame]] = {}
    first: int | None = None
    losses: list[str] = []
    if manifest.whole:
        return tail, first, losses
    free = psutil.virtual_memory().available
    taken = 0.0

    def collect() -> None:
        nonlocal taken
        for name, frame in decoder.decode().items():
            tail.setdefault(name, []).append(frame)
            taken += frame.estimated_size()
        if taken > free / 2:
            raise RecordingError(
                f"{folder.path}: what its journal holds beyond the finished parts takes more than "
                f"half of the {free / 1e9:.1f} GB of memory that are free. Make parts of it first: "
                f"fleetlab rebuild {folder.path}"
            )

    last = manifest.through_seq
    for batch in read_batches(folder, manifest.position, problems=losses, last=last):
        for _, record in batch:
            first = record.at if first is None else first
            decoder.feed(record)
        collect()
    decoder.release()
    collect()
    return tail, first, losses


def _read_table(
    folder: DiskFolder, name: str, manifest: Manifest, problems: list[tuple[str, str]]
) -> pl.DataFrame:
    """Read a table as far as the manifest knows it: the process may have died behind that."""
    if name != "notes" and manifest.position is None and not manifest.whole:
        return empty(name)  # nothing was published, so the journal tells all of it
    count = manifest.counts.get(name, 0)
    try:
        frame = read_table(folder, name, "" if name == "notes" else manifest.tables)
        fault = f"{name}.parquet is missing" if frame is None and (count or name == "notes") else ""
    except RecordingError as error:
        frame, fault = None, str(error)
    if name == "trackers" and (fault or (frame is not None and len(frame) != count)):
        frame = _trackers_again(folder, manifest.position)
    if fault:
        fate = _FATE.get(name) or f"its rows are missing; {remedy(folder, 'the rows')}"
        problems.append((f"{name}.parquet", f"{fault}: {fate}"))
    if frame is None:
        return empty(name)
    return frame.head(count) if name in GROWING else frame


def _trackers_again(folder: Folder, until: Position | None) -> pl.DataFrame:
    """Make the trackers again as they were known at some place of the journal."""
    decoder = Decoder()
    for position, record in read_journal(folder):
        if until is None or position > until:
            break
        if isinstance(record, RestRecord) or (
            isinstance(record, MessageRecord) and isinstance(read(record.data), Response)
        ):
            decoder.feed(record)
    decoder.release()
    decoder.decode()
    return decoder.directory.frame
