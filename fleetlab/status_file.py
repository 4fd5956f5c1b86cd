"""How a capture is, in a small file that a check of a monitoring system reads."""

from __future__ import annotations

import contextlib
import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
import polars as pl

from fleetlab.errors import InvalidArgument
from fleetlab.recording.disk import replace_file

if TYPE_CHECKING:
    from pathlib import Path

    from fleetlab.capture import Job

__all__ = ["StatusFile"]

EVERY_S: Final = 10.0
SOON_S: Final = 1.0
_WORDS: Final = ("subscribed", "lost", "failed", "retry")


class StatusFile:
    """Rewrites a file every ten seconds, and a second after something happened.

    A reader finds the old content or the new one, never half of it. One line a key, so that grep
    is enough: ``state`` (``connecting``, ``receiving``, ``lost``, ``ended``), ``since`` when, the
    last word on the connection (``detail``), ``last_message_at``, ``silent_s`` since then,
    ``recording`` with its ``messages``, ``rows``, ``gaps`` and ``bytes``, ``finished`` recordings,
    ``pid``, ``written_at``. Times are in UTC.

    Parameters
    ----------
    path : pathlib.Path
        The file; its folder has to be there.

    Raises
    ------
    InvalidArgument
        If it can't be written.
    """

    def __init__(self, path: Path) -> None:
        self.finished = 0
        self._path = path
        self._due = 0.0
        self._told: dict[str, Any] = {"state": "connecting", "since": _now()}
        self._heard = (0, 0)
        self._heard_at: datetime | None = None
        self._word: tuple[int, str] = (0, "")
        try:
            self._write()
        except OSError as error:
            raise InvalidArgument(
                f"The status can't be written to {path}: {error.strerror or error}. Name a file in "
                "a folder that is there and that you may write."
            ) from error

    def update(self, job: Job) -> None:
        """Take note of how a capture is; to be called several times a second."""
        progress = job.progress()
        heard = (id(job), progress.messages)
        if progress.messages and self._heard != heard:
            self._heard = heard
            self._heard_at = _now()
        word = (id(job), progress.state)
        if word != self._word:
            self._word = word
            self._due = min(self._due, time.monotonic() + SOON_S)
        if time.monotonic() < self._due:
            return
        recording = job.recording
        words = recording.connection.filter(pl.col("what").is_in(_WORDS)).tail(1)
        state, since = "connecting", recording.info.started_at
        for said, at in words.select("what", "logged_at").iter_rows():
            state, since = ("receiving" if said == "subscribed" else "lost"), at
        self._told = {
            "state": state if job.running else "ended",
            "since": since.replace(microsecond=0),
            "detail": progress.detail or progress.state,
            "recording": recording.info.path,
            "messages": progress.messages,
            "rows": sum(progress.rows.values()),
            "gaps": len(recording.gaps),
            "bytes": job._session.size,  # noqa: SLF001 - for the command line alone
        }
        with contextlib.suppress(OSError):  # a full disk; the file's age tells it
            self._write()

    def end(self, detail: str) -> None:
        """Tell that all is over."""
        self._told |= {"state": "ended", "since": _now(), "detail": detail}
        with contextlib.suppress(OSError):
            self._write()

    def _write(self) -> None:
        self._due = time.monotonic() + EVERY_S
        now = _now()
        silent = None if self._heard_at is None else round((now - self._heard_at).total_seconds())
        told = self._told | {
            "last_message_at": self._heard_at,
            "silent_s": silent,
            "finished": self.finished,
            "pid": os.getpid(),
            "written_at": now,
        }
        replace_file(self._path, msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n")


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
