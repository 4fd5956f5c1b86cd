"""How far a capture is, and the bar that shows it on a terminal."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from fleetlab.errors import InvalidArgument
from fleetlab.kernel import in_kernel

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping, Sequence

    import polars as pl

    from fleetlab.errors import FleetlabError
    from fleetlab.recording import Recording

__all__ = ["Progress", "View", "Watched", "choose_view", "clock"]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a capture is, at one moment.

    Attributes
    ----------
    elapsed_s : float
        Seconds since the first accepted subscription; 0 before it.
    total_s : float or None
        Seconds asked for; None: until stopped.
    state : str
        The last word on the connection: ``connecting``, ``connected``, ``subscribed``, ``lost`` …
    detail : str
        A sentence on it; may be empty.
    messages : int
        Frames received, heartbeats included.
    bytes : int
        Their size.
    rows : mapping of str to int
        Rows decoded, by event.
    """

    elapsed_s: float = 0.0
    total_s: float | None = None
    state: str = "connecting"
    detail: str = ""
    messages: int = 0
    bytes: int = 0
    rows: Mapping[str, int] = field(default_factory=dict)


class Watched(Protocol):
    """What a capture offers to those who watch it; all of it from any thread.

    Attributes
    ----------
    done : threading.Event
        Set when all is written.
    error : FleetlabError or None
        What ended it, if that was an error.
    size : int
        Bytes on disk; in memory, all of them.
    """

    done: threading.Event
    error: FleetlabError | None

    @property
    def size(self) -> int:
        """Bytes on disk; in memory, all of them."""

    def progress(self) -> Progress:
        """Return how far it is."""

    def recording(self) -> Recording:
        """Return what has been recorded as of now."""

    def recent(self) -> Sequence[Mapping[str, pl.DataFrame]]:
        """Return the rows decoded since it was last asked, by event, batch by batch."""

    def stop(self, reason: Literal["stop"]) -> None:
        """Ask for the end; returns at once."""


class View(Protocol):
    """Shows a capture; called only from the thread that began it, or waits for it."""

    def begin(self, capture: Watched) -> None:
        """Begin to show a capture that has begun."""

    def update(self, progress: Progress) -> None:
        """Show how far it is; called several times a second while somebody waits for the end."""

    def close(self) -> None:
        """Leave the last state, for nobody waits any more."""


class TerminalView:
    """A progress bar with what has come so far."""

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - keeps the import of fleetlab light
        from rich.progress import BarColumn, SpinnerColumn, TextColumn  # noqa: PLC0415
        from rich.progress import Progress as Bar  # noqa: PLC0415

        self._bar = Bar(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[clock]}"),
            TextColumn("{task.fields[caught]}"),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task("connecting", total=None, clock="", caught="")
        self._bar.start()

    def begin(self, capture: Watched) -> None:
        """Nothing to do: it shows what it is given."""

    def update(self, progress: Progress) -> None:
        """Show how far it is."""
        rows = sum(progress.rows.values())
        gone = clock(progress.elapsed_s)
        if progress.total_s is not None:
            gone += f" / {clock(progress.total_s)}"
        self._bar.update(
            self._task,
            description=progress.state,
            total=progress.total_s,
            completed=progress.elapsed_s,
            clock=gone,
            caught=f"{progress.messages:,} messages, {rows:,} rows",
        )

    def close(self) -> None:
        """Leave the last state and free the terminal."""
        self._bar.stop()


def clock(seconds: float) -> str:
    """Return a time in minutes and seconds, with hours where there are some."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def choose_view(view: Literal["auto"] | bool, *, waits: bool = True) -> View | None:
    """Return what shows a capture: a panel in Jupyter, a bar on a terminal, nothing elsewhere.

    Parameters
    ----------
    view : "auto" or bool
        True shows the bar wherever the output goes, False nothing.
    waits : bool
        Whether somebody waits for the end; nobody would draw the bar otherwise.
    """
    if view not in ("auto", True, False):
        raise InvalidArgument(f'view must be "auto", True or False, not {view!r}.')
    if view and in_kernel():
        from fleetlab.live import PanelView  # noqa: PLC0415 - only where it can be seen

        return PanelView(waits=waits)
    if view == "auto":
        view = sys.stderr.isatty()
    return TerminalView() if view and waits else None
