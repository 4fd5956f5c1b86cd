"""Writing to a disk that may be full, read-only or gone, and saying so in a sentence."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import secrets
import tempfile
import time
from datetime import UTC
from typing import TYPE_CHECKING, Final, Protocol

from fleetlab.errors import RecordingError, argument

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

__all__ = [
    "TEMPORARY",
    "AppendFile",
    "DiskAppend",
    "explained",
    "make_folder",
    "make_numbered",
    "replace_file",
]

TEMPORARY: Final = ".tmp"
"""Suffix of files that aren't finished; what bears it is no part of a recording."""

_FULL: Final = "Free some space there, or take another disk"
_DENIED: Final = "Choose a folder that you may write"
_ADVICE: Final = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.EROFS: _DENIED,
}

# Windows replaces no file that a reader has open; readers of small files are quick.
_TRIES: Final = 50 if os.name == "nt" else 1
_PAUSE_S: Final = 0.02


@contextlib.contextmanager
def explained(
    what: str,
    path: Path,
    *,
    let_through: type[OSError] | tuple[type[OSError], ...] = (),
    also: type[Exception] = OSError,
    is_default: bool = False,
) -> Iterator[None]:
    """Turn the system's errors into one that says what can't be done, and what to do.

    Parameters
    ----------
    what : str
        What is tried, as in ``"be written"``.
    path : pathlib.Path
        The file or folder.
    let_through : type of OSError, or tuple of them
        Errors that the caller knows how to take.
    also : type of Exception
        As what another library tells of the system's errors.
    is_default : bool
        Whether nobody may have named the place, and has to be told how.

    Raises
    ------
    RecordingError
        In place of any other, which is its cause.
    """
    try:
        yield
    except let_through:
        raise
    except (OSError, also) as error:
        number = getattr(error, "errno", None)
        if number is None and os.strerror(errno.ENOSPC) in str(error):
            number = errno.ENOSPC
        advice = _ADVICE.get(number or 0, "Check the disk, or choose another place")
        reason = getattr(error, "strerror", None) or str(error)
        how = [", with ", argument("save_to")] if is_default else []
        raise RecordingError(f"{path} can't {what}: {reason}. {advice}", *how, ".") from error


def make_folder(path: Path) -> None:
    """Make the folder for a new recording, parents too, and try to write there.

    Raises
    ------
    RecordingError
        If the path is a file, a folder that holds anything, or can't be written.
    """
    with explained("be used", path):
        is_file = path.exists() and not path.is_dir()
    if is_file:
        raise RecordingError(
            f"{path} is a file. A recording needs a folder of its own: name one that is empty or "
            "not there yet."
        )
    with explained("be made", path):
        path.mkdir(parents=True, exist_ok=True)
        held = len(list(path.iterdir()))
    if held:
        raise RecordingError(
            f"{path} is not empty (files and folders in it: {held}). A recording needs a folder "
            "of its own: name a new one."
        )
    with explained("be written", path), tempfile.TemporaryFile(dir=path, buffering=0) as file:
        file.write(b"fleetlab")


def make_numbered(parent: Path, started_at: datetime) -> Path:
    """Make ``2026-11-23T231500Z`` in a folder, or ``…-2``, ``…-3`` if taken, and return it.

    Raises
    ------
    RecordingError
        If it can't be made or written.
    """
    with explained("be made", parent, is_default=True):
        parent.mkdir(parents=True, exist_ok=True)
    stamp = started_at.astimezone(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    names = itertools.chain([stamp], (f"{stamp}-{number}" for number in itertools.count(2)))
    while True:
        path = parent / next(names)
        # Making it is the test whether it's taken: two captures may start in one second.
        try:
            with explained("be made", path, let_through=FileExistsError, is_default=True):
                path.mkdir()
        except FileExistsError:
            continue
        make_folder(path)
        return path


def replace_file(path: Path, data: bytes) -> None:
    """Replace a whole file: whoever reads it, even after a crash, has the old bytes or the new.

    Raises
    ------
    OSError
        As it comes; the old file is then as it was, and nothing else is left behind.
    """
    # In the same folder, since a rename is atomic only within one file system.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{TEMPORARY}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        for attempt in range(1, _TRIES + 1):
            try:
                temporary.replace(path)
            except PermissionError:
                if attempt == _TRIES:
                    raise
                time.sleep(_PAUSE_S)
            else:
                break
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


class AppendFile(Protocol):
    """A file that only grows; what was written can be read by others at once."""

    def write(self, data: bytes) -> None:
        """Append all of the data, or nothing of it and raise RecordingError."""

    def close(self) -> None:
        """Make it durable; no more writing."""


class DiskAppend:
    """A file that only grows, without a buffer: what is written outlives this process.

    Parameters
    ----------
    path : pathlib.Path
        The file, made if need be.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("ab", buffering=0)

    def write(self, data: bytes) -> None:
        """Append all of the data, or nothing of it and raise RecordingError."""
        start = self._file.seek(0, os.SEEK_END)
        rest = memoryview(data)
        with explained("be written", self._path):
            try:
                while rest:
                    rest = rest[self._file.write(rest) :]
            except BaseException:
                # Half of it would stand in the way of what is written once there's space again.
                with contextlib.suppress(OSError):
                    self._file.truncate(start)
                raise

    def close(self) -> None:
        """Make it durable; no more writing."""
        if self._file.closed:
            return
        with explained("be written", self._path), self._file:
            os.fsync(self._file.fileno())
