"""Recordings from disk: finished ones, those of a dead process, and those still being written."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from fleetlab.errors import InvalidArgument, RecordingError
from fleetlab.recording.folder import DiskFolder
from fleetlab.recording.recording import Recording
from fleetlab.recording.recovery import is_recording, open_recording
from fleetlab.recording.told import microseconds
from fleetlab.schemas import TABLES, table

if TYPE_CHECKING:
    from datetime import datetime

    from fleetlab.recording.manifest import Info

__all__ = ["load", "scan"]

_SUCH: Final = 'name those that captures made, such as "recordings/*"'


def load(source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> Recording:
    """Open a recording, or several as one.

    Parameters
    ----------
    source : path, pattern or iterable of them
        A recording's folder, or several, such as ``"recordings/*"``: those are joined in the order
        of their start, with the time between them as gaps. A recording whose process died, or that
        is still being written, gives what was received until about a second ago.

    Returns
    -------
    Recording
        Nothing on disk is changed. What is damaged or missing there is left out and named in
        ``rec.rejects``; :func:`fleetlab.rebuild` makes it again from the journal. To find it, the
        files of all parts are read once: half a second of processor time a gigabyte, or as long as
        the disk takes.

    Raises
    ------
    RecordingError
        If a folder is no recording, can't be read, or was made by a newer fleetlab; or if nothing
        was found.
    InvalidArgument
        If what was given is no path.
    """
    recordings = [open_recording(DiskFolder(path)) for path in _folders(source)]
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
        Ordered by recording, then as the rows came; the column ``recording`` tells them apart. The
        event's parts are read once to find damaged ones, which are left out as by :func:`load`.

    Raises
    ------
    RecordingError
        If nothing was found.
    InvalidArgument
        If what was given is no path, or there is no such event.
    """
    parts = [open_recording(DiskFolder(path), (event,)).scan(event) for path in _folders(source)]
    return pl.concat(parts)


def _folders(source: object) -> list[Path]:
    """Return the folders that paths and patterns name."""
    patterns = [source] if isinstance(source, (str, os.PathLike)) else source
    if not isinstance(patterns, Iterable) or isinstance(patterns, bytes):
        raise InvalidArgument(f"{source!r} is no folder; {_SUCH}.")
    patterns = list(patterns)
    folders: list[Path] = []
    for pattern in patterns:
        text = os.path.expanduser(os.fspath(pattern))  # noqa: PTH111 - may hold a pattern
        if glob.has_magic(text) and not Path(text).exists():
            found = sorted(Path(path) for path in glob.glob(text))  # noqa: PTH207
            folders += [path for path in found if is_recording(DiskFolder(path))]
        else:
            folders.append(Path(text))
    if not folders:
        named = ", ".join(map(str, patterns))
        raise RecordingError(f"No recording matches {named or 'an empty list'}; {_SUCH}.")
    return folders


def _until(info: Info) -> tuple[bool, datetime]:
    """Return what orders recordings by their end; one that is being written has none yet."""
    return (info.ended_at is None, info.ended_at or info.started_at)


def _joined(recordings: list[Recording]) -> Recording:
    """Make one of several, in the order of their start."""
    recordings.sort(key=lambda recording: recording.info.started_at)
    first, last = recordings[0].info, recordings[-1].info
    between = []
    longest = first  # of those so far, the one that goes on until last
    for recording in recordings[1:]:
        info = recording.info
        if longest.ended_at is not None and longest.ended_at < info.started_at:
            between.append((microseconds(longest.ended_at), microseconds(info.started_at)))
        longest = max(longest, info, key=_until)
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
        longest,
        name=f"{first.name} … {last.name}",
        started_at=first.started_at,
        requests=[request for n, request in enumerate(requests) if request not in requests[:n]],
        path=None,
    )
    return Recording(info, None, {}, {}, tables, tuple(recordings))
