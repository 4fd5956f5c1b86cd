"""``recording.json``: what a recording is, and which of its parts are finished."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from datetime import datetime  # noqa: TC003 - msgspec reads the annotations
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from fleetlab.errors import RecordingError
from fleetlab.recording.folder import checked
from fleetlab.recording.journal import Position  # noqa: TC001

if TYPE_CHECKING:
    from fleetlab.recording.folder import Folder

__all__ = [
    "FORMAT_VERSION",
    "MANIFEST",
    "Info",
    "Manifest",
    "Part",
    "StoppedBecause",
    "UnreadableManifest",
    "read_manifest",
]

FORMAT_VERSION: Final = 1
MANIFEST: Final = "recording.json"

StoppedBecause = Literal["time", "stop", "interrupt", "logout", "error", "unfinished"]


@dataclass(frozen=True, kw_only=True)
class Info:
    """What there is to know of a recording as a whole.

    Attributes
    ----------
    name : str
        Its name: the folder's.
    started_at, ended_at : datetime.datetime or None
        In UTC; ``ended_at`` is None while it runs.
    server : str
        API base URL of the server, or ``"demo"``.
    timezone : str or None
        IANA name of the zone of the wire's times; None where only an offset is known.
    timezone_source : str or None
        ``"argument"``, ``"server"`` or ``"inferred"``.
    utc_offset : str or None
        The offset that was inferred, such as ``"+05:45"``, where the zone isn't known.
    requests : list of dict
        What was asked for.
    note : str or None
        The text that the capture was given.
    path : str or None
        The folder; None in memory.
    stopped_because : str or None
        ``"time"``, ``"stop"``, ``"interrupt"``, ``"logout"``, ``"error"``, ``"unfinished"``; None
        while it runs.
    error : str or None
        What ended it, where that was an error.
    remark : str or None
        What a reader of the journal should know.
    fleetlab : str
        Version that recorded it.
    """

    name: str
    started_at: datetime
    ended_at: datetime | None = None
    server: str
    timezone: str | None = None
    timezone_source: str | None = None
    utc_offset: str | None = None
    requests: list[dict[str, Any]] = field(default_factory=list)
    note: str | None = None
    path: str | None = None
    stopped_because: StoppedBecause | None = None
    error: str | None = None
    remark: str | None = None
    fleetlab: str = ""


@dataclass(frozen=True)
class Part:
    """A finished Parquet file of one event.

    Attributes
    ----------
    file : str
        Name inside the recording's folder.
    rows : int
        Rows in it.
    bytes : int
        Size as a frame in memory.
    crc32 : int or None
        Checksum of the file's bytes; None where an older fleetlab wrote it.
    """

    file: str
    rows: int
    bytes: int
    crc32: int | None = None


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The content of ``recording.json``.

    Attributes
    ----------
    info : Info
        The recording as a whole.
    counts : dict of str to int
        Rows by event in the finished parts, and rows by table.
    parts : dict of str to list of Part
        Finished parts by event; one that isn't listed does not exist.
    through_seq : int
        The last frame whose rows are in the parts.
    position : Position or None
        The place in the journal just after it.
    decoder : dict
        What decoding needs to go on from there; the last content of every IoT queue among it.
    whole : bool
        Whether the journal holds nothing beyond that place.
    tables : str
        Subfolder that holds the tables until they are at the top; empty where they are.
    """

    format_version: int = FORMAT_VERSION
    info: Info
    counts: dict[str, int] = field(default_factory=dict)
    parts: dict[str, list[Part]] = field(default_factory=dict)
    through_seq: int = 0
    position: Position | None = None
    decoder: dict[str, Any] = field(default_factory=dict)
    whole: bool = False
    tables: str = ""

    def write(self, folder: Folder) -> None:
        """Replace the folder's ``recording.json`` whole."""
        # Where the folder is, the reader knows better: it may have been moved.
        plain = replace(self, info=replace(self.info, path=None))
        told: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(plain))
        told["crc32"] = _crc32(told)
        folder.write(MANIFEST, msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n")


class UnreadableManifest(RecordingError):
    """A ``recording.json`` that is missing or damaged."""


class _Version(msgspec.Struct):
    format_version: int


def no_recording(folder: Folder, lacks: str) -> str:
    """Return that a folder isn't there, or what it lacks, and what to name instead."""
    path = folder.path
    told = f"{path or folder.name} {lacks}"
    if path is not None and not path.exists():
        told = f"There is no folder {path}"
    return f"{told}. Name the folder that a capture made, such as recordings/2026-11-23T231500Z."


def read_manifest(folder: Folder) -> Manifest:
    """Read a recording's ``recording.json``.

    Raises
    ------
    UnreadableManifest
        If there is none, it can't be read, or a byte of it has changed.
    RecordingError
        If a newer fleetlab wrote it, or it names files outside of the recording.
    """
    where = folder.path or folder.name
    try:
        text = folder.read(MANIFEST)
    except (FileNotFoundError, NotADirectoryError):
        lacks = f"is no recording: it has no {MANIFEST}"
        raise UnreadableManifest(no_recording(folder, lacks)) from None
    except RecordingError as error:
        raise UnreadableManifest(str(error)) from error
    try:
        told = msgspec.json.decode(text, type=dict[str, Any])
        version = msgspec.convert(told, _Version).format_version
        sealed = told.pop("crc32", None)
        is_intact = sealed in (None, _crc32(told))
        if version > FORMAT_VERSION and (is_intact or not _is_flipped(told, version, sealed)):
            raise RecordingError(
                f"{where} has format version {version}, and this fleetlab reads up to "
                f"{FORMAT_VERSION}. Update fleetlab to read it."
            )
        if not is_intact:
            raise ValueError(  # noqa: TRY301 - told like all else that is wrong with it
                'its content has changed; if that was done by hand, take out its "crc32"'
            )
        manifest = msgspec.json.decode(text, type=Manifest)
    except (ValueError, RecursionError) as error:
        raise UnreadableManifest(f"{where}: {MANIFEST} can't be read ({error}).") from error
    for parts in manifest.parts.values():
        for part in parts:
            checked(part.file)
    return manifest


def _crc32(told: dict[str, Any]) -> int:
    """Return a checksum of the content, whatever the order and the white space."""
    return zlib.crc32(msgspec.json.encode(told, order="sorted"))


def _is_flipped(told: dict[str, Any], version: int, sealed: object) -> bool:
    """Tell whether a flipped bit has made a newer version of this one."""
    ours = told | {"format_version": FORMAT_VERSION}
    return (version ^ FORMAT_VERSION).bit_count() == 1 and sealed == _crc32(ours)
