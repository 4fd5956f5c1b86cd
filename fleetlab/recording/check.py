"""Whether the finished parts still are what was written."""

from __future__ import annotations

import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final

from fleetlab.errors import RecordingError
from fleetlab.recording.journal import remedy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleetlab.recording.folder import Folder
    from fleetlab.recording.manifest import Part

__all__ = ["intact_parts"]

_CHUNK: Final = 1 << 20
_THREADS: Final = 4


def intact_parts(
    folder: Folder, parts: Mapping[str, list[Part]], problems: list[tuple[str, str]]
) -> dict[str, list[Part]]:
    """Return the parts without those that are damaged or missing.

    Parameters
    ----------
    folder : Folder
        Where the recording lives.
    parts : mapping of str to list of Part
        The parts by event, as the manifest lists them.
    problems : list of tuple of str
        Gets file and sentence for each that is left out.
    """
    listed = [part for of_event in parts.values() for part in of_event]
    with ThreadPoolExecutor(_THREADS) as pool:
        faults = pool.map(partial(_fault, folder), listed)
        bad = {part.file: fault for part, fault in zip(listed, faults, strict=True) if fault}
    rows = {part.file: part.rows for part in listed}
    for file, fault in bad.items():
        sentence = f"{file} {fault}: {_missing(rows[file])}; {remedy(folder, 'the part')}"
        problems.append((file, sentence))
    return {
        event: [part for part in of_event if part.file not in bad]
        for event, of_event in parts.items()
    }


def _fault(folder: Folder, part: Part) -> str | None:
    crc = 0
    try:
        with folder.open_read(part.file) as file:
            while part.crc32 is not None and (chunk := file.read(_CHUNK)):
                crc = zlib.crc32(chunk, crc)
    except (FileNotFoundError, NotADirectoryError):
        return "is missing"
    except (OSError, RecordingError) as error:
        return f"can't be read ({error})"
    return "is damaged" if part.crc32 not in (None, crc) else None


def _missing(rows: int) -> str:
    return "1 row is missing" if rows == 1 else f"{rows:,} rows are missing"
