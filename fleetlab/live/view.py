"""From a running capture to its panel, in a thread of its own; at the end something static.

Lab saves no state of widgets, so the panel gives its place in the notebook to HTML that says what
was captured. Nothing here prints, and nothing that fails here reaches the capture.
"""

from __future__ import annotations

import logging
import threading
import time
from contextvars import copy_context
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from IPython.core.getipython import get_ipython
from IPython.display import DisplayHandle

from fleetlab.live.figures import Figures, Shown
from fleetlab.live.panel import Panel, ended, living
from fleetlab.live.words import time_gone
from fleetlab.recording.describe import ENDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleetlab.progress import Progress, Watched

__all__ = ["PanelView"]

EVERY_S: Final = 1 / 3
LOOKS: Final = 3
"""Updates to one look at what is new."""

PATIENCE_S: Final = 2.0
HINT: Final = "■ in the toolbar stops it"


class PanelView:
    """A panel that shows one capture.

    Parameters
    ----------
    waits : bool
        Whether the cell waits for the end. Where the kernel has no subshells, Stop would then not
        be heard, and a hint stands in its place.
    """

    _capture: Watched
    _panel: Panel
    _where: str
    _shown: Shown

    def __init__(self, *, waits: bool) -> None:
        self._waits = waits
        self._figures = Figures()
        self._thread: threading.Thread | None = None
        handle: Any = DisplayHandle  # its functions have no types
        self._handle = handle()
        self._last: dict[str, str] | None = None

    def begin(self, capture: Watched) -> None:
        """Show the panel in this cell, and follow the capture from a thread."""
        try:
            self._capture = capture
            self._where = "On disk" if capture.recording().info.path else "In memory"
            hint = "" if not self._waits or _hears_while_busy() else HINT
            self._panel = Panel(living(self._where, hint), lambda: capture.stop("stop"))
            self._look()
            self._handle.display(self._panel)
            # In this cell's context, so that the last word goes to this cell.
            work = copy_context().run
            self._thread = threading.Thread(
                target=work, args=(self._follow,), name="fleetlab-panel", daemon=True
            )
            self._thread.start()
        except Exception as error:  # noqa: BLE001 - the capture goes on without it
            logging.getLogger("fleetlab").warning("The panel can't be shown: %s", error)

    def update(self, progress: Progress) -> None:
        """Nothing to do: it follows the capture by itself."""

    def close(self) -> None:
        """Wait until the last word is shown, if the capture has come to its end."""
        if self._thread is not None:
            self._thread.join(PATIENCE_S)

    def _ipython_display_(self) -> None:
        """Show it once more, in another cell: alive, or what it left."""
        if self._last is None:
            self._handle.display(self._panel)
        else:
            self._handle.display(self._last, raw=True)

    # -- in the thread ----------------------------------------------------------------------

    def _follow(self) -> None:
        for turn in count(1):
            if self._capture.done.wait(EVERY_S):
                break
            self._guarded(self._look if turn % LOOKS == 0 else self._glance)
        self._guarded(self._end)

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do a part of the work; what fails is told in the log, if that can be shown."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the capture knows nothing of it
            self._figures.troubles.append(f"the panel: {type(error).__name__}: {error}")

    def _glance(self) -> None:
        self._panel.show(self._shown.at(self._capture.progress()))

    def _look(self) -> None:
        self._take()
        self._panel.show(self._shown)

    def _take(self) -> None:
        capture, now = self._capture, time.monotonic()
        self._figures.take(now, capture.recent())
        self._shown = self._figures.shown(
            now, capture.progress(), capture.recording(), capture.size
        )

    def _end(self) -> None:
        """Put what was captured in the panel's place."""
        recording, error = self._capture.recording(), self._capture.error
        self._take()
        shown = self._shown
        has_any = error is None or error.recording is not None
        texts = {
            "state": "captured" if error is None else "ended by an error",
            "clock": time_gone(self._capture.progress()),
        }
        if error is not None:
            texts["log"] = f"{shown.texts['log']}\n{error}"
        last = ended(
            replace(shown, mood="ended" if error is None else "bad", texts=shown.texts | texts),
            self._where,
            "" if error is not None else ENDS.get(recording.info.stopped_because, ""),
            recording._repr_html_() if has_any else "",
        )
        plain = repr(recording) if has_any else "Nothing was captured."
        self._last = {"text/html": last, "text/plain": plain}
        self._panel.end(last)
        self._handle.update(self._last, raw=True)


def _hears_while_busy() -> bool:
    """Tell whether the kernel has subshells, so that a click is heard while a cell waits."""
    kernel = getattr(get_ipython(), "kernel", None)
    told = getattr(kernel, "kernel_info", {})
    return "kernel subshells" in told.get("supported_features", ())
