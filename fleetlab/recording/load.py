"""Recordings from disk: finished ones, those of a dead process, and those still being written."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable  # noqa: TC003 - shown by help()
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import polars as pl

from fleetlab.errors import InvalidArgument, RecordingError
from fleetlab.recording.folder import DiskFolder, Folder
from fleetlab.recording.journal import read_journal
from fleetlab.recording.lock import is_held
from fleetlab.recording.manifest import Info, Manifest, read_manifest
from fleetlab.recording.recording import Recording
from fleetlab.records import MessageRecord
from fleetlab.schemas import TABLES, empty, schema, table
from fleetlab.tables.decoder import BATCH_BYTES, Decoder

__all__ = ["decoded_info", "load", "scan"]


def load(source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> Recording:
    """Open a recording, or several as one.

    Parameters
    ----------
    source : path or iterable of paths
        A recording's folder, or several: those are joined in the order of their start, with the
        time between them as gaps. A recording whose process died, or that is still being written,
        gives what was received until about a second ago.

    Returns
    -------
    Recording
        Nothing on disk is changed.

    Raises
    ------
    RecordingError
        If a folder is no recording, can't be read, or was made by a newer fleetlab.
    """
    if isinstance(source, (str, os.PathLike)):
        return _load_one(DiskFolder(source))
    recordings = [_load_one(DiskFolder(path)) for path in source]
    if not recordings:
        raise InvalidArgument("load: the list of recordings is empty.")
    return recordings[0] if len(recordings) == 1 else _joined(recordings)


def scan(
    source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], event: str
) -> pl.LazyFrame:
    """Return one event of many recordings as one lazy frame.

    Parameters
    ----------
    source : path, pattern or iterable of them
        Folders of recordings, such as ``"recordings/*"``; what isn't a recording is passed over
        where a pattern found it.
    event : str
        Such as ``"state_batch"``.

    Returns
    -------
    polars.LazyFrame
        Ordered by recording, then as the rows came; the column ``recording`` tells them apart.

    Raises
    ------
    RecordingError
        If nothing was found.
    """
    patterns = [source] if isinstance(source, (str, os.PathLike)) else list(source)
    folders: list[Path] = []
    for pattern in patterns:
        text = os.path.expanduser(os.fspath(pattern))  # noqa: PTH111 - may hold a pattern
        if glob.has_magic(text):
            found = sorted(Path(path) for path in glob.glob(text))  # noqa: PTH207
            folders += [path for path in found if (path / "recording.json").is_file()]
        else:
            folders.append(Path(text))
    if not folders:
        named = ", ".join(map(str, patterns))
        raise RecordingError(f"No recording matches {named}.")
    return pl.concat([load(folder).scan(event) for folder in folders])


def _load_one(folder: DiskFolder) -> Recording:
    manifest = read_manifest(folder)
    info = replace(manifest.info, path=str(folder.path))
    tables = {name: _read_table(folder, name, manifest) for name in TABLES}
    running = info.stopped_because is None and is_held(folder.path)
    if info.stopped_because is None and not running:
        # Between the first look and this one the capture may have ended in good order.
        manifest = read_manifest(folder)
        if manifest.info.stopped_because is not None:
            return _load_one(folder)
    # What no finished part holds is decoded from the journal: nothing, if all went well.
    decoder = Decoder(manifest.decoder, tables["trackers"])
    problems: list[str] = []
    tail, last = _decode_rest(folder, manifest, decoder, problems)
    if problems and not running:  # while it is written, the end is simply not there yet
        rows = [(None, None, None, None, "raw", problem, "") for problem in problems]
        tail.setdefault("rejects", []).append(table("rejects", rows))
    tail.setdefault("gaps", []).append(decoder.log.open_gap(None if running else last))
    tables["trackers"] = decoder.directory.frame
    for name in ("connection", "gaps", "rejects"):
        tables[name] = pl.concat([tables[name], *tail.pop(name, [])])
    info = decoded_info(info, decoder)
    if info.stopped_because is None and not running:
        ended = info.started_at if last is None else _moment(last)
        info = replace(info, stopped_because="unfinished", ended_at=ended)
    return Recording(info, folder, manifest.parts, tail, tables)


def _decode_rest(
    folder: Folder, manifest: Manifest, decoder: Decoder, problems: list[str]
) -> tuple[dict[str, list[pl.DataFrame]], int | None]:
    """Decode what comes after the finished parts; return the frames, and the last moment."""
    tail: dict[str, list[pl.DataFrame]] = {}
    size = 0
    last: int | None = None

    def collect() -> None:
        for name, frame in decoder.decode().items():
            tail.setdefault(name, []).append(frame)

    for _, record in read_journal(folder, manifest.position, problems):
        decoder.feed(record)
        last = record.at
        if isinstance(record, MessageRecord):
            size += len(record.data)
            if size >= BATCH_BYTES:
                collect()
                size = 0
    decoder.release()
    collect()
    return tail, last


def decoded_info(info: Info, decoder: Decoder) -> Info:
    """Return the info with what decoding has found out about the zone."""
    return replace(
        info,
        timezone=decoder.clock.zone,
        timezone_source=decoder.clock.source,
        utc_offset=decoder.clock.utc_offset,
    )


def _read_table(folder: Folder, name: str, manifest: Manifest) -> pl.DataFrame:
    """Read a table as far as the manifest knows it: the process may have died behind that."""
    file = f"{name}.parquet"
    if not folder.exists(file):
        return empty(name)
    try:
        frame = pl.read_parquet(folder.read(file), schema=schema(name))
    except pl.exceptions.PolarsError as error:
        raise RecordingError(f"{folder.path}: {file} can't be read ({error}).") from error
    grows = name in ("connection", "gaps", "rejects")
    return frame.head(manifest.counts.get(name, 0)) if grows else frame


def _joined(recordings: list[Recording]) -> Recording:
    """Make one of several, in the order of their start."""
    recordings.sort(key=lambda recording: recording.info.started_at)
    first, last = recordings[0].info, recordings[-1].info
    between = [
        (_us(before.info.ended_at), _us(after.info.started_at))
        for before, after in pairwise(recordings)
        if before.info.ended_at is not None and before.info.ended_at < after.info.started_at
    ]
    rows = [
        (start, end, (end - start) / 1e6, "between_recordings", None, None, None)
        for start, end in between
    ]
    tables = {
        name: pl.concat([recording._tables[name] for recording in recordings])  # noqa: SLF001
        for name in TABLES
    }
    tables["gaps"] = pl.concat([tables["gaps"], table("gaps", rows)]).sort("started_at")
    tables["trackers"] = tables["trackers"].unique("tracker_id", keep="last").sort("tracker_id")
    requests = [request for recording in recordings for request in recording.info.requests]
    info = replace(
        last,
        name=f"{first.name} … {last.name}",
        started_at=first.started_at,
        requests=[request for n, request in enumerate(requests) if request not in requests[:n]],
        path=None,
    )
    return Recording(info, None, {}, {}, tables, tuple(recordings))


def _moment(us: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)


def _us(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
