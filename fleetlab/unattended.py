"""`fleetlab capture --every`: recordings without an end, told to terminal, log and monitor."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleetlab.console import err, out
from fleetlab.errors import FleetlabError
from fleetlab.plan import make_plan
from fleetlab.progress import choose_view
from fleetlab.rotation import Rotation, period_s
from fleetlab.status_file import StatusFile

if TYPE_CHECKING:
    from fleetlab.capture import Job
    from fleetlab.progress import View
    from fleetlab.recording import Recording

__all__ = ["rotate"]


def rotate(
    arguments: dict[str, Any],
    every: str,
    limits: tuple[float | None, float | None],
    folder: Path | None,
    status: Path | None,
    *,
    quiet: bool,
) -> bool:
    """Record until stopped, a new recording every so often; return whether it was a signal.

    Parameters
    ----------
    arguments : dict
        Of :func:`fleetlab.start`, as the options say.
    every : str
        Such as ``"1h"``.
    limits : tuple of two floats or None
        Minutes and seconds for all of them together.
    folder : pathlib.Path or None
        Where they are made; None for ``recordings``.
    status : pathlib.Path or None
        The file for monitoring.
    quiet : bool
        No progress, and of each recording only its folder.
    """
    every_s = period_s(every)
    minutes, seconds = limits
    given: dict[str, Any] = {"api_key": None, "login": None, "password": None, **arguments}
    plan = make_plan(
        minutes=minutes, seconds=seconds, save_to=None, environ=os.environ, **given
    )  # so that what doesn't fit is told before a folder is made
    teller = _Teller(status, quiet=quiet)
    rotation = Rotation(
        arguments,
        every_s,
        plan.seconds,
        folder or Path("recordings"),
        done=teller.done,
        tell=teller.tell,
        watch=teller.watch,
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: rotation.stopping.set())
    how = "failed"
    try:
        rotation.run()
        how = "stopped" if rotation.stopping.is_set() else "the time is over"
    except FleetlabError as error:
        how = error.in_terminal
        raise
    finally:
        teller.close(how)
    return rotation.stopping.is_set()


class _Teller:
    """Tells how it goes, wherever somebody may want to know."""

    def __init__(self, status: Path | None, *, quiet: bool) -> None:
        self._file = None if status is None else StatusFile(status)
        self._view: View | None = None
        self._quiet = quiet

    def watch(self, job: Job) -> None:
        if self._file is not None:
            self._file.update(job)
        if self._view is None and not self._quiet:
            self._view = choose_view("auto")
        if self._view is not None:
            self._view.update(job.progress())

    def done(self, recording: Recording) -> None:
        self._free_terminal()
        if self._file is not None:
            self._file.finished += 1
        path, gaps = recording.info.path, len(recording.gaps)
        rows = sum(recording.summary()["rows"])
        told = f"{rows:,} rows, {gaps:,} gap{'' if gaps == 1 else 's'}"
        out.print(path if self._quiet else f"{path}  {told}")

    def tell(self, words: str) -> None:
        self._free_terminal()
        err.print(f"{time.strftime('%H:%M:%S')} {words}")

    def close(self, how: str) -> None:
        self._free_terminal()
        if self._file is not None:
            self._file.end(how)

    def _free_terminal(self) -> None:
        """End the bar before a line is printed; the next one begins below it."""
        if self._view is not None:
            self._view.close()
            self._view = None
