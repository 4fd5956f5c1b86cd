"""One process writes a recording's folder; an operating system's lock says so.

The lock is the system's, on an open file: it ends with the process that holds it, however that
process ends. The file may outlive a killed process and then means nothing.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from fleetlab.errors import RecordingError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

__all__ = ["LOCK_NAME", "FolderLock", "is_held"]

LOCK_NAME = "recording.lock"

# A reader's look (`is_held`) holds the lock for microseconds, which must not keep a writer out.
_TRIES = 5
_PAUSE_S = 0.02

if sys.platform == "win32":
    import msvcrt

    # Windows forbids others to read what is locked: the byte is one that the file never reaches.
    _BYTE = 1 << 20

    def _lock(descriptor: int, *, shared: bool) -> None:  # noqa: ARG001 - Windows has one kind only
        os.lseek(descriptor, _BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, _BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int, *, shared: bool) -> None:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


# What the systems answer when somebody else holds the lock; anything else is a real failure.
_HELD = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)


class FolderLock:
    """The right to write a folder, held by at most one capture of one process.

    Parameters
    ----------
    path : str or os.PathLike
        The recording's folder, which must exist.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._file = self.path / LOCK_NAME
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock, or raise at once.

        Raises
        ------
        RecordingError
            If another process, or another capture of this one, holds it, or if the folder's file
            system can't lock.
        """
        if self._descriptor is not None:
            raise RecordingError(f"{self.path} is being written by this capture already.")
        for attempt in range(1, _TRIES + 1):
            try:
                descriptor = self._try()
            except OSError as error:
                if error.errno not in _HELD:
                    raise RecordingError(
                        f"{self.path} can't be locked ({error.strerror or error}). Record to a "
                        "folder on a local disk."
                    ) from error
                if attempt == _TRIES:
                    raise RecordingError(
                        f"{self.path} is being written by {self._holder()}. Stop that capture, "
                        "or choose another folder."
                    ) from error
            else:
                if descriptor is not None:
                    self._descriptor = descriptor
                    return
            time.sleep(_PAUSE_S)
        raise RecordingError(f"{self.path}: its {LOCK_NAME} keeps vanishing; use another folder.")

    def release(self) -> None:
        """Give the lock back and remove its file where the system allows; harmless if not held."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        with contextlib.suppress(OSError):  # Windows removes no open file: tried again below
            self._file.unlink()
        with contextlib.suppress(OSError):
            _unlock(descriptor)
        os.close(descriptor)
        if os.name == "nt":
            with contextlib.suppress(OSError):
                self._file.unlink()

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def _try(self) -> int | None:
        """Return a locked descriptor, or None if the file was removed while we locked it."""
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(descriptor, shared=False)
            # Whoever held it may have removed the file between our opening and our locking. The
            # lock on a removed file keeps nobody out: the next one would make a new file.
            held = self._is_ours(descriptor)
            if held:
                os.ftruncate(descriptor, 0)
                os.lseek(descriptor, 0, os.SEEK_SET)
                os.write(descriptor, f"{os.getpid()}\n".encode())
        except BaseException:
            os.close(descriptor)
            raise
        if not held:
            os.close(descriptor)
            return None
        return descriptor

    def _is_ours(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._file.stat())
        except FileNotFoundError:
            return False

    def _holder(self) -> str:
        try:
            pid = int(self._file.read_text("ascii"))
        except (OSError, ValueError):
            return "another process"
        return "another capture of this process" if pid == os.getpid() else f"process {pid}"


def is_held(path: str | os.PathLike[str]) -> bool:
    """Whether somebody is writing the folder right now; changes nothing there.

    Parameters
    ----------
    path : str or os.PathLike
        The recording's folder.

    Returns
    -------
    bool
        False for a folder without a lock file and for one whose writer is dead.
    """
    # Windows locks through handles that may write only; the file's content stays as it is.
    mode = os.O_RDWR if os.name == "nt" else os.O_RDONLY
    try:
        descriptor = os.open(Path(path) / LOCK_NAME, mode)
    except OSError:
        return False
    try:
        _lock(descriptor, shared=True)
        _unlock(descriptor)
    except OSError as error:
        return error.errno in _HELD
    finally:
        os.close(descriptor)
    return False
