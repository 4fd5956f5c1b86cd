"""A widget that follows a capture from a thread of its own, or shows a recording as it is.

Nothing here prints; what fails is kept, and shown in a line of the view.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import anywidget
import traitlets

from fleetlab.errors import FleetlabError
from fleetlab.job import Job
from fleetlab.live.comm import answer_where_asked

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleetlab.recording import Recording

__all__ = ["Following"]

STEP_S: Final = 0.1
PATIENCE_S: Final = 2.0


class Following(anywidget.AnyWidget):
    """What all views share: they look at what is new, and end with what they follow.

    A view says in :meth:`_prepare` and :meth:`_look` what it does at first and then every so often,
    from the thread; in :meth:`_latest`, as of when a recording is that is still written.

    Parameters
    ----------
    source : Job or Recording
        What it follows.
    every : float
        Seconds between two looks.
    """

    words = traitlets.Unicode().tag(sync=True)
    trouble = traitlets.Unicode().tag(sync=True)
    until = traitlets.Float(None, allow_none=True).tag(sync=True)

    def __init__(self, source: Job | Recording, every: float) -> None:
        self._source = source
        self._every = every
        self._errors: deque[str] = deque(maxlen=20)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        runs = self._runs()
        super().__init__(**self._prepare())
        self.on_msg(self._on_message)
        answer_where_asked(self)
        if not runs:
            self._end()
            return
        self.words = "live"
        name = f"fleetlab-{type(self).__name__.lower()}"
        self._thread = threading.Thread(target=self._follow, name=name, daemon=True)
        self._thread.start()

    @property
    def errors(self) -> tuple[str, ...]:
        """What went wrong while it kept up, the last of it."""
        return tuple(self._errors)

    def stop(self) -> None:
        """End the updates; the view stays as it is."""
        self._stopping.set()
        if self._thread not in (None, threading.current_thread()):
            self._thread.join(PATIENCE_S)

    def close(self) -> None:
        """End the updates, and take the view away."""
        self._stopping.set()
        super().close()

    def _recording(self) -> Recording:
        return self._source.recording if isinstance(self._source, Job) else self._source

    def _runs(self) -> bool:
        return isinstance(self._source, Job) and self._source.running

    # -- what each view does by itself -------------------------------------------------------

    def _prepare(self) -> dict[str, Any]:
        """Look for the first time, before it is a widget, and return its first traits.

        What fails here reaches who called.
        """
        raise NotImplementedError

    def _look(self) -> None:
        """Look at what is new, and show it."""
        raise NotImplementedError

    def _latest(self) -> datetime | None:
        """Return when something was last heard, in UTC."""
        raise NotImplementedError

    def _on_message(self, _: Any, content: Any, __: Any) -> None:
        """Take a message of a page."""

    # -- in the thread -----------------------------------------------------------------------

    def _follow(self) -> None:
        runs = True
        while runs and not self._stopping.is_set():
            self._pause()
            runs = self._runs()  # before the look, so that the last one sees everything
            if runs and self._stopping.is_set():
                break
            self._guarded(self._look)
        self._guarded(self._end)

    def _pause(self) -> None:
        until = time.monotonic() + self._every
        while self._runs() and (left := until - time.monotonic()) > 0:
            if self._stopping.wait(min(left, STEP_S)):
                return

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do a part of the work; what fails is told in the view, if that can be shown."""
        while True:
            try:
                return work()
            except KeyboardInterrupt:  # Polars raises it in every thread that it computes in
                continue
            except Exception as error:  # noqa: BLE001 - nobody else would hear of it
                self._tell(f"{type(error).__name__}: {error}")
                return None

    def _tell(self, sentence: str) -> None:
        self._errors.append(f"{datetime.now(UTC):%H:%M:%S} UTC: {sentence}")
        try:
            self.trouble = self._errors[-1]
        except Exception as error:  # noqa: BLE001 - it can't be shown, only kept
            self._errors.append(f"It can't be shown: {type(error).__name__}: {error}")

    def _end(self) -> None:
        """Say as of when it is, and let that stand."""
        info = self._recording().info
        is_over = info.ended_at is not None
        last = datetime.now(UTC) if self._thread else self._latest() or info.started_at
        ended = info.ended_at or last
        if isinstance(self._source, Job) and is_over:
            try:
                self._source.result()
            except FleetlabError as error:
                self._tell(str(error))
        why = "ended" if is_over else "stopped" if self._thread else "still written"
        with self.hold_sync():
            self.until = ended.timestamp()
            self.words = f"{why}, as of {ended:%Y-%m-%d %H:%M:%S} UTC"
