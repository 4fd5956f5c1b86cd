"""All frames of a recording again, from its journal alone.

They are made in a subfolder, which no reader looks into. Then their parts get numbers after those
that are there, and one atomic rewrite of ``recording.json`` lists them instead. So whoever reads
the folder, also after a crash at any moment, finds the old recording or the new one.
"""

from __future__ import annotations

import os  # noqa: TC003 - shown by help()
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Final

import polars as pl

from fleetlab.errors import RecordingError
from fleetlab.recording.batches import read_batches
from fleetlab.recording.builder import Builder
from fleetlab.recording.check import intact_parts
from fleetlab.recording.folder import DiskFolder
from fleetlab.recording.journal import has_journal
from fleetlab.recording.lock import FolderLock
from fleetlab.recording.manifest import (
    Manifest,
    Part,
    UnreadableManifest,
    no_recording,
    read_manifest,
)
from fleetlab.recording.parquet import read_table, scan_parts, write_table
from fleetlab.recording.recording import Recording  # noqa: TC001 - shown by help()
from fleetlab.recording.recovery import GROWING, losses_table, open_recording
from fleetlab.recording.told import begun, decoded_info, ended_info, told_info
from fleetlab.recording.writer import PART_BYTES, PART_ROWS
from fleetlab.schemas import EVENTS, empty

__all__ = ["rebuild"]

STAGING: Final = "rebuilt"
_TABLES: Final = ("trackers", *GROWING)


def rebuild(folder: str | os.PathLike[str], *, force: bool = False) -> Recording:
    """Make all frames of a recording again, from its journal alone.

    For a recording whose files are damaged, or whose journal is longer than what memory holds. Rows
    become parts as they are decoded, so its length doesn't matter; needed is as much free space
    on the disk as the frames take. Killed at any moment, it leaves the recording as it was, or
    rebuilt. Notes are kept; no journal has them, so those of a lost notes.parquet are gone.

    Parameters
    ----------
    folder : path
        The recording's folder; nobody may be writing it.
    force : bool
        Go on even if that loses rows which the journal, itself damaged or shortened, can't give
        again.

    Returns
    -------
    Recording
        As :func:`fleetlab.load` gives it. What the journal has lost is named in ``rec.rejects``.

    Raises
    ------
    RecordingError
        If there is no journal, the folder is being written or can't be, or rows would be lost.
    """
    home = DiskFolder(folder)
    if not has_journal(home):
        raise RecordingError(
            no_recording(home, "has no journal to make the frames from: raw/ is missing or empty")
        )
    with FolderLock(home.path):
        old = _old(home)
        staging = DiskFolder(home.path / STAGING)
        problems: list[str] = []
        try:
            made = _make(home, staging, old, problems)
            if not force:
                _keep_rows(home, staging, old, made, problems)
        except BaseException:
            shutil.rmtree(staging.path, ignore_errors=True)
            raise
        _put_in_place(home, made)
    return open_recording(home)


def _old(home: DiskFolder) -> Manifest | None:
    """Return what is there, after finishing what a killed rebuilding had begun."""
    try:
        manifest = read_manifest(home)
    except UnreadableManifest:
        manifest = None
    if manifest is not None and manifest.tables:
        return _settle(home, manifest)
    shutil.rmtree(home.path / STAGING, ignore_errors=True)
    return manifest


def _make(
    home: DiskFolder, staging: DiskFolder, old: Manifest | None, problems: list[str]
) -> Manifest:
    """Decode the journal to parts and tables in the other folder."""
    staging.path.mkdir()
    checkpoint = begun(None if old is None else old.info, home.name)
    builder = Builder(staging, told_info(checkpoint["settings"], None), checkpoint=checkpoint)
    first: int | None = None
    for batch in read_batches(home, problems=problems):
        first = batch[0][1].at if first is None else first
        builder.take(batch)
        builder.collect()
        writer = builder.writer
        large = writer.pending_rows >= PART_ROWS or writer.pending_bytes >= PART_BYTES
        if large and not builder.decoder.is_waiting:
            builder.publish()
    decoder = builder.decoder
    decoder.release()
    builder.info = ended_info(told_info(decoder.settings, first), decoder)
    builder.collect()
    builder.writer.add(
        {"rejects": losses_table(("raw", sentence) for sentence in problems)},
        decoder.directory.frame,
        decoder.log.open_gap(None),
        decoded_info(builder.info, decoder),
    )
    builder.publish(whole=True)
    return read_manifest(staging)


def _keep_rows(
    home: DiskFolder,
    staging: DiskFolder,
    old: Manifest | None,
    made: Manifest,
    problems: list[str],
) -> None:
    """Refuse to go on if there are rows that the journal can't give again."""
    lost = _lost(home, staging, old, made)
    if lost:
        rows = ", ".join(f"{count:,} of {name}" for name, count in lost.items())
        why = f" ({problems[0]})" if problems else ""
        raise RecordingError(
            f"{home.path} stays as it is: it holds rows that its journal can't give again: "
            f"{rows}{why}. To rebuild it without them: fleetlab rebuild --force {home.path}"
        )


def _lost(
    home: DiskFolder, staging: DiskFolder, old: Manifest | None, made: Manifest
) -> dict[str, int]:
    """Return how many rows there are now that the journal can't give again, by frame."""
    lost = {}
    for event, parts in _parts(home, old).items():
        new = scan_parts(staging, made.parts.get(event, []), event)
        lost[event] = sum(_rows_lost(scan_parts(home, [part], event), new) for part in parts)
    for name in _TABLES:
        lost[name] = max(0, _rows(home, name, old) - _rows(staging, name, made))
    return {name: rows for name, rows in lost.items() if rows}


def _parts(home: DiskFolder, old: Manifest | None) -> dict[str, list[Part]]:
    """Return the parts that can be read: of those listed, or of all if no list is left."""
    if old is not None:
        return intact_parts(home, old.parts, [])
    found = {event: home.files(event, ".parquet") for event in EVENTS}
    return {
        event: [Part(file, 0, 0) for file in files if _is_readable(home, file, event)]
        for event, files in found.items()
    }


def _is_readable(home: DiskFolder, file: str, event: str) -> bool:
    try:
        scan_parts(home, [Part(file, 0, 0)], event).select("seq").collect()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        return False
    return True


def _rows_lost(old: pl.LazyFrame, new: pl.LazyFrame) -> int:
    """Return how many rows of a part's messages are missing from the new ones."""
    had = old.group_by("seq").agg(pl.len().cast(pl.Int64).alias("had")).collect()
    if had.is_empty():
        return 0
    same = pl.col("seq").is_between(had["seq"].min(), had["seq"].max())
    has = new.filter(same).group_by("seq").agg(pl.len().cast(pl.Int64).alias("has")).collect()
    missing = pl.col("had") - pl.col("has").fill_null(0)
    rows: int = had.join(has, on="seq", how="left").select(missing.clip(0).sum()).item()
    return rows


def _rows(folder: DiskFolder, name: str, manifest: Manifest | None) -> int:
    """Return how many rows a table has that were made of the journal."""
    try:
        frame = read_table(folder, name)
    except RecordingError:
        frame = None
    if frame is None:
        return 0
    if manifest is not None:
        frame = frame.head(manifest.counts.get(name, 0))
    # Rejects without a message are those that tell what the journal has lost.
    return len(frame.drop_nulls("seq") if name == "rejects" else frame)


def _put_in_place(home: DiskFolder, made: Manifest) -> None:
    """Make the new parts and tables those of the recording, in one step."""
    parts: dict[str, list[Part]] = {}
    for event, listed in made.parts.items():
        taken = [int(Path(file).stem) for file in home.files(event, ".parquet") if _is_number(file)]
        parts[event] = []
        for number, part in enumerate(listed, max(taken, default=0) + 1):
            file = f"{event}/{number:08}.parquet"
            home.move(f"{STAGING}/{part.file}", file)
            parts[event].append(replace(part, file=file))
    manifest = replace(made, parts=parts, tables=STAGING)
    manifest.write(home)
    _settle(home, manifest)


def _settle(home: DiskFolder, manifest: Manifest) -> Manifest:
    """Bring the tables to the top, and remove the parts that are not listed any more."""
    for name in _TABLES:
        if home.exists(f"{manifest.tables}/{name}.parquet"):
            home.move(f"{manifest.tables}/{name}.parquet", f"{name}.parquet")
    if not home.exists("notes.parquet"):  # the only table that the journal knows nothing of
        write_table(home, "notes", empty("notes"))
    settled = replace(manifest, tables="")
    settled.write(home)
    shutil.rmtree(home.path / STAGING, ignore_errors=True)
    listed = {part.file for parts in manifest.parts.values() for part in parts}
    for event in EVENTS:
        for file in home.files(event, ".parquet"):
            if file not in listed and _is_number(file):
                home.remove(file)
    return settled


def _is_number(file: str) -> bool:
    return Path(file).stem.isdecimal()
