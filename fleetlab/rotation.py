"""Recordings one after another, without an end: a new one at every full hour, and nothing lost.

The next one begins while the one before still receives, and that ends when the next is subscribed.
So what comes in between is in both, and where the next can't connect, the former goes on.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import fleetlab
from fleetlab.connection import is_fatal
from fleetlab.errors import FleetlabError, InvalidArgument, RecordingError
from fleetlab.recording.disk import make_numbered
from fleetlab.timeouts import backoff, wait_after

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleetlab.capture import Job
    from fleetlab.recording import Recording

__all__ = ["Rotation", "period_s"]

_STEP_S: Final = 0.1
_DAY_S: Final = 86_400
_UNITS: Final = {"s": 1, "min": 60, "h": 3_600, "d": _DAY_S}

SHORT_S: Final = 60.0
"""A recording that the platform ends sooner is followed by none before so long a time."""


def period_s(text: str) -> int:
    """Return the seconds of a text such as ``"15min"``, ``"1h"`` or ``"1d"``.

    Raises
    ------
    InvalidArgument
        If it is none, or no day would begin with a new recording.
    """
    found = re.fullmatch(r"(\d{1,6}) ?(s|min|h|d)", text.strip())
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if not seconds or (_DAY_S % seconds and seconds % _DAY_S):
        raise InvalidArgument(
            f"--every takes a part of a day, or whole days: 15min, 1h, 6h, 1d; not {text!r}."
        )
    return seconds


class Rotation:
    """Captures that follow one another, by the clock in UTC.

    Parameters
    ----------
    arguments : dict
        Of :func:`fleetlab.start`, but for how long and where to.
    every_s : float
        How often a new one begins.
    total_s : float or None
        How long in all, from the first accepted subscription; None until stopped.
    folder : pathlib.Path
        The folder that the recordings are made in.
    done : callable
        Gets each recording when it is whole.
    tell : callable
        Gets sentences on what went wrong.
    watch : callable
        Called several times a second with the current capture.

    Attributes
    ----------
    stopping : threading.Event
        Set it to end all in good order.
    """

    def __init__(
        self,
        arguments: dict[str, Any],
        every_s: float,
        total_s: float | None,
        folder: Path,
        *,
        done: Callable[[Recording], None],
        tell: Callable[[str], None],
        watch: Callable[[Job], None],
    ) -> None:
        self.stopping = threading.Event()
        self._arguments = arguments
        self._every_s = every_s
        self._total_s = total_s
        self._folder = Path.cwd() / folder.expanduser()
        self._done = done
        self._tell = tell
        self._watch = watch
        self._until: float | None = None
        self._jobs: list[Job] = []

    def run(self) -> None:
        """Record until stopped, or until the time is over.

        Raises
        ------
        FleetlabError
            If the first connection fails, or going on can only fail. All is saved then.
        """
        try:
            slot = self._slot()
            job = self._begin()
            if self._total_s is not None:
                self._until = time.monotonic() + self._total_s
            while not self._is_over:
                self._watch(job)
                if not job.running or self._slot() != slot:
                    job = self._next(job)
                    slot = self._slot()
                self.stopping.wait(_STEP_S)
        except KeyboardInterrupt:  # Polars raises it, whoever handles the signal
            self.stopping.set()
        finally:
            while self._jobs:
                self._end(self._jobs[0])

    @property
    def _is_over(self) -> bool:
        over = self._until is not None and time.monotonic() >= self._until
        return over or self.stopping.is_set()

    def _slot(self) -> float:
        return time.time() // self._every_s

    def _begin(self, former: Job | None = None) -> Job:
        """Begin a recording, and return when it is subscribed, or all is to stop."""
        path = make_numbered(self._folder, datetime.now(UTC))
        job = fleetlab.start(**self._arguments, save_to=path, view=False)
        self._jobs.append(job)
        while job.running and not (_is_subscribed(job) or self.stopping.is_set()):
            self._watch(former if former is not None and former.running else job)
            self.stopping.wait(_STEP_S)
        if not (job.running or _is_subscribed(job)):
            try:
                job.result()
            except FleetlabError:
                self._jobs.remove(job)
                with contextlib.suppress(OSError):
                    path.rmdir()  # nothing was caught, so it is empty
                raise
        return job

    def _next(self, job: Job) -> Job:
        """Return the one that follows, once it is subscribed; the former goes on until then."""
        if not job.running:
            lasted = job.progress().elapsed_s
            self._end(job)
            if lasted < SHORT_S:
                self._pause(job, SHORT_S)
        delays = backoff()
        while not self._is_over:
            try:
                follower = self._begin(job)
            except FleetlabError as error:
                if isinstance(error, RecordingError) or is_fatal(error):
                    raise
                delay = wait_after(error.code, delays)
                self._tell(f"{error.in_terminal} Trying again in {delay:.0f} s.")
                self._pause(job, delay)
            else:
                if job in self._jobs:
                    self._end(job)
                return follower
        return job

    def _pause(self, job: Job, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._is_over:
            self._watch(job)
            self.stopping.wait(_STEP_S)

    def _end(self, job: Job) -> None:
        self._jobs.remove(job)
        job._session.stop("interrupt" if self.stopping.is_set() else "time")  # noqa: SLF001
        self._done(job.result())


def _is_subscribed(job: Job) -> bool:
    return job.progress().elapsed_s > 0
