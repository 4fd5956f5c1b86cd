# ruff: noqa: D102 - the methods of both kinds are documented once, in Folder
"""Where the files of a recording live: a folder on disk, or the same thing in memory.

Names are relative and have forward slashes on every system, as in ``recording.json``.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shutil
import threading
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from fleetlab.recording import disk
from fleetlab.recording.lock import LOCK_NAME
from fleetlab.recording.names import checked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from fleetlab.recording.disk import AppendFile

__all__ = ["DiskFolder", "Folder", "MemoryFolder", "checked"]

# Whether a file that isn't there is a fault is for the caller to say.
_ABSENT = (FileNotFoundError, NotADirectoryError)


class Folder(ABC):
    """The files of one recording.

    Attributes
    ----------
    name : str
        Name of the recording.
    path : pathlib.Path or None
        Where it is on disk; None in memory.
    """

    name: str
    path: Path | None

    @abstractmethod
    def read(self, relative: str) -> bytes:
        """Return a file's bytes; FileNotFoundError if there is none."""

    @abstractmethod
    def open_read(self, relative: str) -> BinaryIO:
        """Open a file to read; FileNotFoundError if there is none."""

    @abstractmethod
    def source(self, relative: str) -> Path | bytes:
        """Return what Polars scans: a path (pass ``glob=False``) or the bytes themselves."""

    @abstractmethod
    def exists(self, relative: str) -> bool:
        """Whether there is such a file."""

    @abstractmethod
    def write(self, relative: str, data: bytes) -> None:
        """Replace a whole file or make it: readers see the old bytes or the new ones."""

    @abstractmethod
    def open_append(self, relative: str) -> AppendFile:
        """Open a file to append to, made if need be."""

    @abstractmethod
    def remove(self, relative: str) -> None:
        """Remove a file; harmless if there is none."""

    @abstractmethod
    def names(self) -> list[str]:
        """Return all files, sorted, without the lock and unfinished temporary ones."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Bytes of all files together."""

    def files(self, subfolder: str, suffix: str) -> list[str]:
        """Return the files right in a subfolder (``""``: the top) with that suffix, sorted."""
        prefix = f"{checked(subfolder)}/" if subfolder else ""
        return [
            name
            for name in self.names()
            if name.startswith(prefix) and name.endswith(suffix) and "/" not in name[len(prefix) :]
        ]

    def copy_to(self, path: str | os.PathLike[str]) -> DiskFolder:
        """Write all files to a new folder on disk, everything or nothing.

        Parameters
        ----------
        path : str or os.PathLike
            A folder that is empty or not there yet.

        Raises
        ------
        RecordingError
            If it can't be used, or the disk is full.
        """
        target = DiskFolder.create(path)
        # Deeper files first: what lists the others (recording.json) comes when they are there.
        try:
            for name in sorted(self.names(), key=lambda name: (-name.count("/"), name)):
                target.write(name, self.read(name))
        except BaseException:
            # It was empty a moment ago; half a recording would only be in the way of a second try.
            shutil.rmtree(target.path, ignore_errors=True)
            raise
        return target


class DiskFolder(Folder):
    """The files of a recording in a folder on disk.

    Parameters
    ----------
    path : str or os.PathLike
        The folder; made absolute, so that a later change of the working directory does no harm.
    """

    path: Path

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100 - drops ".." too
        self.name = self.path.name

    def __repr__(self) -> str:
        return f"DiskFolder({str(self.path)!r})"

    @classmethod
    def create(cls, path: str | os.PathLike[str]) -> DiskFolder:
        """Make the folder for a new recording, parents too, and try to write there.

        Raises
        ------
        RecordingError
            If the path is a file, a folder that holds anything, or can't be written.
        """
        folder = cls(path)
        disk.make_folder(folder.path)
        return folder

    @classmethod
    def create_default(cls, root: str | os.PathLike[str], started_at: datetime) -> DiskFolder:
        """Make ``recordings/2026-11-23T231500Z`` in a root, or ``…-2``, ``…-3`` if taken.

        Parameters
        ----------
        root : str or os.PathLike
            The folder that has, or will have, the folder ``recordings``.
        started_at : datetime.datetime
            Start of the recording; written in UTC.
        """
        return cls(disk.make_numbered(cls(root).path / "recordings", started_at))

    def read(self, relative: str) -> bytes:
        path = self._at(relative)
        with disk.explained("be read", path, let_through=_ABSENT):
            return path.read_bytes()

    def open_read(self, relative: str) -> BinaryIO:
        path = self._at(relative)
        with disk.explained("be read", path, let_through=_ABSENT):
            return path.open("rb")

    def source(self, relative: str) -> Path:
        path = self._at(relative)
        with disk.explained("be read", path, let_through=_ABSENT):
            path.stat()
        return path

    def exists(self, relative: str) -> bool:
        return self._at(relative).is_file()

    def write(self, relative: str, data: bytes) -> None:
        path = self._at(relative)
        with disk.explained("be written", path):
            self._make_parent(path)
            disk.replace_file(path, data)

    def open_append(self, relative: str) -> AppendFile:
        path = self._at(relative)
        with disk.explained("be written", path):
            self._make_parent(path)
            return disk.DiskAppend(path)

    def remove(self, relative: str) -> None:
        path = self._at(relative)
        with disk.explained("be removed", path):
            path.unlink(missing_ok=True)

    def move(self, relative: str, target: str) -> None:
        """Give a file another name, in one step; a file of that name is replaced."""
        path = self._at(target)
        with disk.explained("be written", path):
            self._make_parent(path)
            self._at(relative).replace(path)

    def names(self) -> list[str]:
        return sorted(name for name, _ in self._walk())

    @property
    def size(self) -> int:
        total = 0
        for _, path in self._walk():
            with contextlib.suppress(FileNotFoundError):  # replaced or removed under our hands
                total += path.stat().st_size
        return total

    def _at(self, relative: str) -> Path:
        return self.path / checked(relative)

    def _make_parent(self, path: Path) -> None:
        # Subfolders only: a recording's folder that somebody removed must not come back by itself.
        for parent in reversed(path.relative_to(self.path).parents[:-1]):
            (self.path / parent).mkdir(exist_ok=True)

    def _walk(self) -> Iterator[tuple[str, Path]]:
        for folder, _, files in os.walk(self.path):
            for file in files:
                path = Path(folder, file)
                name = path.relative_to(self.path).as_posix()
                if name != LOCK_NAME and not file.endswith(disk.TEMPORARY):
                    yield name, path


class MemoryFolder(Folder):
    """The files of a recording in memory; one thread may write while others read.

    Parameters
    ----------
    name : str
        Name of the recording.
    """

    path: None = None

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = threading.Lock()
        self._files: dict[str, bytes | bytearray] = {}

    def __repr__(self) -> str:
        return f"MemoryFolder({self.name!r})"

    def read(self, relative: str) -> bytes:
        with self._lock:
            data = self._files.get(checked(relative))
            if data is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), relative)
            return bytes(data)  # a copy of what still grows, the very object of what is finished

    def open_read(self, relative: str) -> BinaryIO:
        return io.BytesIO(self.read(relative))

    def source(self, relative: str) -> bytes:
        return self.read(relative)

    def exists(self, relative: str) -> bool:
        with self._lock:
            return checked(relative) in self._files

    def write(self, relative: str, data: bytes) -> None:
        with self._lock:
            self._files[checked(relative)] = bytes(data)

    def open_append(self, relative: str) -> AppendFile:
        with self._lock:
            grown = bytearray(self._files.get(checked(relative), b""))
            self._files[relative] = grown
        return _MemoryAppend(grown, self._lock)

    def remove(self, relative: str) -> None:
        with self._lock:
            self._files.pop(checked(relative), None)

    def names(self) -> list[str]:
        with self._lock:
            return sorted(self._files)

    @property
    def size(self) -> int:
        with self._lock:
            return sum(map(len, self._files.values()))


class _MemoryAppend:
    def __init__(self, grown: bytearray, lock: threading.Lock) -> None:
        self._grown = grown
        self._lock = lock

    def write(self, data: bytes) -> None:
        with self._lock:
            self._grown += data

    def close(self) -> None:
        """Nothing to do: memory needs no handle."""
