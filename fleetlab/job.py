"""A capture that goes on by itself, in the hands of who began it."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fleetlab.progress import Progress, View, clock
from fleetlab.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleetlab.plan import Plan
    from fleetlab.recording import Recording

__all__ = ["Job"]

_STEP_S = 0.1
_INTERRUPT_S = 2.0


class Job:
    """A capture that runs on its own; made by :func:`start`.

    Attributes
    ----------
    recording : Recording
        What has been recorded as of now, at a message boundary; it doesn't change any more.
    running : bool
        Whether the capture still goes on.
    view : object or None
        What shows the progress, where there is something.
    """

    _has_begun = False

    def __init__(self, plan: Plan, view: View | None = None) -> None:
        self._session = Session(plan)
        self.view = view
        self._session.start()
        self._has_begun = True
        if view is not None:
            try:
                view.begin(self._session)
            except BaseException:  # an interrupt; nobody would hold what goes on
                self._session.stop("interrupt")
                raise

    @property
    def running(self) -> bool:
        """Whether the capture still goes on."""
        return not self._session.done.is_set()

    @property
    def recording(self) -> Recording:
        """What has been recorded as of now, at a message boundary."""
        return self._session.recording()

    def __repr__(self) -> str:
        """Say how far it is."""
        if not self._has_begun:  # a traceback's tools show what its making was left at
            return "Job(not begun)"
        progress = self.progress()
        state = progress.state if self.running else "ended"
        return f"Job({state}, {clock(progress.elapsed_s)}, {sum(progress.rows.values()):,} rows)"

    def progress(self) -> Progress:
        """Return how far the capture is."""
        return self._session.progress()

    def stop(self) -> Recording:
        """End the capture and return what was caught.

        Returns
        -------
        Recording
            The whole recording, all of it written.

        Raises
        ------
        FleetlabError
            If an error had already ended it before anything was caught.
        """
        self._session.stop("stop")
        self._session.done.wait()
        error = self._session.error
        if error is not None and error.recording is None:
            raise error
        return self.recording

    def result(self) -> Recording:
        """Wait for the end and return the recording.

        Raises
        ------
        FleetlabError
            What ended the capture, if that was an error; ``.recording`` holds what was caught.
        """
        self._session.done.wait()
        return self._result()

    def _result(self) -> Recording:
        if self._session.error is not None:
            raise self._session.error
        return self.recording

    def _wait(self) -> Recording:
        """Wait in steps that an interrupt can end, showing the progress."""
        try:
            with _terminated(self._session):
                while not self._session.done.wait(_STEP_S):
                    self._show()
        except KeyboardInterrupt:
            return self._interrupted()
        finally:
            self._close_view()
        return self._result()

    async def _await(self) -> Recording:
        """Do the same without blocking the loop; an interrupt is seen between the steps."""
        try:
            while not self._session.done.is_set():
                await asyncio.sleep(_STEP_S)
                self._show()
        except asyncio.CancelledError:
            # What cancels us (Ctrl-C in asyncio.run, a time-out) gets no value: the rest is kept.
            self._session.stop("interrupt")
            raise
        except KeyboardInterrupt:
            return self._interrupted()
        finally:
            self._close_view()
        return self._result()

    def _interrupted(self) -> Recording:
        self._session.stop("interrupt")
        if self._session.done.wait(_INTERRUPT_S):
            error = self._session.error
            if error is not None and error.recording is None:
                raise error
        return self.recording

    def _show(self) -> None:
        if self.view is not None:
            self.view.update(self.progress())

    def _close_view(self) -> None:
        self._show()
        if self.view is not None:
            self.view.close()


@contextmanager
def _terminated(session: Session) -> Iterator[None]:
    """While we wait, let SIGTERM end the capture in good order before it ends the process."""
    is_ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
    if not is_ours:
        yield
        return
    came = False

    def on_signal(*_: object) -> None:
        nonlocal came
        came = True
        session.stop("stop")

    signal.signal(signal.SIGTERM, on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if came:
            session.done.wait()
            os.kill(os.getpid(), signal.SIGTERM)
