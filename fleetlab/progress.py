"""How far a capture is, and the bar that shows it on a terminal."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from fleetlab.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Progress", "View", "choose_view"]


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


class View(Protocol):
    """Shows the progress of a capture; called only from the thread that waits for it."""

    def update(self, progress: Progress) -> None:
        """Show how far it is."""

    def close(self) -> None:
        """Leave the last state and free the terminal."""


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

    def update(self, progress: Progress) -> None:
        """Show how far it is."""
        rows = sum(progress.rows.values())
        clock = _clock(progress.elapsed_s)
        if progress.total_s is not None:
            clock += f" / {_clock(progress.total_s)}"
        self._bar.update(
            self._task,
            description=progress.state,
            total=progress.total_s,
            completed=progress.elapsed_s,
            clock=clock,
            caught=f"{progress.messages:,} messages, {rows:,} rows",
        )

    def close(self) -> None:
        """Leave the last state and free the terminal."""
        self._bar.stop()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def choose_view(view: Literal["auto"] | bool) -> View | None:
    """Return what shows a capture: a bar on a terminal, nothing elsewhere.

    Parameters
    ----------
    view : "auto" or bool
        True shows the bar wherever the output goes, False never.
    """
    if view not in ("auto", True, False):
        raise InvalidArgument(f'view must be "auto", True or False, not {view!r}.')
    if view == "auto":
        view = sys.stderr.isatty()
    return TerminalView() if view else None
